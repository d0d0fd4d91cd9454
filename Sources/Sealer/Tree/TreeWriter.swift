// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Writes the entries of a tree below a folder while their tar is made, so that each byte is read once.
///
/// Owners, modes, links and times to the nanosecond are those of the nodes. What a file made for the build holds is
/// linked into place and not written again; runs of zeros become holes.
final class TreeWriter {
    private let root: Folder
    private var parent: (path: [UInt8], folder: Folder)
    /// The folders that are being filled, each in the one before: they get their times when all that is in them is written.
    private var folders: [(path: [UInt8], attributes: FileNode.Attributes)] = []
    /// Where a file that has several names was put first.
    private var placed: [ObjectIdentifier: [UInt8]] = [:]
    private var open: (file: File, attributes: FileNode.Attributes, size: Int64)?

    /// A writer into the empty folder at `path`.
    init(into path: String) throws(Failure) {
        root = try Folder.open(path)
        parent = ([], root)
    }

    /// Makes the entry, which comes in the order of a walk; the content of a file follows by ``write(_:at:)``.
    func begin(_ path: [UInt8], node: FileNode) throws(Failure) {
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let above = slash.map { Array(path[..<$0]) } ?? []
        while let last = folders.last, last.path != above { try leave() }
        let folder = try enter(above)
        let name = slash.map { Array(path[($0 + 1)...]) } ?? path
        let attributes = node.attributes
        switch node.form {
        case .folder:
            try folder.createFolder(name)
            if node.isOpaque {
                try folder.folder(name).setAttribute(LayerWalker.opaqueAttribute, to: [UInt8(ascii: "y")])
            }
            folders.append((path, attributes))
        case .symlink(let target):
            try folder.createLink(name, to: target)
            try folder.set(
                name, uid: attributes.uid, gid: attributes.gid, mode: nil, time: attributes.time)
        case .device(let kind, let major, let minor):
            try folder.createNode(name, kind: kind, major: major, minor: minor)
            try folder.set(
                name, uid: attributes.uid, gid: attributes.gid, mode: attributes.mode, time: attributes.time)
        case .file(let content, let size):
            if node.isLinked {
                if let first = placed[ObjectIdentifier(node)] { return try link(name, in: folder, to: first) }
                placed[ObjectIdentifier(node)] = path
            }
            if case .made(let file) = content, try take(file, as: name, in: folder, attributes: attributes) {
                return
            }
            let file = try folder.createFile(name)
            guard ftruncate(file.descriptor, off_t(size)) == 0 else {
                throw Failure.system("enlarge", artifact: file.path)
            }
            open = (file, attributes, size)
            if size == 0 { try end() }
        }
    }

    /// Writes a piece of the content of the file that was begun last; nothing where it was linked.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        guard let open, !Self.isZero(bytes) else { return }
        try open.file.write(bytes, at: offset)
    }

    /// Ends the file that was begun last.
    func end() throws(Failure) {
        guard let (file, attributes, _) = open else { return }
        open = nil
        try file.set(
            uid: attributes.uid, gid: attributes.gid, mode: attributes.mode, time: attributes.time)
    }

    /// Gives the folders that are left owner, mode and time; nothing may be written afterwards.
    func finish() throws(Failure) { while !folders.isEmpty { try leave() } }

    /// Gives the innermost folder owner, mode and time.
    private func leave() throws(Failure) {
        let (path, attributes) = folders.removeLast()
        try enter(path).set(
            uid: attributes.uid, gid: attributes.gid, mode: attributes.mode, time: attributes.time)
    }

    private func enter(_ path: [UInt8]) throws(Failure) -> Folder {
        if parent.path != path { parent = (path, path.isEmpty ? root : try root.folder(path)) }
        return parent.folder
    }

    /// Gives the file at `first` one more name.
    private func link(_ name: [UInt8], in folder: Folder, to first: [UInt8]) throws(Failure) {
        let slash = first.lastIndex(of: UInt8(ascii: "/"))
        let holder = try root.folder(slash.map { Array(first[..<$0]) } ?? [])
        try folder.createHardLink(name, to: slash.map { Array(first[($0 + 1)...]) } ?? first, in: holder)
    }

    /// Links a file that was made for the build into place; false where it has a place already, or is elsewhere.
    private func take(
        _ file: File, as name: [UInt8], in folder: Folder, attributes: FileNode.Attributes
    ) throws(Failure) -> Bool {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0, status.st_nlink == 1 else { return false }
        let linked = (name + [0]).withUnsafeBytes {
            linkat(
                AT_FDCWD, file.path, folder.descriptor,
                $0.baseAddress!.assumingMemoryBound(to: CChar.self), 0)
        }
        guard linked == 0 else { return false }
        try file.set(
            uid: attributes.uid, gid: attributes.gid, mode: attributes.mode, time: attributes.time)
        return true
    }

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 4096, let base = bytes.baseAddress, bytes[0] == 0 else { return false }
        return memcmp(base, base + 1, bytes.count - 1) == 0
    }
}
