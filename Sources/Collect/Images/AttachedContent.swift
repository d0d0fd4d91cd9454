// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

/// What belongs to images, as their registries have it: cosign's tags, and OCI referrers by the API or the fallback tag.
///
/// Each is carried as an image of its own: `REPOSITORY:sha256-….sig`, or `REPOSITORY@DIGEST` for a referrer.
struct AttachedContent: Sendable {
    let spec: Spec
    let resolver: ImageResolver

    /// A signature of a signature of an SBOM is as far as it goes.
    private static let deepest = 4

    /// What something may be attached to.
    private struct Carried: Sendable {
        let reference: Reference
        /// What it answers to, each once.
        let digests: [Digest]
        let kinds: [Spec.AttachedKind]

        init(_ image: Lock.Image, kinds: [Spec.AttachedKind]) {
            reference = image.reference
            digests = image.digests.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
            self.kinds = kinds
        }
    }

    /// All that the spec wants of what belongs to `images`, and to that in turn. With a lock, what the lock has of it: what
    /// was signed afterwards comes with the next lock.
    /// - Parameter kept: images that stay as they were locked; what belongs to them is looked for too, and they are not
    ///   among the result.
    /// - Throws: a `Failure` of kind `data` where a registry lists as a referrer what does not name the image as its subject.
    func of(_ images: [ResolvedImage], and kept: [Lock.Image] = []) async throws -> [ResolvedImage] {
        var known = Set(images.map(\.reference) + kept.map(\.reference))
        let ofRegistries = images.filter { $0.local == nil }.map(\.locked) + kept.filter { !isArchived($0) }
        var found: [ResolvedImage] = []
        var level = ofRegistries.map { Carried($0, kinds: spec.attachedKinds(of: $0.reference)) }
            .filter { !$0.kinds.isEmpty }
        let width = resolver.content.worksAtOnce
        for _ in 0..<Self.deepest where !level.isEmpty {
            let lists = try await inParallel(level, width: width) {
                try await names($0)
            }
            var next: [(reference: Reference, kinds: [Spec.AttachedKind])] = []
            for (carried, names) in zip(level, lists) {
                for name in names where known.insert(name).inserted { next.append((name, carried.kinds)) }
            }
            let resolved = try await inParallel(next.map(\.reference), width: width) {
                try await resolver.image($0)
            }
            try zip(level, lists).forEach { try check($0, names: $1, resolved: resolved) }
            found += resolved
            level = zip(resolved, next).map { Carried($0.locked, kinds: $1.kinds) }
        }
        return found
    }

    /// A line about those of `images` that want attached content and have none in the lock, which was perhaps made before
    /// they did; `nil` where there are none.
    func describedWithout(_ images: [ResolvedImage]) -> String? {
        guard let lock = resolver.lock else { return nil }
        let bare = images.filter { image in
            isLocked(image.reference) && image.local == nil
                && !spec.attachedKinds(of: image.reference).isEmpty
                && lock.attached(to: image.reference, image.locked.digests, of: spec).isEmpty
        }
        guard let first = bare.first?.reference.familiar else { return nil }
        let more = bare.count > 1 ? " and \(bare.count - 1) more images" : ""
        return "the lock has nothing that is attached to \(first)\(more); "
            + "`sealift lock SPEC` looks for it"
    }

    /// The names of what belongs to `carried`, in order.
    private func names(_ carried: Carried) async throws -> [Reference] {
        let (reference, kinds) = (carried.reference, carried.kinds)
        if let lock = resolver.lock, isLocked(reference) {
            return lock.attached(to: reference, carried.digests, of: spec)
        }
        var names: [Reference] = []
        for digest in carried.digests {
            let stem = "\(digest.algorithm.rawValue)-\(digest.hex)"
            func named(_ suffix: String) -> Reference {
                Reference(domain: reference.domain, repository: reference.repository, tag: stem + suffix)
            }
            var candidates = kinds.map { named($0.cosignSuffix) }
            if let referrers = try await resolver.content.client.referrers(of: digest, in: reference) {
                for entry in referrers where kinds.contains(where: { $0.covers(entry.artifactType ?? "") }) {
                    names.append(
                        Reference(
                            domain: reference.domain, repository: reference.repository, digest: entry.digest))
                }
            }
            // Clients without the API, and registries without it, keep the list under this tag.
            candidates.append(
                Reference(
                    domain: reference.domain, repository: reference.repository, tag: digest.referrersTag))
            for candidate in candidates where try await resolver.content.client.has(candidate) {
                names.append(candidate)
            }
        }
        return names
    }

    private func isLocked(_ reference: Reference) -> Bool { resolver.lock?.image(reference) != nil }

    private func isArchived(_ image: Lock.Image) -> Bool {
        spec.archives?.contains { $0.image == image.reference } ?? false
    }

    /// A referrer names what it belongs to.
    private func check(_ carried: Carried, names: [Reference], resolved: [ResolvedImage]) throws(Failure) {
        // The names in a lock were compared when it was made.
        if isLocked(carried.reference) { return }
        for image in resolved where names.contains(image.reference) && image.reference.tag == nil {
            guard image.top.subject.map({ carried.digests.contains($0.digest) }) != true else { continue }
            throw Failure(
                .data, "collect", image.reference.familiar,
                because:
                    "\(image.reference.domain) lists it as belonging to \(carried.reference.familiar), "
                    + "which it does not name as its subject",
                remedy: "ask the registry's operator, or leave out 'attached' for this image")
        }
    }
}

extension Spec.AttachedKind {
    /// What cosign adds to the tag of such content.
    fileprivate var cosignSuffix: String {
        switch self {
        case .signatures: ".sig"
        case .sboms: ".sbom"
        case .attestations: ".att"
        }
    }

    /// Whether a referrer of that artifact type is of this kind. A bundle of sigstore may be a signature or an attestation.
    fileprivate func covers(_ type: String) -> Bool {
        func has(_ words: String...) -> Bool { words.contains { type.lowercased().contains($0) } }
        let isBoth = has("sigstore.bundle")
        let isSignature = has("signature", "cosign.artifact.sig", "simplesigning")
        let isSBOM = has("spdx", "cyclonedx", "syft", "sbom")
        return switch self {
        case .signatures: isBoth || isSignature
        case .sboms: isSBOM
        case .attestations: isBoth || (!isSignature && !isSBOM)
        }
    }
}

extension Lock {
    /// The entries that belong to `reference`, as their names tell: those of its repository that the spec does not name,
    /// with a tag that begins with one of its digests, or with no tag.
    fileprivate func attached(to reference: Reference, _ digests: [Digest], of spec: Spec) -> [Reference] {
        let stems = digests.map(\.referrersTag)
        return images.map(\.reference).filter { name in
            (name.domain, name.repository) == (reference.domain, reference.repository) && !spec.names(name)
                && name.tag.map { tag in stems.contains { tag.hasPrefix($0) } } ?? true
        }
    }
}

extension Spec {
    /// Whether the spec itself names the reference.
    func names(_ reference: Reference) -> Bool {
        images.contains(reference) || base?.image == reference
            || (charts ?? []).contains { $0.reference == reference }
    }

}

extension Spec.Chart {
    /// Compares what a chart of an OCI registry resolved to with the digest that the spec gives; that of a repository's
    /// chart is its archive's, which is compared when it is fetched.
    /// - Throws: a ``Failure`` of kind `data` where they differ.
    func check(_ found: ResolvedImage) throws(Failure) {
        guard repo == nil, let digest, found.top.descriptor.digest != digest else { return }
        throw Failure(
            .data, "collect the chart", reference.familiar,
            because: "its manifest is \(found.top.descriptor.digest), and the spec says \(digest)",
            remedy: "find out why it changed; then correct the digest in the spec")
    }
}
