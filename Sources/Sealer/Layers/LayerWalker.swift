// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Walks a tree in the order of a sealer layer and gives what its tar says of each entry.
///
/// sealer rules 3.1 to 3.5 and 3.10 to 3.12. Only the folder at hand is open, so depth costs nothing.
package final class LayerWalker {
    /// One entry of the tar, without the names of its owners.
    struct Entry {
        var header: TarHeader
        /// A regular file with content, open.
        var file: File?
    }

    /// The attribute by which overlayfs hides what is below a folder.
    package static let opaqueAttribute = "trusted.overlay.opaque"
    package static let whiteoutPrefix = Array(".wh.".utf8)
    package static let opaqueName = Array(".wh..wh..opq".utf8)

    private let root: Folder
    private var levels: [(path: [UInt8], names: [[UInt8]], next: Int)]
    private var open: (path: [UInt8], folder: Folder)
    private var opaque: TarHeader?

    init(_ folder: String) throws(Failure) {
        root = try Folder.open(folder)
        levels = [([], try root.names(), 0)]
        open = ([], root)
    }

    /// The next entry; `nil` when the whole tree has been walked.
    func next() throws(Failure) -> Entry? {
        if let opaque {
            self.opaque = nil
            return Entry(header: opaque)
        }
        while let level = levels.last {
            guard level.next < level.names.count else {
                levels.removeLast()
                continue
            }
            levels[levels.count - 1].next += 1
            if let entry = try entry(level.names[level.next], in: level.path) { return entry }
        }
        return nil
    }

    private func entry(_ name: [UInt8], in path: [UInt8]) throws(Failure) -> Entry? {
        if open.path != path { open = (path, path.isEmpty ? root : try root.folder(path)) }
        let status = try open.folder.status(of: name)
        let full = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
        guard let kind = status.kind, kind != .fifo else { return nil }
        var header = TarHeader(
            name: full, kind: kind, mode: status.mode, uid: status.uid, gid: status.gid,
            mtime: status.time.rounded)
        switch kind {
        case .directory:
            try enter(full, header: header)
        case .symlink:
            header.linkName = try open.folder.linkTarget(of: name)
        case .characterDevice where status.deviceMajor == 0 && status.deviceMinor == 0:
            header.name = path + (path.isEmpty ? [] : [UInt8(ascii: "/")]) + Self.whiteoutPrefix + name
            header.kind = .file
            header.mode = 0o600
        case .characterDevice, .blockDevice:
            (header.deviceMajor, header.deviceMinor) = (status.deviceMajor, status.deviceMinor)
        default:
            header.size = status.size
            if status.size > 0 { return Entry(header: header, file: try open.folder.file(name)) }
        }
        return Entry(header: header)
    }

    /// Goes down into a folder; an opaque one has an entry of its own before its children.
    private func enter(_ path: [UInt8], header: TarHeader) throws(Failure) {
        let folder = try root.folder(path)
        levels.append((path, try folder.names(), 0))
        open = (path, folder)
        guard folder.attribute(Self.opaqueAttribute) == [UInt8(ascii: "y")] else { return }
        opaque = TarHeader(
            name: path + [UInt8(ascii: "/")] + Self.opaqueName, mode: header.mode & 0o777, uid: header.uid,
            gid: header.gid)
    }
}
