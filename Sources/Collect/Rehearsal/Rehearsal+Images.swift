// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Dispatch
internal import OCI
internal import Spec
internal import Synchronization

/// The container images that are carried, as a node will pull them.
extension Rehearsal {
    /// The container images that are carried: each manifest once.
    var containers: [(image: BundleImage, manifest: Manifest)] {
        var seen: Set<Digest> = []
        return images.filter { $0.reference != spec.base?.image }.flatMap { image in
            image.instances.filter { seen.insert($0.descriptor.digest).inserted }.map { (image, $0) }
        }
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
        if BaseLayers.isSealerImage(bytes) || !layers.contains(where: { MediaType.isFileLayer($0.mediaType) })
        {
            return []
        }
        let ids = (try? DockerArchive.diffIDs(of: bytes, name: image.reference.familiar)) ?? []
        guard ids.count == layers.count else {
            throw Failure(
                .data, "carry", image.reference.familiar,
                because: "its config names \(ids.count) layers and its manifest \(layers.count)",
                remedy: "take it from another registry, or make the archive again: no docker could run it")
        }
        return zip(layers, ids).map { ($0, $1) }
    }

    /// Reads every layer of the container images and verifies its tar, as a node will that pulls it.
    func unpackImages() throws(Failure) {
        var wanted: [(blob: Descriptor, diffID: Digest, name: String)] = []
        var seen: Set<Digest> = []
        for (image, manifest) in containers {
            for (blob, id) in try layers(of: manifest, image) where seen.insert(blob.digest).inserted {
                wanted.append((blob, id, image.reference.familiar))
            }
        }
        let (content, layers) = (content, wanted)
        let failures = Mutex<[Int: Failure]>([:])
        DispatchQueue.concurrentPerform(iterations: layers.count) { index in
            let (blob, id, name) = layers[index]
            do throws(Failure) {
                let artifact = "the layer \(blob.digest) of \(name)"
                // A layer that a delta leaves out was verified when it was collected first.
                guard let packed = try? content.open(blob) else { return }
                let tar = try decompressed(packed, limit: nil, isPromised: true, artifact: artifact)
                var stream = VerifyingStream(tar, digest: id, artifact: artifact)
                try stream.forEachChunk { _ in }
            } catch { failures.withLock { $0[index] = error } }
        }
        if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
    }
}
