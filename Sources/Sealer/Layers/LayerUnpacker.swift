// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Puts the entries of a tar below a folder, and nothing anywhere else.
final class LayerUnpacker {
    /// More entries than any image has: a bound on inodes and on the memory for folders.
    private static let mostEntries = 1 << 22

    private let root: Folder
    private var parent: (path: [UInt8], folder: Folder)
    private var folders: [LateFolder] = []
    private var implied: Set<[UInt8]> = []
    private var count = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)

    /// A folder's owner, mode and time are set when all that is in it is written.
    private struct LateFolder {
        let path: [UInt8]
        /// `nil` for one that no entry has named.
        let attributes: FileNode.Attributes?
    }

    init(into folder: String) throws(Failure) {
        if mkdir(folder, 0o755) != 0, errno != EEXIST { throw Failure.system("create", artifact: folder) }
        root = try Folder.open(folder)
        parent = ([], root)
        guard try root.names().isEmpty else {
            throw Failure(.space, "unpack a layer into", folder, because: "the folder is not empty")
        }
    }

    deinit { buffer.deallocate() }

    /// Puts one entry in place; its content is read from `content`, and its checksum given back.
    func add(_ header: TarHeader, content: inout TarReader) throws(Failure) -> CRC64 {
        count += 1
        guard count <= Self.mostEntries else { throw refuse(header, reason: "there are too many entries") }
        var checksum = CRC64()
        guard let path = try path(of: header) else { return checksum }
        if let fault = LayerEntryName.faultOfNumbers(in: header) { throw refuse(header, reason: fault) }
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let name = Array(path[(slash.map { $0 + 1 } ?? 0)...])
        let folder = try enter(slash.map { Array(path[..<$0]) } ?? [])
        if name.starts(with: LayerWalker.whiteoutPrefix) {
            try hide(name, in: folder, header: header)
            return checksum
        }
        switch header.kind {
        case .file:
            let file = try folder.createFile(name)
            var offset: Int64 = 0
            while true {
                let count = try content.read(into: buffer)
                if count == 0 { break }
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                checksum.update(bytes)
                try file.write(bytes, at: offset)
                offset += Int64(count)
            }
            try file.set(uid: header.uid, gid: header.gid, mode: header.mode, time: header.time)
        case .directory:
            try addFolder(name, at: path, in: folder, header: header)
        case .hardLink:
            try link(name, in: folder, header: header)
        case .symlink:
            try folder.createLink(name, to: header.linkName)
            try folder.set(name, uid: header.uid, gid: header.gid, mode: nil, time: header.time)
        case .characterDevice, .blockDevice, .fifo:
            try folder.createNode(
                name, kind: header.kind, major: header.deviceMajor, minor: header.deviceMinor)
            try folder.set(name, uid: header.uid, gid: header.gid, mode: header.mode, time: header.time)
        }
        return checksum
    }

    /// Sets what was left for the end, the deepest folders first.
    func finish() throws(Failure) {
        folders.sort { $1.path.lexicographicallyPrecedes($0.path) }
        for late in folders {
            let folder = try root.folder(late.path)
            if let own = late.attributes {
                try folder.set(uid: own.uid, gid: own.gid, mode: own.mode, time: own.time)
            } else if implied.contains(late.path) {
                try folder.set(uid: geteuid(), gid: getegid(), mode: 0o755, time: .init(seconds: 0))
            }
        }
    }

    /// The path of an entry below the root; `nil` for the root itself, which belongs to the store.
    private func path(of header: TarHeader) throws(Failure) -> [UInt8]? {
        let path = try LayerEntryName.path(of: header) { refuse(header, reason: $0) }
        return path.isEmpty ? nil : path
    }

    /// The folder at `path`, made with all above it where the tar did not name it yet.
    private func enter(_ path: [UInt8]) throws(Failure) -> Folder {
        if parent.path == path { return parent.folder }
        do throws(Failure) {
            parent = (path, try root.folder(path))
        } catch  where error.kind == .input {
            let slash = path.lastIndex(of: UInt8(ascii: "/"))
            let above = try enter(slash.map { Array(path[..<$0]) } ?? [])
            try above.createFolder(Array(path[(slash.map { $0 + 1 } ?? 0)...]))
            implied.insert(path)
            folders.append(LateFolder(path: path, attributes: nil))
            parent = (path, try root.folder(path))
        }
        return parent.folder
    }

    private func addFolder(
        _ name: [UInt8], at path: [UInt8], in folder: Folder, header: TarHeader
    ) throws(Failure) {
        if implied.remove(path) == nil { try folder.createFolder(name) }
        folders.append(LateFolder(path: path, attributes: .init(header, names: nil)))
    }

    private func link(_ name: [UInt8], in folder: Folder, header: TarHeader) throws(Failure) {
        let target = try LayerEntryName.checked(header.linkName, isFolder: false) {
            refuse(header, reason: $0)
        }
        if target.isEmpty { throw refuse(header, reason: "it links to nothing") }
        let slash = target.lastIndex(of: UInt8(ascii: "/"))
        do throws(Failure) {
            let source = slash == nil ? root : try root.folder(Array(target[..<slash!]))
            try folder.createHardLink(name, to: Array(target[(slash.map { $0 + 1 } ?? 0)...]), in: source)
        } catch  where error.kind == .input {
            throw refuse(header, reason: "it links to no regular file before it")
        }
    }

    /// A whiteout: the name it hides becomes a device 0/0, or the folder it is in opaque.
    private func hide(_ name: [UInt8], in folder: Folder, header: TarHeader) throws(Failure) {
        guard header.kind == .file, header.size == 0 else {
            throw refuse(header, reason: "a whiteout must be an empty regular file")
        }
        if name == LayerWalker.opaqueName {
            guard folder.attribute(LayerWalker.opaqueAttribute) == nil else {
                throw refuse(header, reason: "the name is there twice")
            }
            try folder.setAttribute(LayerWalker.opaqueAttribute, to: [UInt8(ascii: "y")])
            return
        }
        let hidden = Array(name.dropFirst(LayerWalker.whiteoutPrefix.count))
        guard !hidden.isEmpty, hidden != [0x2E], hidden != [0x2E, 0x2E],
            !hidden.starts(with: LayerWalker.whiteoutPrefix)
        else { throw refuse(header, reason: "it is a whiteout of nothing") }
        try folder.createNode(hidden, kind: .characterDevice)
        try folder.set(hidden, uid: header.uid, gid: header.gid, mode: 0o600, time: header.time)
    }

    private func refuse(_ header: TarHeader, reason: String) -> Failure {
        Failure(
            .data, "unpack", "'\(header.shownName)' into \(root.path)", because: reason,
            remedy: "do not trust this layer: an honest one holds nothing of the kind")
    }
}

extension TarHeader {
    fileprivate var time: Folder.Time { Folder.Time(seconds: mtime, nanoseconds: nanoseconds) }
}
