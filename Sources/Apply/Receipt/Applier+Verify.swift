// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer

extension Applier {
    /// How many bytes ``verify(_:progress:)`` reads, about.
    package func bytesToVerify(_ receipt: Receipt) throws(Failure) -> Int64 {
        let ids = Set(receipt.images.flatMap { $0.layers.map(\.id) })
        return try store.survey().layers.filter { ids.contains($0.id) }.clampedTotal(\.size)
    }

    /// Proves that what `receipt` lists is in the store as it was put there: every layer is read again and
    /// verified against its id, every image to what the bundle and its own id say.
    /// - Parameter progress: given the bytes read since the last call, from any thread.
    /// - Throws: a ``Failure`` of kind `data` that names what is damaged.
    package func verify(
        _ receipt: Receipt, progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(Failure) {
        let ids = Set(receipt.images.flatMap { $0.layers.map(\.id) })
        let names = Set(receipt.images.map { "image \($0.name) (\($0.platform))" })
        var faults = try store.check(layers: ids, progress: progress).filter { finding in
            !finding.isHarmless && (finding.layer.map(ids.contains) ?? names.contains(finding.artifact))
        }.map { "\($0.artifact): \($0.reason)" }
        for image in receipt.images {
            guard let stored = try store.image(named: try Reference(image.name), for: platform) else {
                continue
            }
            if stored.computedID != image.id {
                faults.append("image \(image.name): its file is not the one of its id")
            }
        }
        guard let first = faults.first else { return }
        throw Failure(
            .data, "verify", store.path,
            because: first + (faults.count > 1 ? "; and \(faults.count - 1) more" : ""),
            remedy: "repair it with `sealift store repair \(bundle.path) --store \(store.path)`")
    }
}
