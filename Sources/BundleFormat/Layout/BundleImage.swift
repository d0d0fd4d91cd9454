// SPDX-License-Identifier: Apache-2.0
package import OCI

/// An image as a bundle carries it: what the lock says, and the manifests that bear it out.
package struct BundleImage: Sendable {
    /// Reference, digests and platforms.
    package let locked: Lock.Image
    /// What the reference leads to: a manifest or an index, verbatim.
    package let top: Manifest
    /// The manifests that are carried, in the order of the lock's platforms. That of the whole is the
    /// only one where the reference leads to a manifest.
    package let instances: [Manifest]

    /// Holds the manifests to the lock.
    /// - Throws: a `Failure` of kind `data` where a digest, size or type is not the lock's, where an
    ///   instance is not an image, or where the index does not name it.
    package init(_ locked: Lock.Image, top: Manifest, instances: [Manifest]) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "carry", "\(locked.reference)", because: reason,
                remedy: "lock it again if upstream has changed it on purpose")
        }
        guard top.descriptor == locked.descriptor else {
            throw refuse("its manifest is \(top.descriptor.digest), the lock says \(locked.digest)")
        }
        guard instances.map(\.descriptor) == locked.platforms.map(\.descriptor) else {
            throw refuse("its platforms' manifests are not those of the lock")
        }
        for (instance, platform) in zip(instances, locked.platforms) {
            guard case .image = instance.content else {
                throw refuse("what it names for \(platform.platform) is an index, not an image")
            }
            switch top.content {
            case .image:
                guard instance.descriptor.digest == top.descriptor.digest else {
                    throw refuse("it is one manifest, but the lock names another for \(platform.platform)")
                }
            case .index(let named):
                guard named.contains(where: { $0.digest == instance.descriptor.digest }) else {
                    throw refuse("its index does not name \(instance.descriptor.digest)")
                }
            }
        }
        self.locked = locked
        self.top = top
        self.instances = instances
    }

    /// The full name.
    package var reference: Reference { locked.reference }

    /// The manifest of `platform`, where it is carried.
    package func instance(for platform: Platform) -> Manifest? {
        locked.platforms.firstIndex { $0.platform == platform }.map { instances[$0] }
    }

    /// What the image is made of: every config and layer of the carried platforms, repeats included.
    package var blobs: [Descriptor] { instances.flatMap(\.children) }

    /// An OCI index that leads to the carried docker manifests, `nil` for an OCI image.
    ///
    /// Readers of image layouts (containers/image up to at least 5.24) look for OCI types alone in
    /// index.json, but follow an OCI index to docker manifests.
    func wrapper() throws(Failure) -> Manifest? {
        guard [MediaType.dockerList, MediaType.dockerManifest].contains(locked.mediaType) else { return nil }
        return try Manifest.index(
            of: locked.platforms.map { instance in
                var descriptor = instance.descriptor
                descriptor.platform = PlatformFields(instance.platform)
                return descriptor
            })
    }
}
