// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Spec

/// What is carried of one image for the platforms of a spec.
struct CarriedContent: Sendable {
    /// The manifests that serve the platforms, in the spec's order, and all else, each after what it names.
    typealias Chosen = (instances: [(platform: Platform, manifest: Manifest)], others: [Manifest])

    private let source: ImageSource
    private let platforms: [Platform]

    /// The most manifests of one index that are followed.
    private static let mostManifests = 10_000

    init(_ source: ImageSource, platforms: [Platform]) {
        self.source = source
        self.platforms = platforms
    }

    /// Fetches what `top` points to as far as it is carried.
    /// - Throws: a `Failure` of kind `unavailable`, or `input` for an archive, where it is for other platforms than the
    ///   spec's.
    func choose(of top: Manifest) async throws -> Chosen {
        guard case .index = top.content else {
            guard let platform = try await platform(of: top) else { return ([], []) }
            if let lacking = platforms.first(where: { !$0.runs(platform) }) {
                throw missing(lacking, there: [platform])
            }
            return (platforms.map { ($0, top) }, [])
        }
        let nested = try await nested(in: top)
        let selection = try IndexSelection(top, nested: nested, artifact: source.reference.familiar)
        let kept = selection.kept(for: platforms)
        let wanted = selection.manifests.filter { kept.contains($0.digest) }
        let found = try await inParallel(wanted, width: source.content.worksAtOnce) {
            try await source.manifest($0)
        }
        var manifests = nested.filter { kept.contains($0.key) }
        for manifest in found { manifests[manifest.descriptor.digest] = manifest }
        let instances = try await instances(selection, found: found, manifests: manifests)
        let serving = Set(instances.map(\.manifest.descriptor.digest))
        return (
            instances,
            Self.ordered(top, manifests: manifests).filter { !serving.contains($0.descriptor.digest) }
        )
    }

    /// The indexes that `top` points to, by digest.
    private func nested(in top: Manifest) async throws -> [Digest: Manifest] {
        var found: [Digest: Manifest] = [:]
        var level = [top]
        // Deeper ones are refused by the selection.
        for _ in 1..<Manifest.deepestNesting {
            let entries = level.flatMap(\.manifests).filter { entry in
                let platform = entry.platform?.named
                return MediaType.indexes.contains(entry.mediaType) && found[entry.digest] == nil
                    && (platform.map { named in platforms.contains { $0.runs(named) } } ?? true)
            }
            var seen: Set<Digest> = []
            let wanted = entries.filter { seen.insert($0.digest).inserted }
            guard found.count + wanted.count <= Self.mostManifests else { throw tooMany() }
            level = try await inParallel(wanted, width: source.content.worksAtOnce) {
                try await source.manifest($0)
            }
            for manifest in level { found[manifest.descriptor.digest] = manifest }
            if level.isEmpty { break }
        }
        return found
    }

    private func tooMany() -> Failure {
        Failure(
            .data, "collect", source.reference.familiar,
            because: "its indexes name more than \(Self.mostManifests) indexes",
            remedy: "name the inner indexes that are meant by their digests")
    }

    /// The manifest of each platform; none where nothing that is carried has a platform.
    private func instances(
        _ selection: IndexSelection, found: [Manifest], manifests: [Digest: Manifest]
    ) async throws -> [(platform: Platform, manifest: Manifest)] {
        if !selection.platforms.isEmpty {
            return try platforms.map { platform in
                guard let entry = selection.instance(for: platform), let manifest = manifests[entry.digest],
                    case .image = manifest.content
                else { throw missing(platform, there: selection.platforms) }
                return (platform, manifest)
            }
        }
        // No entry names a platform: their configs do.
        var there: [(platform: Platform, manifest: Manifest)] = []
        for manifest in found {
            if let platform = try await platform(of: manifest) { there.append((platform, manifest)) }
        }
        if there.isEmpty { return [] }
        return try platforms.map { platform in
            let exact = there.first { $0.platform == platform }
            guard let chosen = exact ?? there.first(where: { platform.runs($0.platform) }) else {
                throw missing(platform, there: there.map(\.platform))
            }
            return (platform, chosen.manifest)
        }
    }

    /// What a manifest runs on, as its config says; `nil` for an artifact, and where the config names nothing.
    private func platform(of manifest: Manifest) async throws -> Platform? {
        guard case .image(let config, _) = manifest.content, manifest.subject == nil,
            [MediaType.config, MediaType.dockerConfig].contains(config.mediaType),
            config.size <= Int64(PlatformFields.largestConfig)
        else { return nil }
        let bytes = try await source.bytes(config, limit: PlatformFields.largestConfig)
        return PlatformFields(config: bytes)?.named
    }

    /// All of `manifests` that `top` points to, each once and after all that it names.
    private static func ordered(_ top: Manifest, manifests: [Digest: Manifest]) -> [Manifest] {
        var (done, order): (Set<Digest>, [Manifest]) = ([top.descriptor.digest], [])
        var pending: [(manifest: Manifest, isOpen: Bool)] = [(top, false)]
        while let (manifest, isOpen) = pending.popLast() {
            if isOpen {
                order.append(manifest)
                continue
            }
            if manifest.descriptor != top.descriptor {
                guard done.insert(manifest.descriptor.digest).inserted else { continue }
                pending.append((manifest, true))
            }
            pending += manifest.manifests.reversed().compactMap { manifests[$0.digest] }.map { ($0, false) }
        }
        return order
    }

    private func missing(_ platform: Platform, there: [Platform]) -> Failure {
        let others = Set(there.map(\.description)).sorted()
        return Failure(
            source.local == nil ? .unavailable : .input, "collect", source.reference.familiar,
            because: "it has nothing for \(platform), only for \(others.joined(separator: ", "))",
            remedy: source.local == nil
                ? "carry it for those alone, { image: …, platforms: [\(others.joined(separator: ", "))] }, or take the platform out of the spec"
                : "give an archive for each platform: from: { linux/amd64: …, linux/arm64: … }")
    }
}
