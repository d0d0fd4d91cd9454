// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import OCI
internal import Registry

/// A reference of the spec, led to content: the manifest it names and those that are carried.
struct ResolvedImage: Sendable {
    let reference: Reference
    let top: Manifest
    /// One manifest a platform, in the order of the spec.
    let instances: [(platform: Platform, manifest: Manifest)]

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

/// Leads references to content, held to a lock where there is one.
struct Resolver: Sendable {
    private var client: RegistryClient { content.client }
    let content: KnownContent
    let lock: Lock?
    let platforms: [Platform]

    /// Resolves all of `references`, at most eight at a time; the result has their order.
    /// - Throws: a `Failure` of kind `data` where the upstream has drifted from the lock, naming both digests.
    func images(_ references: [Reference]) async throws -> [ResolvedImage] {
        try await inParallel(references, width: 8) { try await image($0) }
    }

    /// Resolves one reference.
    func image(_ reference: Reference) async throws -> ResolvedImage {
        let found = try await client.resolve(reference)
        if let locked = lock?.images.first(where: { $0.reference == reference }),
            locked.digest != found.digest
        {
            throw Failure(
                .data, "collect", reference.familiar,
                because: "the lock has \(locked.digest), but upstream it is now \(found.digest)",
                remedy:
                    "find out why it changed; to accept it run `sealift lock SPEC --update \(reference.familiar)`"
            )
        }
        if let known = content.image(reference, top: found, for: platforms) {
            return ResolvedImage(
                reference: reference, top: known.top,
                instances: zip(platforms, known.instances).map { ($0, $1) })
        }
        let top = try await client.manifest(reference, expecting: found)
        return ResolvedImage(
            reference: reference, top: top,
            instances: try await instances(of: top, reference, depth: 0))
    }

    private func instances(
        of top: Manifest, _ reference: Reference, depth: Int
    ) async throws -> [(platform: Platform, manifest: Manifest)] {
        guard case .index(let children) = top.content else {
            let platform = try await platform(of: top, reference)
            guard platforms.allSatisfy({ $0.runs(platform) }) else {
                throw missing(platforms.first { !$0.runs(platform) }, of: reference, there: [platform])
            }
            return platforms.map { ($0, top) }
        }
        var found: [(platform: Platform, manifest: Manifest)] = []
        for platform in platforms {
            let fitting = children.filter { $0.platform.map { platform.runs($0.value) } ?? false }
            let exact = fitting.first { $0.platform?.value == platform }
            guard let child = exact ?? fitting.first else {
                throw missing(platform, of: reference, there: children.compactMap { $0.platform?.value })
            }
            let manifest = try await client.manifest(reference, expecting: child)
            guard case .image = manifest.content else {
                throw Failure(
                    .data, "collect", reference.familiar,
                    because: "its entry for \(platform) is an index within an index",
                    remedy: "name the inner index by its digest in the spec")
            }
            found.append((platform, manifest))
        }
        return found
    }

    /// What a single manifest runs on, as its config says.
    private func platform(of manifest: Manifest, _ reference: Reference) async throws -> Platform {
        guard case .image(let config, _) = manifest.content else { return platforms[0] }
        let bytes = try await content.bytes(config, of: reference, limit: 8 << 20)
        do {
            return try JSONDecoder().decode(PlatformFields.self, from: Data(bytes)).value
        } catch {
            throw Failure(
                .data, "read the config of", reference.familiar, because: Manifest.explain(error),
                remedy: "ask whoever publishes it for an image whose config names its architecture and os")
        }
    }

    private func missing(_ platform: Platform?, of reference: Reference, there: [Platform]) -> Failure {
        let others = Set(there.filter { $0.os != "unknown" }.map(\.description)).sorted()
        return Failure(
            .unavailable, "collect", reference.familiar,
            because:
                "it has nothing for \(platform?.description ?? "?"), only for \(others.joined(separator: ", "))",
            remedy: "take the platform out of the spec, or pass --platform with one that all images have")
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
