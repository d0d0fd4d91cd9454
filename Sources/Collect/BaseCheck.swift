// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI

/// Holds a collected base to the roles of the spec, so that what would fail on the isolated host fails
/// here.
struct BaseCheck: Sendable {
    let spec: Spec
    let images: [BundleImage]

    /// Checks every role for every platform.
    /// - Throws: a `Failure` of kind `input` that names the role and the file that is not there.
    func holds(_ blobs: any ContentSource) throws(Failure) {
        guard let base = spec.base, let image = images.first(where: { $0.reference == base.image })
        else { return }
        for (instance, platform) in zip(image.instances, image.locked.platforms.map(\.platform)) {
            guard case .image(let config, _) = instance.content else { continue }
            let layers = try BaseLayers(
                base.image, platform, manifest: instance, config: blobs.bytes(of: config))
            for (role, selector) in base.layers.sorted(by: { $0.key < $1.key }) {
                try check(layers, role, selector, in: blobs)
            }
        }
    }

    private func check(
        _ layers: BaseLayers, _ role: String, _ selector: Spec.LayerSelector, in blobs: any ContentSource
    ) throws(Failure) {
        let candidates = try layers.candidates(selector, role: role)
        guard let path = selector.holds else { return }
        for layer in candidates {
            let artifact = "\(layer.blob.digest)"
            let tar = try decompressed(blobs.open(layer.blob), limit: nil, artifact: artifact)
            var reader = TarReader(tar, artifact: artifact)
            if try reader.holds(path) { return }
        }
        throw layers.missing(path, role: role)
    }
}
