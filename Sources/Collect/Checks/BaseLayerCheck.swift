// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

/// Holds a collected base to the roles of the spec, so that what would fail on the isolated host fails
/// here.
struct BaseCheck: Sendable {
    let spec: Spec
    let images: [BundleImage]

    /// Checks every role for every platform.
    /// - Returns: what could not be checked, because a delta leaves out the layer that may hold it.
    /// - Throws: a `Failure` of kind `input` that names the role and the file that is not there.
    func holds(_ blobs: any ContentSource) throws(Failure) -> [String] {
        guard let base = spec.base, let image = images.first(where: { $0.reference == base.image })
        else { return [] }
        var unseen: [String] = []
        for (instance, platform) in zip(image.instances, image.locked.platforms.map(\.platform)) {
            guard case .image(let config, _) = instance.content else { continue }
            let layers = try BaseLayers(
                base.image, platform, manifest: instance, config: blobs.bytes(of: config))
            for (role, selector) in base.layers.sorted(by: { $0.key < $1.key }) {
                if try check(layers, role, selector, in: blobs) { continue }
                unseen.append(
                    "the layer '\(role)' for \(platform) is left out of the delta: its files are not checked here"
                )
            }
        }
        return unseen
    }

    /// Whether a layer with the role's file was seen; `false` where only one that is not at hand can have it.
    private func check(
        _ layers: BaseLayers, _ role: String, _ selector: Spec.LayerSelector, in blobs: any ContentSource
    ) throws(Failure) -> Bool {
        let candidates = try layers.candidates(selector, role: role)
        guard let path = selector.holds else { return true }
        var isUnseen = false
        for layer in candidates {
            let artifact = "\(layer.blob.digest)"
            let blob: any ByteStream
            do throws(Failure) { blob = try blobs.open(layer.blob) } catch {
                guard error.kind == .input else { throw error }
                isUnseen = true
                continue
            }
            var reader = TarReader(try decompressed(blob, limit: nil, artifact: artifact), artifact: artifact)
            if try reader.holds(path) { return true }
        }
        if isUnseen { return false }
        throw layers.missing(path, role: role)
    }
}
