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

    /// What names and attributes tell, no content being read; `nil` where there is no tar-split to compare with.
    func conditionByAttributes() -> LayerCondition? {
        guard access(tarSplit, F_OK) == 0 else { return nil }
        do throws(Failure) {
            var tar = TarReader(
                try TarSplitStream(tarSplit, over: folder, withContents: false), artifact: "the layer \(id)")
            var tree = try LayerTree(folder)
            while let entry = try tar.next() { try tree.compare(with: entry.header) }
            return tree.condition
        } catch {
            return .damaged(error.reasonWithPlace)
        }
    }

    private func byTarSplit() throws(Failure) -> LayerCondition {
        var tree = try LayerTree(folder)
        let hashing = MeasuredStream(ReadAhead(try TarSplitStream(tarSplit, over: folder)))
        var tar = TarReader(hashing, artifact: "the layer \(id)")
        while let entry = try tar.next() {
            try tree.compare(with: entry.header)
            progress(entry.header.size)
        }
        guard hashing.digest == id else {
            throw Failure(
                .data, "check", "the layer \(id)", because: "the tar of its files is \(hashing.digest)")
        }
        return tree.condition
    }
}

extension Failure {
    /// The reason, and the file that it is about.
    fileprivate var reasonWithPlace: String { artifact.isEmpty ? reason : "\(artifact): \(reason)" }
}
