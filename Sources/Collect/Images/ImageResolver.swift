// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry
internal import Spec

/// A reference of the spec, resolved to content: the manifest it names and those that are carried.
struct ResolvedImage: Sendable {
    let reference: Reference
    let top: Manifest
    /// One manifest a platform, in the order of the spec; none for what has no platform.
    let instances: [(platform: Platform, manifest: Manifest)]
    /// What is carried of an index besides, each after all that it names.
    let others: [Manifest]
    /// Where its blobs are on this host; `nil` for an image of a registry.
    var local: LocalContent?
    /// The titles of the files that name it.
    var origins: [String] = []

    /// What the bundle carries of it.
    var bundled: BundleImage {
        get throws(Failure) {
            // An image that is one manifest serves every platform of the spec by that one.
            try BundleImage(locked, top: top, instances: instances.map(\.manifest), others: others)
        }
    }

    /// What the lock says of it.
    var locked: Lock.Image {
        Lock.Image(
            reference: reference, descriptor: top.descriptor,
            platforms: instances.map {
                Lock.Instance(platform: $0.platform, descriptor: $0.manifest.descriptor)
            }, others: others.map { Lock.Part($0.descriptor) }, from: origins)
    }
}

/// What is on this host already: an archive of the spec, or what had to be fetched to be resolved.
struct LocalContent: Sendable {
    let source: any ContentSource
    /// Whether this run has fetched it.
    let isFetched: Bool
    /// The archive or bundle that it is in; of what was fetched, what events call it.
    let place: String?
}

/// Resolves references to content, verified against a lock where there is one.
struct ImageResolver: Sendable {
    let content: ContentCache
    let local: ArchivedImages
    let lock: Lock?
    let spec: Spec
    let charts: ChartResolver
    /// Whether what the lock does not have is taken as it is now.
    var takesUnlocked = true

    /// Resolves `references`, several at a time; the result has their order. Those that cannot be are noted.
    func images(_ references: [Reference], noting faults: inout SpecFaults) async throws -> [ResolvedImage] {
        let results = try await inParallel(references, width: content.worksAtOnce) { reference in
            try await attempted { try await image(reference) }
        }
        var images: [ResolvedImage] = []
        for (reference, result) in zip(references, results) {
            switch result {
            case .success(let image): images.append(image)
            case .failure(let failure): faults.note(failure, ofImage: reference, in: spec)
            }
        }
        return images
    }

    private func place(ofArchive reference: Reference) -> String? {
        spec.archives?.first { $0.image == reference }.map { "\($0.from.form.rawValue):\($0.from.path)" }
    }

    /// Resolves one reference, for the platforms that the spec carries it for.
    /// - Throws: a `Failure` of kind `data` where it has drifted from the lock, `configuration` where the lock does not
    ///   have it and must.
    func image(_ reference: Reference) async throws -> ResolvedImage {
        if let lock, !takesUnlocked, lock.image(reference) == nil { throw Lock.lacking(reference.familiar) }
        if let chart = charts.chart(reference) {
            let found = try await charts.image(chart)
            try check(found.top.descriptor, of: reference, in: "its repository has")
            return found
        }
        let source = ImageSource(
            reference: reference, local: try local.origin(of: reference), content: content)
        let top = try await source.top()
        try check(
            top.descriptor, of: reference, in: source.local == nil ? "upstream it is now" : "its archive has")
        let (instances, others) = try await CarriedContent(source, platforms: spec.platforms(of: reference))
            .choose(of: top)
        return ResolvedImage(
            reference: reference, top: top, instances: instances, others: others,
            local: source.local.map {
                LocalContent(source: $0, isFetched: false, place: place(ofArchive: reference))
            })
    }

    /// Verifies what a reference resolves to now against the lock, and against the digest that it names itself.
    private func check(
        _ found: Descriptor, of reference: Reference, in place: String
    ) throws(Failure) {
        if let locked = lock?.image(reference), locked.digest != found.digest {
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
}
