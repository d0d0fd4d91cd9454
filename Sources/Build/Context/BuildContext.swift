// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI
package import Sealer

/// A folder that becomes the context of a ``LiteBuild``: assembled from layers of a store and files of one's
/// own, so that equal steps give an equal tree, times included.
///
/// Layers are copied, never touched; data is shared where the file system can. A folder that no layer has,
/// and every file that is written, gets the time given here. No path follows a link or leads out.
package final class BuildContext {
    /// The folder.
    package let path: String
    private let root: Folder
    private let tree: CopyTree
    private let time: Folder.Time

    /// Takes the empty folder at `path`, best one of ``StoreWriter/stagingFolder()``: on the store's file
    /// system, and gone when a build was interrupted.
    /// - Parameter time: seconds since 1970.
    package init(at path: String, time: Int64 = 0) throws(Failure) {
        self.path = path
        root = try Folder.open(path)
        self.time = .init(seconds: time)
        tree = CopyTree(into: root, time: time)
    }

    /// Adds the files of a layer, over what is there: all of them, or only those at `paths`, folders with
    /// their content, each at its own path.
    /// - Throws: a ``Failure`` of kind `input` where the store has no such layer or the layer no such path.
    package func add(layer id: Digest, of store: Store, paths: [String]? = nil) throws(Failure) {
        guard store.hasLayer(id) else {
            throw Failure(
                .input, "take files from", "the layer \(id)", because: "the store has no such layer",
                remedy: "import all layers of the base first")
        }
        let source = try Folder.open(store.layerFolder(id))
        for path in try paths?.map(Self.bytes) ?? [[]] {
            do throws(Failure) { try tree.copySame(path, of: source) } catch {
                guard error.kind == .input else { throw error }
                throw Failure(
                    .input, "take \(String(decoding: path, as: UTF8.self)) from", "the layer \(id)",
                    because: "it is not there", remedy: "check the spec's paths against the base image")
            }
        }
    }

    /// The bytes of a regular file.
    /// - Throws: a ``Failure`` of kind `input` where it is not there, `data` where it has more than `limit`
    ///   bytes or is no regular file.
    package func read(_ path: String, limit: Int = 16 << 20) throws(Failure) -> [UInt8] {
        try root.file(Self.bytes(path)).bytes(limit: limit)
    }

    /// Writes a file that `body` fills; where a file is there already, in its place and with its mode and
    /// owner. After a failure the folder is of no use.
    /// - Parameter mode: of a new file.
    package func write(
        _ path: String, mode: UInt32 = 0o644, _ body: (File) throws(Failure) -> Void
    ) throws(Failure) {
        let components = try Self.bytes(path).split(separator: UInt8(ascii: "/")).map(Array.init)
        guard let name = components.last else {
            throw Failure(.configuration, "write", path, because: "it names no file")
        }
        let place = Array(components.dropLast())
        let folder = try tree.makeFolders(place)
        var (uid, gid, mode) = (geteuid(), getegid(), mode)
        if try folder.names().contains(name) {
            let old = try folder.status(of: name)
            if old.kind == .file { (uid, gid, mode) = (old.uid, old.gid, old.mode) }
            try tree.removeFile(name, in: folder, at: place)
        }
        let file = try folder.createFile(name)
        try body(file)
        try file.set(uid: uid, gid: gid, mode: mode, time: time)
    }

    /// Writes a file of `bytes`, as ``write(_:mode:_:)``.
    package func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(Failure) {
        try write(path, mode: mode) { (file) throws(Failure) in
            var offset: Int64 = 0
            var stream = MemoryStream(bytes)
            try stream.forEachChunk { (part) throws(Failure) in
                try file.write(part, at: offset)
                offset += Int64(part.count)
            }
        }
    }

    /// Gives the folders their times; nothing may be added afterwards.
    package func finish() throws(Failure) { try tree.finish() }

    private static func bytes(_ path: String) throws(Failure) -> [UInt8] {
        let bytes = Array(path.utf8)
        if let fault = Folder.fault(in: bytes) {
            throw Failure(.configuration, "use the path", "'\(path.prefix(200))'", because: fault)
        }
        return bytes
    }
}

extension Store {
    /// Whether the layer has a regular file at `path`; false where a link stands on the way.
    package func holds(_ path: String, inLayer id: Digest) throws(Failure) -> Bool {
        do throws(Failure) {
            _ = try Folder.open(layerFolder(id)).file(Array(path.utf8))
            return true
        } catch {
            if error.kind == .input || error.kind == .data { return false }
            throw error
        }
    }
}
