// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// How a layer of a store is.
enum LayerCondition: Sendable, Equatable {
    /// Content, names and attributes are those of the id.
    case intact
    /// Content and names are; attributes differ where sealer's own pull loses them. The text says which.
    case altered(String)
    /// The files are those of the id, and the tar-split is not: a push would send something else.
    case tarSplit(String)
    /// Something else than what the id says, or not to be read.
    case damaged(String)
}

/// Holds the files of a layer to its id: the tar that follows from them, or, since a pulled layer may come from
/// a tar of another maker, the tar that its tar-split and the files make.
struct LayerCheck {
    private let folder: String
    private let tarSplit: String
    private let id: Digest
    private let progress: (Int64) -> Void

    /// - Parameter progress: given the bytes of content read since the last call.
    init(_ id: Digest, in store: Store, progress: @escaping (Int64) -> Void = { _ in }) {
        self.id = id
        self.progress = progress
        folder = store.layerFolder(id)
        tarSplit = "\(store.layerDatabase(id))/tar-data.json.gz"
    }

    /// Reads the whole layer once; twice where it is not intact.
    func condition() -> LayerCondition {
        guard access(tarSplit, F_OK) == 0 else {
            return byTree().map { .damaged($0) } ?? .intact
        }
        do throws(Failure) {
            return try byTarSplit()
        } catch {
            // Whether it is the tar-split or the files that are wrong, the files alone can tell.
            return byTree() == nil ? .tarSplit(error.reason) : .damaged(error.reasonWithPlace)
        }
    }

    /// Why the tree's own tar has not the id; `nil` where it has.
    private func byTree() -> String? {
        do throws(Failure) {
            let measure = try Layer.measure(folder: folder, tarSplit: nil)
            progress(measure.headerSizeSum)
            return measure.id == id ? nil : "the tar of its files is \(measure.id)"
        } catch {
            return error.reasonWithPlace
        }
    }

    private func byTarSplit() throws(Failure) -> LayerCondition {
        var tree = try LayerTree(folder)
        let hashing = MeasuredStream(ReadAhead(try TarSplitStream(tarSplit, over: folder)))
        var tar = TarReader(hashing, artifact: "the layer \(id)")
        while let entry = try tar.next() {
            tree.hold(to: entry.header)
            progress(entry.header.size)
        }
        guard hashing.digest == id else {
            throw Failure(
                .data, "check", "the layer \(id)", because: "the tar of its files is \(hashing.digest)")
        }
        return tree.condition
    }
}

/// The names and attributes below a layer's folder, compared with those of its tar one by one.
private struct LayerTree {
    private struct Node {
        var kind: TarHeader.Kind
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        var mtime: Int64
        var linkName: [UInt8]
    }
    private var nodes: [[UInt8]: Node] = [:]
    private var wanted: Set<[UInt8]> = []
    private var lost: [String] = []
    private var wrong: [String] = []

    init(_ folder: String) throws(Failure) {
        let walk = try LayerWalk(folder)
        while let header = try walk.next()?.header {
            nodes[header.name] = Node(
                kind: header.kind, mode: header.mode, uid: header.uid, gid: header.gid, mtime: header.mtime,
                linkName: header.linkName)
        }
    }

    mutating func hold(to header: TarHeader) {
        let name = header.name.strippedTarName
        if name.isEmpty { return }
        var parent = name[...]
        while let slash = parent.lastIndex(of: UInt8(ascii: "/")) {
            parent = parent[..<slash]
            guard wanted.insert(Array(parent)).inserted else { break }
        }
        guard let node = nodes.removeValue(forKey: name) else { return miss(header) }
        // sealer's pull gives all to root, takes set-id bits away and forgets links: that harms no cluster.
        if header.kind == .hardLink {
            if node.kind != .file { wrong.append("\(header.shownName) is no file") }
            return
        }
        guard node.kind == header.kind else { return wrong.append("\(header.shownName) is a \(node.kind)") }
        if node.mode != header.mode, header.kind != .symlink {
            let text = "\(header.shownName) has the mode \(octal(node.mode)), not \(octal(header.mode))"
            if node.mode == header.mode & 0o777 { lost.append(text) } else { wrong.append(text) }
        }
        if node.uid != header.uid || node.gid != header.gid {
            let text =
                "\(header.shownName) belongs to \(node.uid):\(node.gid), not \(header.uid):\(header.gid)"
            if node.uid == 0 && node.gid == 0 { lost.append(text) } else { wrong.append(text) }
        }
        if header.kind == .symlink, node.linkName != header.linkName {
            // A built symlink has its own place in a folder that is gone as its target: sealer's fault.
            let text = "\(header.shownName) is a link to something else"
            if header.linkName.suffix(name.count).elementsEqual(name) {
                lost.append(text)
            } else {
                wrong.append(text)
            }
        }
        let rounded = header.nanoseconds >= 500_000_000 ? header.mtime + 1 : header.mtime
        if header.kind == .file, node.mtime != header.mtime, node.mtime != rounded {
            wrong.append("\(header.shownName) has another time")
        }
    }

    private mutating func miss(_ header: TarHeader) {
        let isHidden = header.name.split(separator: UInt8(ascii: "/")).last?.starts(
            with: LayerWalk.whiteoutPrefix)
        switch header.kind {
        case .directory: wrong.append("\(header.shownName) is not there")
        case .file where isHidden == true && geteuid() != 0:
            lost.append("\(header.shownName) needs root to be seen")
        case .file: wrong.append("\(header.shownName) is not there")
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

extension Failure {
    /// The reason, and the file that it is about.
    fileprivate var reasonWithPlace: String { artifact.isEmpty ? reason : "\(artifact): \(reason)" }
}
