// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// A reference of the spec, resolved to content: the manifest it names and those that are carried.
struct ResolvedImage: Sendable {
    let reference: Reference
    let top: Manifest
    /// One manifest a platform, in the order of the spec.
    let instances: [(platform: Platform, manifest: Manifest)]
    /// Where its blobs are on this host; `nil` for an image of a registry.
    var local: LocalImage?

    /// What the bundle carries of it.
    var bundled: BundleImage {
        get throws(Failure) {
            // An image that is one manifest serves every platform of the spec by that one.
            try BundleImage(locked, top: top, instances: instances.map(\.manifest))
        }
    }

    /// What the lock says of it.
    var locked: Lock.Image {
        Lock.Image(
            reference: reference, descriptor: top.descriptor,
            platforms: instances.map {
                Lock.Instance(platform: $0.platform, descriptor: $0.manifest.descriptor)
            })
    }
}

/// Resolves references to content, verified against a lock where there is one.
struct Resolver: Sendable {
    let content: KnownContent
    let local: LocalImages
    let lock: Lock?
    let platforms: [Platform]

    /// Resolves all of `references`, at most eight at a time; the result has their order.
    /// - Throws: a `Failure` of kind `data` where the upstream has drifted from the lock, naming both digests.
    func images(_ references: [Reference]) async throws -> [ResolvedImage] {
        try await inParallel(references, width: 8) { try await image($0) }
    }

    /// Resolves one reference.
    func image(_ reference: Reference) async throws -> ResolvedImage {
        let source = ImageSource(
            reference: reference, local: try local.origin(of: reference), content: content)
        let found = try await source.top()
        try check(found, of: source)
        if let known = content.image(reference, top: found, for: platforms) {
            return ResolvedImage(
                reference: reference, top: known.top,
                instances: zip(platforms, known.instances).map { ($0, $1) }, local: source.local)
        }
        let top = try await source.manifest(found)
        return ResolvedImage(
            reference: reference, top: top, instances: try await instances(of: top, source),
            local: source.local)
    }

    /// Holds what a reference leads to now to the lock, and to the digest that it names itself.
    private func check(_ found: Descriptor, of source: ImageSource) throws(Failure) {
        let reference = source.reference
        let place = source.local == nil ? "upstream it is now" : "its archive has"
        if let locked = lock?.images.first(where: { $0.reference == reference }),
            locked.digest != found.digest
        {
            throw Failure(
                .data, "collect", reference.familiar,
                because: "the lock has \(locked.digest), but \(place) \(found.digest)",
                remedy:
                    "find out why it changed; to accept it run `sealift lock SPEC --update \(reference.familiar)`"
            )
        }
        if let pinned = reference.digest, pinned != found.digest {
            throw Failure(
                .data, "collect", reference.familiar, because: "\(place) \(found.digest)",
                remedy: "take the digest out of the spec, or name what has it")
        }
    }

    private func instances(
        of top: Manifest, _ source: ImageSource
    ) async throws -> [(platform: Platform, manifest: Manifest)] {
        let reference = source.reference
        guard case .index(let children) = top.content else {
            let platform = try await platform(of: top, source)
            guard platforms.allSatisfy({ $0.runs(platform) }) else {
                throw missing(platforms.first { !$0.runs(platform) }, of: source, there: [platform])
            }
            return platforms.map { ($0, top) }
        }
        var found: [(platform: Platform, manifest: Manifest)] = []
        for platform in platforms {
            let fitting = children.filter { $0.platform.map { platform.runs($0.value) } ?? false }
            let exact = fitting.first { $0.platform?.value == platform }
            guard let child = exact ?? fitting.first else {
                if children.contains(where: { MediaType.indexes.contains($0.mediaType) }) {
                    throw nested(reference, platform)
                }
                throw missing(platform, of: source, there: children.compactMap { $0.platform?.value })
            }
            // What is named an index is not even read: nesting is never followed, however deep it goes.
            if MediaType.indexes.contains(child.mediaType) { throw nested(reference, platform) }
            let manifest = try await source.manifest(child)
            guard case .image = manifest.content else { throw nested(reference, platform) }
            found.append((platform, manifest))
        }
        return found
    }

    private func nested(_ reference: Reference, _ platform: Platform) -> Failure {
        Failure(
            .data, "collect", reference.familiar,
            because: "its entry for \(platform) is an index within an index, which is not followed",
            remedy: "name the inner index by its digest in the spec")
    }

    /// What a single manifest runs on, as its config says.
    private func platform(of manifest: Manifest, _ source: ImageSource) async throws -> Platform {
        guard case .image(let config, _) = manifest.content else { return platforms[0] }
        let bytes = try await source.bytes(config, limit: PlatformFields.largestConfig)
        return try PlatformFields(config: bytes, of: source.reference).value
    }

    private func missing(_ platform: Platform?, of source: ImageSource, there: [Platform]) -> Failure {
        let others = Set(there.filter { $0.os != "unknown" }.map(\.description)).sorted()
        return Failure(
            source.local == nil ? .unavailable : .input, "collect", source.reference.familiar,
            because:
                "it has nothing for \(platform?.description ?? "?"), only for \(others.joined(separator: ", "))",
            remedy: source.local == nil
                ? "take the platform out of the spec, or pass --platform with one that all images have"
                : "give an archive for each platform: from: { linux/amd64: …, linux/arm64: … }")
    }
}

extension Platform {
    /// Whether this platform runs what was made for `other`: equal, or equal but for a variant that one of
    /// them leaves out.
    func runs(_ other: Platform) -> Bool {
        os == other.os && architecture == other.architecture
            && (variant == other.variant || variant == nil || other.variant == nil)
    }
}
