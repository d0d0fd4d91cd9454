// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import Dispatch
internal import OCI
internal import Spec
internal import Synchronization

/// Verifies the layers of container images as a node will that pulls them: each must be a tar of the digest that the
/// config promises. A layer is read as soon as it is in place, while the system has it in memory and others still arrive.
final class LayerProof: Sendable {
    /// A layer of an image.
    struct Layer: Sendable {
        let blob: Descriptor
        /// The digest of its tar, as the config says.
        let id: Digest
        let image: Reference
        let place: SpecPath
    }

    private struct State {
        var begun: Set<Digest> = []
        var problems: [BuildProblems.Problem] = []
        /// What ended a reading and is no fault of a layer.
        var failure: Failure?
    }

    private let layers: [Digest: [Layer]]
    private let order: [Descriptor]
    private let content: any ContentSource
    private let state = Mutex(State())
    /// Inflating more at once than there are cores would only take memory.
    private let turns = DispatchSemaphore(value: processorCount)

    init(_ layers: [Layer], content: any ContentSource) {
        self.layers = Dictionary(grouping: layers) { $0.blob.digest }
        var seen: Set<Digest> = []
        order = layers.map(\.blob).filter { seen.insert($0.digest).inserted }
        self.content = content
    }

    /// Whether the blob is a layer that has not been read yet.
    func awaits(_ digest: Digest) -> Bool {
        layers[digest] != nil && !state.withLock { $0.begun.contains(digest) }
    }

    /// Reads a layer that is in place; what is wrong with it is reported by ``finish(_:)``. Blocks.
    func verify(_ blob: Descriptor) {
        guard let layers = layers[blob.digest], state.withLock({ $0.begun.insert(blob.digest).inserted }),
            // A layer that a delta leaves out was verified when it was collected first.
            let packed = try? content.open(blob)
        else { return }
        turns.wait()
        defer { turns.signal() }
        do throws(Failure) {
            let algorithms = Set(layers.map(\.id.algorithm))
            let digests = try Self.digests(
                of: packed, by: algorithms, artifact: "the layer \(blob.digest)")
            for layer in layers {
                guard let found = digests[layer.id.algorithm], layer.id != found else { continue }
                note(
                    Failure(
                        .data, "carry", "\(layer.image.familiar)",
                        because:
                            "the tar of its layer \(blob.digest) is \(found), and its config says \(layer.id)",
                        remedy: "take it from another registry, or have it made again: no node could pull it"),
                    of: layer)
            }
        } catch {
            guard error.mayBeMistake else { return state.withLock { $0.failure = $0.failure ?? error } }
            for layer in layers { note(error, of: layer) }
        }
    }

    /// Reads what has not been read, and reports all that is wrong.
    /// - Throws: a ``Failure`` that lists the images of wrong layers with their places in the spec.
    func finish(_ parsed: ParsedSpec) throws(Failure) {
        let rest = order.filter { awaits($0.digest) }
        DispatchQueue.concurrentPerform(iterations: rest.count) { verify(rest[$0]) }
        let (problems, failure) = state.withLock { ($0.problems, $0.failure) }
        if let failure { throw failure }
        try Mistakes(parsed, problems: problems).report()
    }

    private func note(_ failure: Failure, of layer: Layer) {
        state.withLock { $0.problems.append(.init(place: layer.place, failure: failure)) }
    }

    /// The digests of a layer's tar, by each of `algorithms`.
    private static func digests(
        of packed: any ByteStream, by algorithms: Set<Digest.Algorithm>, artifact: String
    ) throws(Failure) -> [Digest.Algorithm: Digest] {
        var tar = try decompressed(packed, limit: nil, isPromised: true, artifact: artifact)
        var short = ContentHash(.sha256)
        var long = ContentHash(.sha512)
        var head: [UInt8] = []
        try tar.forEachChunk { (bytes) throws(Failure) in
            if head.count < TarBlock.size { head += bytes.prefix(TarBlock.size - head.count) }
            if algorithms.contains(.sha256) { short.update(bytes) }
            if algorithms.contains(.sha512) { long.update(bytes) }
        }
        guard TarBlock.mayBegin(head) else {
            throw Failure(
                .data, "unpack", artifact, because: "it is not a tar",
                remedy: "have the image made again, or take it from another registry: no node could pull it")
        }
        return [.sha256: short.digest(), .sha512: long.digest()]
    }
}
