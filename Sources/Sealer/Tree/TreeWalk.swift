// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Walks a tree in the order of a sealer layer and gives what its tar says of each entry.
///
/// Source: sealer rules 3.1 to 3.5 and 3.10 to 3.12, in <doc:Rules>.
struct TreeWalk {
    /// One entry of the tar.
    struct Entry {
        var header: TarHeader
        /// The path in the tree; the node of a whiteout is at the name that it hides.
        var path: [UInt8]
        /// `nil` for the mark of an opaque folder, which is the folder's own.
        var node: FileNode?
    }

    private var levels: [(path: [UInt8], children: FileChildren.Walk)]
    private var opaque: Entry?

    init(_ root: FileNode) { levels = [([], root.children.ordered)] }

    /// The next entry; `nil` when the whole tree has been walked.
    /// - Throws: a ``Failure`` of kind `data` for a path that is too long for a file system.
    mutating func next() throws(Failure) -> Entry? {
        if let opaque {
            self.opaque = nil
            return opaque
        }
        while !levels.isEmpty {
            let last = levels.count - 1
            if let (name, node) = levels[last].children.next() {
                return try entry(name, node: node, in: levels[last].path)
            }
            levels.removeLast()
        }
        return nil
    }

    private mutating func entry(
        _ name: [UInt8], node: FileNode, in folder: [UInt8]
    ) throws(Failure) -> Entry {
        let start = folder.isEmpty ? [] : folder + [UInt8(ascii: "/")]
        let path = start + name
        if let fault = Folder.fault(in: path) {
            throw Failure(
                .data, "make a layer with", "'\(FileNode.shown(path))'", because: fault,
                remedy: "shorten the path")
        }
        let attributes = node.attributes
        var header = TarHeader(
            name: path, mode: attributes.mode, uid: attributes.uid, gid: attributes.gid,
            mtime: attributes.time.rounded, userName: attributes.userName, groupName: attributes.groupName)
        switch node.form {
        case .folder:
            header.kind = .directory
            levels.append((path, node.children.ordered))
            if node.isOpaque { opaque = mark(of: header, at: path) }
        case .symlink(let target): (header.kind, header.linkName) = (.symlink, target)
        case .device where node.isWhiteout:
            header.name = start + LayerWalker.whiteoutPrefix + name
            header.mode = 0o600
        case .device(let kind, let major, let minor):
            (header.kind, header.deviceMajor, header.deviceMinor) = (kind, major, minor)
        case .file(_, let size): header.size = size
        }
        return Entry(header: header, path: path, node: node)
    }

    /// The entry that an opaque folder has before its children.
    private func mark(of folder: TarHeader, at path: [UInt8]) -> Entry {
        let header = TarHeader(
            name: path + [UInt8(ascii: "/")] + LayerWalker.opaqueName, mode: folder.mode & 0o777,
            uid: folder.uid, gid: folder.gid, userName: folder.userName, groupName: folder.groupName)
        return Entry(header: header, path: path, node: nil)
    }
}
