// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer

/// The tree that becomes the context of a ``LiteBuild``: assembled from layers and files of one's own, so that equal
/// steps give an equal tree, times included.
///
/// A folder that no layer has, and every file that is written, gets the time 0. No path follows a link or leaves the
/// tree.
package final class ContextTree {
    /// The root.
    package let root = FileNode.root()
    private let owner: FileOwner

    /// An empty tree, whose own files and folders will belong to `owner`.
    package init(owner: FileOwner = FileOwner()) { self.owner = owner }

    /// Adds the files of a layer, over what is there: all of them, or only what is at `path`, a folder with its
    /// content, at its own place.
    /// - Throws: a ``Failure`` of kind `input` where the layer has no such path.
    package func add(_ layer: FileNode, path: String? = nil) throws(Failure) {
        guard let path else {
            var copier = TreeCopier(into: root, owner: owner)
            return try copier.copyContent(of: layer, to: root, at: [])
        }
        guard try layer.find(Array(path.utf8)) != nil else {
            throw Failure(
                .input, "take from the layer", path, because: "the layer has no such file or folder",
                remedy: "correct the path against the base image")
        }
        try add(layer, at: Array(path.utf8))
    }

    /// Adds what a layer has at `path`, over what is there.
    func add(_ layer: FileNode, at path: [UInt8]) throws(Failure) {
        var copier = TreeCopier(into: root, owner: owner)
        try copier.copySame(path, of: layer)
    }

    /// Puts a file or a link at a path, over a file that is there; a folder is made, or is there already.
    /// - Throws: as ``write(_:size:to:mode:)``.
    func put(_ node: FileNode, at parts: [[UInt8]]) throws(Failure) {
        try FileNode.check(Array(parts.joined(separator: [UInt8(ascii: "/")])))
        var copier = TreeCopier(into: root, owner: owner)
        if node.isFolder {
            _ = try copier.makeFolders(parts)
            return
        }
        guard let name = parts.last else { return }
        let above = Array(parts.dropLast())
        let folder = try copier.makeFolders(above)
        try copier.removeFile(name, in: folder, at: above)
        folder.put(node, as: name)
    }

    /// Removes the file, link or folder at `path`.
    /// - Precondition: something is there.
    func remove(_ path: [UInt8]) throws(Failure) {
        let parts = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        let folder = try root.find(Array(parts.dropLast().joined(separator: [UInt8(ascii: "/")])))
        if let name = parts.last { folder?.remove(name) }
    }

    /// The bytes of a regular file.
    /// - Throws: a ``Failure`` of kind `input` where it is not there, `data` where it has more than `limit`
    ///   bytes or is not a regular file.
    package func read(_ path: String, limit: Int = 16 << 20) throws(Failure) -> [UInt8] {
        guard let node = try root.file(Array(path.utf8)) else {
            throw Failure(.input, "read", path, because: "the context has no such file")
        }
        return try node.bytes(limit: limit, artifact: path)
    }

    /// Writes a file; where a file is there already, in its place and with its mode and owner.
    /// - Parameter mode: of the file; `nil` for that of the one that is there, or 0644.
    /// - Throws: a ``Failure`` of kind `configuration` where a folder is there, or something that is not a folder
    ///   above it.
    package func write(
        _ content: FileContent, size: Int64, to path: String, mode: UInt32? = nil
    ) throws(Failure) {
        let bytes = Array(path.utf8)
        try FileNode.check(bytes)
        var components = bytes.split(separator: UInt8(ascii: "/")).map(Array.init)
        guard let name = components.popLast() else {
            throw Failure(.configuration, "write", path, because: "it names no file")
        }
        var copier = TreeCopier(into: root, owner: owner)
        let folder = try copier.makeFolders(components)
        var attributes = FileNode.Attributes(mode: mode ?? 0o644, uid: owner.uid, gid: owner.gid)
        if let old = folder.children[name] {
            if old.isFile { attributes = old.attributes }
            if let mode { attributes.mode = mode }
            attributes.time = .init(seconds: 0)
            try copier.removeFile(name, in: folder, at: components)
        }
        folder.put(FileNode(.file(content, size: size), attributes: attributes), as: name)
    }

    /// Writes a file of `bytes`, as ``write(_:size:to:mode:)``.
    package func write(_ bytes: [UInt8], to path: String, mode: UInt32? = nil) throws(Failure) {
        try write(.bytes(bytes), size: Int64(bytes.count), to: path, mode: mode)
    }
}

/// Whom files belong to that a build makes by itself: root, unless another user applies.
package struct FileOwner: Sendable {
    /// The owner's number.
    package var uid: UInt32
    /// The group's number.
    package var gid: UInt32

    /// An owner; root if left out.
    package init(uid: UInt32 = 0, gid: UInt32 = 0) {
        self.uid = uid
        self.gid = gid
    }
}
