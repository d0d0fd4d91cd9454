// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

extension FileNode {
    /// The tree of the files below the folder at `path`, whose contents are read from there. Pipes and sockets are
    /// left out; names that are hard links of one file share a node.
    ///
    /// The host's accounts are not asked: an owner is `root` or has no name.
    package static func scanned(_ path: String) throws(Failure) -> FileNode {
        let top = try Folder.open(path)
        let root = FileNode.root()
        let files = StoredFiles(below: top)
        var linked: [Inode: FileNode] = [:]
        var pending: [(path: [UInt8], node: FileNode)] = [([], root)]
        while let (path, node) = pending.popLast() {
            let folder = path.isEmpty ? top : try top.folder(path)
            node.isOpaque = folder.attribute(LayerWalker.opaqueAttribute) == [UInt8(ascii: "y")]
            for name in try folder.names() {
                let full = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
                guard let child = try child(name, of: folder, at: full, in: files, linked: &linked) else {
                    continue
                }
                node.put(child, as: name)
                if child.isFolder { pending.append((full, child)) }
            }
        }
        return root
    }

    private struct Inode: Hashable {
        var device: UInt64
        var number: UInt64
    }

    private static func child(
        _ name: [UInt8], of folder: Folder, at path: [UInt8], in files: StoredFiles,
        linked: inout [Inode: FileNode]
    ) throws(Failure) -> FileNode? {
        let status = try folder.status(of: name)
        let attributes = Attributes(mode: status.mode, uid: status.uid, gid: status.gid, time: status.time)
        switch status.kind {
        case .directory: return FileNode(.folder, attributes: attributes)
        case .symlink:
            return FileNode(.symlink(target: try folder.linkTarget(of: name)), attributes: attributes)
        case .characterDevice?, .blockDevice?:
            return FileNode(
                .device(status.kind!, major: status.deviceMajor, minor: status.deviceMinor),
                attributes: attributes)
        case .file:
            var found = stat()
            let flags = AT_SYMLINK_NOFOLLOW
            let code = (name + [0]).withUnsafeBytes {
                fstatat(
                    folder.descriptor, $0.baseAddress!.assumingMemoryBound(to: CChar.self), &found, flags)
            }
            guard code == 0 else { throw Failure.system("examine", artifact: folder.shown(name)) }
            let inode = Inode(device: UInt64(found.st_dev), number: UInt64(found.st_ino))
            if found.st_nlink > 1, let first = linked[inode] { return first }
            let node = FileNode(
                .file(.stored(files, files.add(path)), size: status.size), attributes: attributes)
            if found.st_nlink > 1 {
                node.isLinked = true
                linked[inode] = node
            }
            return node
        default: return nil
        }
    }
}
