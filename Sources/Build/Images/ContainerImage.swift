// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer
internal import YAML

/// A container image for one platform, as it was fetched.
package struct RegistryImage: Sendable {
    /// Where it was fetched from.
    package var reference: Reference
    /// The manifests from the reference down to it: what the reference resolved to first, the platform's image manifest last;
    /// a single one where the reference resolved to an image manifest.
    package var manifests: [Manifest]

    /// Creates an image.
    /// - Throws: a ``Failure`` of kind `data` where a manifest is not named by the one before it, or the last
    ///   one is an index.
    package init(reference: Reference, manifests: [Manifest]) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(.data, "use the image", reference.description, because: reason)
        }
        for (index, manifest) in zip(manifests, manifests.dropFirst()) {
            guard case .index(let children) = index.content,
                children.contains(where: { $0.digest == manifest.descriptor.digest })
            else { throw refuse("\(index.descriptor.digest) does not name \(manifest.descriptor.digest)") }
        }
        guard case .image? = manifests.last?.content else { throw refuse("it has no image manifest") }
        self.reference = reference
        self.manifests = manifests
    }

    /// What it answers to: the digest that the name resolved to first, the platform's manifest last.
    var digests: [Digest] { manifests.map(\.descriptor.digest) }

    /// Config and layers.
    var blobs: [Descriptor] { manifests.last?.children ?? [] }
}

/// The container images of one build by the names that its files give them.
struct RegistryCatalog {
    private let images: [RegistryImage]
    private let registry: String?

    /// - Parameter registry: the registry that every rewritten name points to; a name in it means the image
    ///   that has its path, wherever that was fetched from.
    init(_ images: [RegistryImage], registry: String?) {
        self.images = images
        self.registry = registry
    }

    /// The image that `reference` means; `nil` where there is none.
    /// - Throws: a ``Failure`` of kind `configuration` where two different ones have its path.
    func image(_ reference: Reference) throws(Failure) -> RegistryImage? {
        if let meant = Self.meant(by: reference, among: images) { return meant }
        guard reference.domain == registry else { return nil }
        let found = images.filter {
            reference.moved(to: $0.reference.domain).means($0.reference, content: $0.digests)
        }
        if let first = found.first,
            let other = found.first(where: { $0.manifests[0].descriptor != first.manifests[0].descriptor })
        {
            throw RegistryTree.collision(first.reference, with: other.reference)
        }
        return found.first
    }

    /// The image that `reference` means by its full name; `nil` where there is none.
    static func meant(by reference: Reference, among images: [RegistryImage]) -> RegistryImage? {
        let found = images.filter { reference.means($0.reference, content: $0.digests) }
        return found.first { $0.reference == reference } ?? found.first
    }

    /// References that have the same path or the same last component: what a person may have meant.
    func near(_ reference: Reference) -> [Reference] {
        func stem(_ reference: Reference) -> Substring {
            reference.repository.split(separator: "/").last ?? ""
        }
        let same = images.map(\.reference).filter { stem($0) == stem(reference) }.sorted()
        if !same.isEmpty { return same }
        let meant = Suggestion.nearest(to: reference.repository, among: images.map(\.reference.repository))
        return images.map(\.reference).filter { $0.repository == meant }.sorted()
    }
}
