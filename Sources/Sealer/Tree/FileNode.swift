// SPDX-License-Identifier: Apache-2.0
package import OCI

/// One file, folder, link or device of a tree that becomes a layer. A tree is its root folder.
///
/// Nothing of it needs to be on a disk: `FileContent` says where the bytes of a file come from. Two names of a layer
/// that share one node are hard links. A file costs about 150 bytes of memory and its name. A file's node is never changed once it is in a tree; folders are, by the one
/// thread that assembles the tree.
package final class FileNode {
    /// What a node is.
    package enum Form {
        /// A folder; its children are in ``FileNode/children``.
        case folder
        /// A regular file of that many bytes.
        case file(FileContent, size: Int64)
        /// A symbolic link.
        case symlink(target: [UInt8])
        /// A device; the character device 0/0 is overlayfs's whiteout.
        case device(TarHeader.Kind, major: UInt32, minor: UInt32)
    }

    /// What it is.
    package let form: Form
    /// Whether a folder hides what lower layers have at its place.
    package var isOpaque = false
    /// Whether a file has several names in the tree of its layer.
    var isLinked = false
    /// Mode, owner and time.
    package var attributes: Attributes
    /// What a folder holds, by name.
    package internal(set) var children = FileChildren()

    /// A node without children.
    package init(_ form: Form, attributes: Attributes) {
        self.form = form
        self.attributes = attributes
    }

    /// An empty root; its own attributes are in no layer.
    package static func root() -> FileNode { FileNode(.folder, attributes: .init(mode: 0o755)) }

    /// Whether it is a folder.
    package var isFolder: Bool { if case .folder = form { true } else { false } }

    /// Whether it is a regular file.
    package var isFile: Bool { if case .file = form { true } else { false } }

    /// Whether it hides a name of a lower layer.
    package var isWhiteout: Bool {
        if case .device(.characterDevice, major: 0, minor: 0) = form { true } else { false }
    }

    /// The names of the children, in the order of their bytes.
    package var names: [[UInt8]] { children.ordered.map(\.name) }

    /// What is at `path` below this folder, the empty path being itself; `nil` where nothing is.
    /// - Throws: a ``Failure`` of kind `data` where a symbolic link is on the way, `configuration` for a path
    ///   that is not well formed.
    package func find(_ path: [UInt8]) throws(Failure) -> FileNode? {
        if path.isEmpty { return self }
        try Self.check(path)
        var node = self
        for name in path.split(separator: UInt8(ascii: "/")) {
            if case .symlink = node.form { throw Self.linked(path) }
            guard let next = node.children[Array(name)] else { return nil }
            node = next
        }
        return node
    }

    /// The regular file at `path`; `nil` where nothing is.
    /// - Throws: as ``find(_:)``, and a ``Failure`` of kind `data` where it is something else.
    package func file(_ path: [UInt8]) throws(Failure) -> FileNode? {
        guard let node = try find(path) else { return nil }
        guard node.isFile else {
            throw Failure(.data, "open", Self.shown(path), because: "it is not a regular file")
        }
        return node
    }

    /// Whether a regular file is at `path`; false where a link is on the way.
    package func holds(_ path: String) -> Bool { (try? find(Array(path.utf8)))??.isFile ?? false }

    /// The bytes of a regular file.
    /// - Throws: a ``Failure`` of kind `data` where it has more than `limit` bytes.
    package func bytes(limit: Int, artifact: String) throws(Failure) -> [UInt8] {
        guard case .file(let content, let size) = form else {
            throw Failure(.data, "open", artifact, because: "it is not a regular file")
        }
        guard size <= Int64(limit) else {
            throw Failure(
                .data, "read", artifact, because: "it has \(size) bytes, and at most \(limit) are expected",
                remedy: "check that this is the file that is meant")
        }
        var stream = try content.open(size: size)
        return try stream.readAll(limit: limit, artifact: artifact)
    }

    /// Gives the child `name` its place, over what was there.
    package func put(_ child: FileNode, as name: [UInt8]) { children.set(child, at: name) }

    /// Gives this folder the children of `other`, in place of its own: the same nodes, in memory that both share until
    /// one of them gets or loses a child.
    package func share(childrenOf other: FileNode) { children = other.children }

    /// Takes the child `name` away.
    package func remove(_ name: [UInt8]) { children.set(nil, at: name) }

    /// Refuses a path that is not relative, or has a component that no file system takes.
    package static func check(_ path: [UInt8]) throws(Failure) {
        guard let fault = Folder.fault(in: path) else { return }
        throw Failure(
            .configuration, "use the path", "'\(shown(Array(path.prefix(200))))'", because: fault,
            remedy: "name a relative path without '..', each part of at most 255 bytes")
    }

    /// A path for an error.
    package static func shown(_ path: [UInt8]) -> String {
        String(decoding: path.prefix(300).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
    }

    static func linked(_ path: [UInt8]) -> Failure {
        Failure(.data, "open", shown(path), because: "a symbolic link is on the way to it")
    }
}
