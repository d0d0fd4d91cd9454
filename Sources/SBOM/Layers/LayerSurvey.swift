// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Synchronization

/// The layers that an SBOM is made from, each read once.
package struct LayerSurvey: Sendable {
    /// By the digest of the blob.
    private(set) var layers: [Digest: LayerContents] = [:]

    /// Reads the layers of `subject` from `content`, as many at once as there are cores.
    /// - Parameters:
    ///   - scratch: a folder for files without a name.
    ///   - mostText: the most bytes of text that are kept of all their databases.
    ///   - progress: is given the packed bytes of each layer that has been read, from any thread.
    /// - Throws: a ``Failure`` of kind `data` for a layer that is not that of its digest, and beyond `mostText`.
    package init(
        of subject: SBOMSubject, content: any ContentSource, scratch: String,
        mostText: Int = DatabaseBound.texts, progress: @Sendable (Int64) -> Void = { _ in }
    ) throws(Failure) {
        let state = Mutex((text: 0, found: [Digest: LayerContents](), failure: Failure?.none))
        _ = onAllCores(subject.layers) { layer in
            // After a failure the rest is not read.
            if state.withLock({ $0.failure != nil }) { return }
            let isLeftOut = subject.leftOut.contains(layer.digest)
            let read = Result { () throws(Failure) in
                try Self.read(layer, isLeftOut: isLeftOut, content, scratch)
            }
            if !isLeftOut { progress(layer.size) }
            state.withLock { state in
                switch read {
                case .success(let contents):
                    state.found[layer.digest] = contents
                    state.text += contents.text
                    if state.text > mostText { state.failure = state.failure ?? Self.tooMuch(mostText) }
                case .failure(let failure): state.failure = state.failure ?? failure
                }
            }
        }
        let (_, found, failure) = state.withLock { $0 }
        if let failure { throw failure }
        layers = found
    }

    private static func tooMuch(_ most: Int) -> Failure {
        Failure(
            .data, "list the packages of", "the layers",
            because: "their package databases have more than \(most) bytes of text",
            remedy: "do not trust the bundle: databases made to fill the memory look like this")
    }

    private static func read(
        _ layer: Descriptor, isLeftOut: Bool, _ content: any ContentSource, _ scratch: String
    ) throws(Failure) -> LayerContents {
        if isLeftOut { return LayerContents(unread: "the bundle is a delta that leaves it out") }
        guard MediaType.isFileLayer(layer.mediaType), !layer.mediaType.contains("encrypted") else {
            return LayerContents(unread: "its type is \(layer.mediaType)")
        }
        let packed = try content.open(layer)
        let tar = try decompressed(
            packed, limit: nil, isPromised: true, artifact: "the layer \(layer.digest)")
        return try LayerContents(reading: tar, scratch: scratch)
    }
}
