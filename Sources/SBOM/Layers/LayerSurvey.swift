// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
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
        let wanted = subject.layers
        let state = Mutex((next: 0, text: 0, found: [Digest: LayerContents](), failure: Failure?.none))
        let width = min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), max(1, wanted.count))
        DispatchQueue.concurrentPerform(iterations: width) { _ in
            while true {
                let layer = state.withLock { state -> Descriptor? in
                    guard state.failure == nil, state.next < wanted.count else { return nil }
                    state.next += 1
                    return wanted[state.next - 1]
                }
                guard let layer else { return }
                let read = Result { () throws(Failure) in
                    try Self.read(layer, isLeftOut: subject.leftOut.contains(layer.digest), content, scratch)
                }
                if !subject.leftOut.contains(layer.digest) { progress(layer.size) }
                state.withLock { state in
                    switch read {
                    case .success(let contents):
                        state.found[layer.digest] = contents
                        state.text += contents.text
                        if state.text > mostText {
                            state.failure = state.failure ?? Self.tooMuch(mostText)
                        }
                    case .failure(let failure): state.failure = state.failure ?? failure
                    }
                }
            }
        }
        let (_, _, found, failure) = state.withLock { $0 }
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
