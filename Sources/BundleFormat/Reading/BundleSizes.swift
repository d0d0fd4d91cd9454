// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Where the bytes of a bundle belong: by artifact, by platform and by blob, and what several artifacts share. No blob
/// is read. What a delta requires counts as being in it. Sums are clamped to the largest `Int64`.
package struct BundleSizes: Sendable, Encodable {
    /// The base, an image or a file.
    package struct Artifact: Sendable, Encodable {
        /// What an artifact is.
        package enum Kind: String, Sendable, Encodable { case base, image, file }

        /// The full reference; of a file, its name and its platform.
        package let name: String
        package let kind: Kind
        /// The digest that the reference resolved to, or of the file.
        package let digest: Digest
        /// Bytes of its blobs, each counted once.
        package let size: Int64
        /// Bytes of those that no other artifact has.
        package let exclusive: Int64
        /// Where a file comes from.
        package let url: String?
        /// The platform of a file that differs by platform.
        package let platform: Platform?
        /// An image's parts, in the order of the lock; none of a file.
        package let platforms: [Instance]
        /// What else is carried of it: artifacts, attestations, further entries of an index. No indexes.
        package let others: [Part]

        /// Bytes of its blobs that other artifacts have too.
        package var shared: Int64 { size - exclusive }
    }

    /// A manifest that serves no platform.
    package struct Part: Sendable, Encodable {
        /// The type of the artifact, or of its config.
        package let type: String
        /// The digest of its manifest.
        package let digest: Digest
        /// Bytes of its manifest, config and layers, each counted once.
        package let size: Int64
    }

    /// An image for one platform.
    package struct Instance: Sendable, Encodable {
        package let platform: Platform
        /// The digest of its manifest.
        package let digest: Digest
        /// Bytes of its manifest, config and layers, each counted once.
        package let size: Int64
        /// The config of the image.
        package let config: Blob
        /// Its layers, the lowest first.
        package let layers: [Blob]
    }

    /// A config or a layer.
    package struct Blob: Sendable, Encodable {
        package let digest: Digest
        package let mediaType: String
        package let size: Int64
        /// How many artifacts have it.
        package let owners: Int
        /// Whether its bytes are in the bundle; a delta leaves some out.
        package let carried: Bool
    }

    /// What is for one platform.
    package struct Share: Sendable, Encodable {
        package let platform: Platform
        /// Bytes of the blobs and files that the platform needs, each counted once.
        package let size: Int64
    }

    /// The base first, then the images and the files, each in the lock's order.
    package let artifacts: [Artifact]
    /// In the spec's order.
    package let platforms: [Share]
    /// Bytes of the blobs that several artifacts have, each counted once.
    package let shared: Int64
    /// Bytes that are not there because such blobs are carried once.
    package let saved: Int64

    /// What is for each platform of the spec, in its order.
    package static func shares(of bundle: Bundle) -> [Share] {
        bundle.spec.platforms.map { platform in
            let instances = bundle.images.compactMap { $0.instance(for: platform) }
            let files = bundle.files.filter { $0.platform == nil || $0.platform == platform }
            let all = instances.flatMap { [$0.descriptor] + $0.children } + files.map(\.descriptor)
            return Share(platform: platform, size: all.distinctBytes)
        }
    }

    /// Counts what `bundle` holds.
    package init(of bundle: Bundle) {
        let count = SizeCount(bundle)
        let base = bundle.spec.base.flatMap { bundle.image($0.image) }?.reference
        let images = bundle.images.map { count.artifact(of: $0, kind: $0.reference == base ? .base : .image) }
        artifacts =
            images.filter { $0.kind == .base } + images.filter { $0.kind == .image }
            + bundle.files.map(count.artifact)
        platforms = Self.shares(of: bundle)
        let repeated = count.owners.filter { $0.value.count > 1 }
        shared = repeated.clampedTotal { $0.value.size }
        saved = repeated.clampedTotal { blob in
            let (bytes, overflow) = blob.value.size.multipliedReportingOverflow(
                by: Int64(blob.value.count - 1))
            return overflow ? .max : bytes
        }
    }
}

/// How many artifacts of a bundle have each blob.
private struct SizeCount {
    /// By digest: the artifacts that have it, and its size.
    var owners: [Digest: (count: Int, size: Int64)] = [:]
    private let bundle: Bundle

    init(_ bundle: Bundle) {
        self.bundle = bundle
        for image in bundle.images { add(image.parts) }
        for file in bundle.files { add([file.descriptor]) }
    }

    private mutating func add(_ parts: [Descriptor]) {
        for part in parts.distinct { owners[part.digest, default: (0, part.size)].count += 1 }
    }

    private func exclusive(_ parts: [Descriptor]) -> Int64 {
        parts.filter { owners[$0.digest]?.count == 1 }.distinctBytes
    }

    func artifact(of image: BundleImage, kind: BundleSizes.Artifact.Kind) -> BundleSizes.Artifact {
        BundleSizes.Artifact(
            name: "\(image.reference)", kind: kind, digest: image.locked.digest,
            size: image.parts.distinctBytes, exclusive: exclusive(image.parts), url: nil, platform: nil,
            platforms: zip(image.locked.platforms, image.instances).map { locked, manifest in
                let children = manifest.children.map(blob)
                return BundleSizes.Instance(
                    platform: locked.platform, digest: locked.digest,
                    size: ([manifest.descriptor] + manifest.children).distinctBytes,
                    config: children[0], layers: Array(children.dropFirst()))
            }, others: others(of: image))
    }

    private func others(of image: BundleImage) -> [BundleSizes.Part] {
        let serving = Set(image.instances.map(\.descriptor.digest))
        return image.manifests.compactMap { manifest in
            guard case .image(let config, _) = manifest.content,
                !serving.contains(manifest.descriptor.digest)
            else { return nil }
            return BundleSizes.Part(
                type: manifest.artifactType ?? config.mediaType, digest: manifest.descriptor.digest,
                size: ([manifest.descriptor] + manifest.blobs).distinctBytes)
        }
    }

    func artifact(of file: Lock.File) -> BundleSizes.Artifact {
        BundleSizes.Artifact(
            name: file.title, kind: .file, digest: file.digest, size: file.size,
            exclusive: exclusive([file.descriptor]), url: file.url, platform: file.platform, platforms: [],
            others: [])
    }

    private func blob(_ descriptor: Descriptor) -> BundleSizes.Blob {
        BundleSizes.Blob(
            digest: descriptor.digest, mediaType: descriptor.mediaType, size: descriptor.size,
            owners: owners[descriptor.digest]?.count ?? 1, carried: bundle.contains(descriptor.digest))
    }
}

extension BundleImage {
    /// All that it is made of: what the reference resolved to, the manifests, configs and layers; repeats included.
    fileprivate var parts: [Descriptor] {
        manifests.map(\.descriptor) + blobs
    }
}

extension [Descriptor] {
    /// Each digest once, in order of first use.
    fileprivate var distinct: [Descriptor] {
        var seen: Set<Digest> = []
        return filter { seen.insert($0.digest).inserted }
    }

    /// The sum of the sizes, each digest counted once.
    fileprivate var distinctBytes: Int64 { distinct.clampedTotal(\.size) }
}
