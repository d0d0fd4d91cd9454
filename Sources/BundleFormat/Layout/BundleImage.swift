// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// An image as a bundle carries it: what the lock says, and the manifests that bear it out.
package struct BundleImage: Sendable {
    /// Reference, digests and platforms.
    package let locked: Lock.Image
    /// What the reference points to: a manifest or an index, verbatim.
    package let top: Manifest
    /// The manifests of the lock's platforms, in their order. That of the whole is the only one where the reference
    /// points to a manifest; none where it has no platform.
    package let instances: [Manifest]
    /// What is carried of an index besides, each after all that it names.
    package let others: [Manifest]
    /// The index that points to the carried docker manifests; `nil` for an OCI image.
    let wrapper: Manifest?

    /// Holds the manifests to the lock.
    /// - Throws: a `Failure` of kind `data` where a digest, size or type is not the lock's, where an
    ///   instance is not an image, or where no index that is carried names a manifest.
    package init(
        _ locked: Lock.Image, top: Manifest, instances: [Manifest], others: [Manifest] = []
    ) throws(Failure) {
        try self.init(
            locked, top: top, instances: instances, others: others, wrapper: try locked.wrapper())
    }

    /// The same with the wrapper, where it is known.
    init(
        _ locked: Lock.Image, top: Manifest, instances: [Manifest], others: [Manifest], wrapper: Manifest?
    ) throws(Failure) {
        self.locked = locked
        self.top = top
        self.instances = instances
        self.others = others
        self.wrapper = wrapper
        if let fault { throw Self.refuse(fault, reference: locked.reference) }
    }

    private static func refuse(_ reason: String, reference: Reference) -> Failure {
        Failure(
            .data, "carry", "\(reference)", because: reason,
            remedy: "lock it again if upstream has changed it on purpose")
    }

    private var fault: String? {
        guard top.descriptor == locked.descriptor else {
            return "its manifest is \(top.descriptor.digest), the lock says \(locked.digest)"
        }
        guard instances.lazy.map(\.descriptor).elementsEqual(locked.platforms.lazy.map(\.descriptor)),
            others.lazy.map(\.descriptor).elementsEqual((locked.others ?? []).lazy.map(\.descriptor))
        else { return "its manifests are not those of the lock" }
        for (instance, platform) in zip(instances, locked.platforms) {
            guard case .image = instance.content else {
                return "what it names for \(platform.platform) is an index, not an image"
            }
            if case .image = top.content, instance.descriptor.digest != top.descriptor.digest {
                return "it is one manifest, but the lock names another for \(platform.platform)"
            }
        }
        return reach
    }

    /// Whether an index that is carried names each manifest, and comes after it.
    private var reach: String? {
        guard case .index = top.content else { return others.isEmpty ? nil : "it is one manifest" }
        var named = Set(top.manifests.map(\.digest))
        for manifest in others.reversed() {
            guard named.contains(manifest.descriptor.digest) else {
                return "no index of it names \(manifest.descriptor.digest), or one does too early"
            }
            named.formUnion(manifest.manifests.map(\.digest))
        }
        for instance in instances where !named.contains(instance.descriptor.digest) {
            return "its index does not name \(instance.descriptor.digest)"
        }
        return nil
    }

    /// The full name.
    package var reference: Reference { locked.reference }

    /// The manifest of `platform`, where it is carried.
    package func instance(for platform: Platform) -> Manifest? {
        locked.platforms.firstIndex { $0.platform == platform }.map { instances[$0] }
    }

    /// The manifests from what the reference points to down to that of `platform`, each named by the one before it; none
    /// where the platform is not carried.
    package func manifests(leadingTo platform: Platform) -> [Manifest] {
        guard let instance = instance(for: platform) else { return [] }
        var chain = [instance]
        // Each of the others comes after what it names, so one pass finds the way up.
        for index in others + [top]
        where index.manifests.contains(where: { $0.digest == chain[0].descriptor.digest }) {
            chain.insert(index, at: 0)
        }
        return chain
    }

    /// All manifests and indexes that are carried, each once: what the reference points to, then the rest, each after all
    /// that it names.
    package var manifests: [Manifest] {
        if isOneManifest { return [top] }
        var seen: Set<Digest> = [top.descriptor.digest]
        return [top] + (instances + others).filter { seen.insert($0.descriptor.digest).inserted }
    }

    /// Whether what the reference points to is all that is carried.
    var isOneManifest: Bool {
        others.isEmpty && instances.allSatisfy { $0.descriptor.digest == top.descriptor.digest }
    }

    /// What the image is made of besides manifests: every config and layer that is carried, repeats included.
    package var blobs: [Descriptor] { manifests.flatMap(\.blobs) }

    /// Which of its manifests serve which platforms.
    package func selection() throws(Failure) -> IndexSelection {
        let nested = Dictionary(manifests.map { ($0.descriptor.digest, $0) }) { first, _ in first }
        return try IndexSelection(top, nested: nested, artifact: "\(reference)")
    }
}

extension Lock.Image {
    /// An OCI index that points to the carried docker manifests, `nil` for an OCI image.
    ///
    /// Readers of image layouts (containers/image up to at least 5.24) look for OCI types alone in
    /// index.json, but follow an OCI index to docker manifests.
    func wrapper() throws(Failure) -> Manifest? {
        guard [MediaType.dockerList, MediaType.dockerManifest].contains(mediaType) else { return nil }
        let named = platforms.map { instance in
            var descriptor = instance.descriptor
            descriptor.platform = PlatformFields(instance.platform)
            return descriptor
        }
        return try Manifest.index(of: named.isEmpty ? [descriptor] : named)
    }
}

extension Collection<BundleImage> {
    /// The archives of the charts that are carried, each by the name that steps take it by.
    package func chartFiles(of spec: Spec) -> [(name: String, descriptor: Descriptor)] {
        (spec.charts ?? []).compactMap { chart in
            guard let image = first(where: { $0.reference == chart.reference }),
                let layer = image.top.chartArchive
            else { return nil }
            return (chart.file, layer)
        }
    }
}
