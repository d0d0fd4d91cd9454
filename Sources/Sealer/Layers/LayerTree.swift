// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// The names and attributes below a layer's folder, compared with those of its tar one by one.
///
/// Whiteouts and the marks of opaque folders have no attributes: overlayfs does not look at any, and writers of tars
/// disagree on them. A time that no file system keeps is the nearest one that this file system has.
struct LayerTree {
    private struct Node {
        var kind: TarHeader.Kind
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        var mtime: Int64
        var linkName: [UInt8]
        var device: [UInt32]

        init(_ header: TarHeader) {
            (kind, mode, uid, gid) = (header.kind, header.mode, header.uid, header.gid)
            (mtime, linkName) = (header.mtime, header.linkName)
            device = [header.deviceMajor, header.deviceMinor]
        }
    }
    private let root: Folder
    private var nodes: [[UInt8]: Node] = [:]
    private var wanted: Set<[UInt8]> = []
    private var lost: [String] = []
    private var wrong: [String] = []

    /// Reads the names and attributes below `folder`.
    init(_ folder: String) throws(Failure) {
        root = try Folder.open(folder)
        let walk = try LayerWalker(folder)
        while let header = try walk.next()?.header { nodes[header.name] = Node(header) }
        // The walk has no entry for the root, and so none for its mark.
        if root.attribute(LayerWalker.opaqueAttribute) == [UInt8(ascii: "y")] {
            nodes[LayerWalker.opaqueName] = Node(TarHeader(name: LayerWalker.opaqueName, mode: 0))
        }
    }

    /// Compares what is there with the next entry of the tar.
    mutating func compare(with header: TarHeader) throws(Failure) {
        let name = Self.place(of: header)
        if name.isEmpty { return }
        var parent = name[...]
        while let slash = parent.lastIndex(of: UInt8(ascii: "/")) {
            parent = parent[..<slash]
            guard wanted.insert(Array(parent)).inserted else { break }
        }
        // sealer's rules leave pipes out of a layer, so no walk shows them.
        if header.kind == .fifo { return }
        guard let node = nodes.removeValue(forKey: name) else { return miss(header) }
        if Self.isWhiteout(name) { return }
        if header.kind == .hardLink { return try compareLink(header, node: node) }
        guard node.kind == header.kind else { return wrong.append("\(header.shownName) is a \(node.kind)") }
        compareAttributes(header, node: node)
        if header.kind == .symlink, node.linkName != header.linkName {
            // A built symlink has its own place in a folder that is gone as its target: sealer's fault.
            let text = "\(header.shownName) is a link to something else"
            if header.linkName.suffix(name.count).elementsEqual(name) {
                lost.append(text)
            } else {
                wrong.append(text)
            }
        }
    }

    private mutating func compareAttributes(_ header: TarHeader, node: Node) {
        if node.mode != header.mode, header.kind != .symlink {
            let text = "\(header.shownName) has the mode \(octal(node.mode)), not \(octal(header.mode))"
            if Self.isLostByPull(node.mode, of: header.mode) { lost.append(text) } else { wrong.append(text) }
        }
        if node.uid != header.uid || node.gid != header.gid {
            let text =
                "\(header.shownName) belongs to \(node.uid):\(node.gid), not \(header.uid):\(header.gid)"
            if node.uid == 0 && node.gid == 0 { lost.append(text) } else { wrong.append(text) }
        }
        let isDevice = header.kind == .characterDevice || header.kind == .blockDevice
        if isDevice, node.device != [header.deviceMajor, header.deviceMinor] {
            wrong.append("\(header.shownName) is another device")
        }
        if header.kind == .file, !Self.isTime(node.mtime, of: header) {
            wrong.append("\(header.shownName) has another time")
        }
    }

    /// Where the entry is in the tree's own tar: a device 0/0 is the whiteout of its name.
    private static func place(of header: TarHeader) -> [UInt8] {
        let name = header.name.strippedTarName
        guard header.kind == .characterDevice, header.deviceMajor == 0, header.deviceMinor == 0 else {
            return name
        }
        let slash = name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        return name[..<slash] + LayerWalker.whiteoutPrefix + name[slash...]
    }

    private static func isWhiteout(_ name: [UInt8]) -> Bool {
        name[(name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...].starts(
            with: LayerWalker.whiteoutPrefix)
    }

    /// Whether sealer's own pull can have made `mode` of a tar's: it drops set-id bits, and what one of the usual umasks
    /// of its process takes away.
    private static func isLostByPull(_ mode: UInt32, of tar: UInt32) -> Bool {
        [0, 0o002, 0o022, 0o027].contains { mode == tar & 0o777 & ~$0 }
    }

    /// Whether a file system that is given the time of `header` has `time`, in seconds. Each keeps at least the 32-bit
    /// ones; Linux sets what is beyond its first or last time to that time.
    private static func isTime(_ time: Int64, of header: TarHeader) -> Bool {
        let wanted = Folder.Time(seconds: header.mtime, nanoseconds: header.nanoseconds).rounded
        if time == header.mtime || time == wanted { return true }
        let (first, last) = (Int64(Int32.min), Int64(Int32.max))
        return wanted > last && last <= time && time < wanted
            || wanted < first && wanted < time && time <= first
    }

    /// A further name of a file: the same file, or at least the same bytes.
    private mutating func compareLink(_ header: TarHeader, node: Node) throws(Failure) {
        // sealer's pull forgets links: those are missing, which harms no cluster.
        guard node.kind == .file else { return wrong.append("\(header.shownName) is no file") }
        let link = try root.file(header.name.strippedTarName)
        let target = try root.file(header.linkName.strippedTarName)
        var (one, other) = (stat(), stat())
        guard fstat(link.descriptor, &one) == 0, fstat(target.descriptor, &other) == 0 else {
            throw Failure.system("examine", artifact: link.path)
        }
        if one.st_dev == other.st_dev, one.st_ino == other.st_ino { return }
        var hashes: [Digest] = []
        for file in [link, target] {
            var stream = MeasuredStream(file.stream(count: try file.size()))
            try stream.forEachChunk { _ in }
            hashes.append(stream.digest)
        }
        if hashes[0] != hashes[1] { return wrong.append("\(header.shownName) has another content") }
        lost.append("\(header.shownName) is a file of its own, not a further name")
    }

    private mutating func miss(_ header: TarHeader) {
        let isHidden = header.name.split(separator: UInt8(ascii: "/")).last?.starts(
            with: LayerWalker.whiteoutPrefix)
        switch header.kind {
        case .directory: wrong.append("\(header.shownName) is not there")
        case .file where isHidden == true && geteuid() != 0:
            lost.append("\(header.shownName) needs root to be seen")
        case .file: wrong.append("\(header.shownName) is not there")
        case .characterDevice where header.deviceMajor == 0 && header.deviceMinor == 0:
            wrong.append("\(header.shownName), a whiteout, is not there")
        default: lost.append("\(header.shownName), a \(header.kind), is not there")
        }
    }

    /// What is to be said once all entries of the tar have passed.
    var condition: LayerCondition {
        var wrong = wrong
        let foreign = nodes.filter { $0.value.kind != .directory || !wanted.contains($0.key) }
        if let name = foreign.keys.min(by: { $0.lexicographicallyPrecedes($1) }) {
            wrong.append("\(TarHeader(name: name, mode: 0).shownName) does not belong to it")
        }
        func told(_ faults: [String]) -> String {
            faults[0] + (faults.count > 1 ? " (and \(faults.count - 1) more)" : "")
        }
        if !wrong.isEmpty { return .damaged(told(wrong)) }
        return lost.isEmpty ? .intact : .altered(told(lost))
    }

    private func octal(_ mode: UInt32) -> String { "0" + String(mode, radix: 8) }
}
