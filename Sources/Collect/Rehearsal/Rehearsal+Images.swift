// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

/// The container images that are carried, as a node will pull them.
extension Rehearsal {
    /// The container images that are carried: each manifest once.
    var containers: [(image: BundleImage, manifest: Manifest)] {
        var seen: Set<Digest> = []
        return images.filter { $0.reference != spec.base?.image }.flatMap { image in
            image.instances.filter { seen.insert($0.descriptor.digest).inserted }.map { (image, $0) }
        }
    }

    /// Whether a build saves the image; it may, where builds are not known because a delta leaves the base out.
    private func isSaved(_ manifest: Manifest) -> Bool {
        if spec.builds.isEmpty { return false }
        return stages.contains { !$0.isComplete || $0.session.saved.contains(manifest.descriptor.digest) }
    }

    func place(of image: BundleImage) -> SpecPath {
        spec.images.firstIndex(of: image.reference).map { .image($0) } ?? "images"
    }

    /// The layers of a container image, each with the digest that its config gives the uncompressed tar.
    func layers(
        of manifest: Manifest, _ image: BundleImage
    ) throws(Failure) -> [(blob: Descriptor, diffID: Digest)] {
        guard case .image(let config, let layers) = manifest.content,
            [MediaType.config, MediaType.dockerConfig].contains(config.mediaType)
        else { return [] }
        let bytes = try content.bytes(of: config)
        // A sealer image has a list of its own, and is for no node to pull; what is not of tars is no image to run.
        let isOfFiles = layers.isEmpty || layers.contains { MediaType.isFileLayer($0.mediaType) }
        if BaseLayers.isSealerImage(bytes) || !isOfFiles { return [] }
        let ids = (try? DockerArchive.diffIDs(of: bytes, name: image.reference.familiar)) ?? []
        guard ids.count == layers.count else {
            throw Failure(
                .data, "carry", image.reference.familiar,
                because: "its config names \(ids.count) layers and its manifest \(layers.count)",
                remedy: "take it from another registry, or make the archive again: no docker could run it")
        }
        return zip(layers, ids).map { ($0, $1) }
    }

    /// What verifies the layers of the container images that builds save. What is only carried and served is no business
    /// of a build: it crosses as the registry served it.
    func layerProof() throws(Failure) -> LayerProof {
        var layers: [LayerProof.Layer] = []
        for (image, manifest) in containers where isSaved(manifest) {
            for (blob, id) in try self.layers(of: manifest, image) {
                layers.append(
                    .init(blob: blob, id: id, image: image.reference, place: place(of: image)))
            }
        }
        return LayerProof(layers, content: content)
    }
}
