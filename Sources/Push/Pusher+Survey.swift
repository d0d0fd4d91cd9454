// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Registry

/// Asking what is there. A tag that points to the image answers for all below it, and a manifest for its blobs:
/// registries take neither before they have what it names. ``PushOptions/asksForAll`` takes nothing for granted.
/// A push asks for tags; the answer to the first request of an upload says whether the blob is there.
extension Pusher {
    /// What a repository is known to have without having been asked.
    private struct Settled {
        private var places: Set<Place> = []

        private struct Place: Hashable {
            let repository: String
            let digest: Digest
        }

        mutating func add(_ digests: [Digest], in reference: Reference) {
            for digest in digests { places.insert(Place(repository: reference.repository, digest: digest)) }
        }

        func has(_ digest: Digest, in reference: Reference) -> Bool {
            places.contains(Place(repository: reference.repository, digest: digest))
        }
    }

    /// Asks the registry what it has; it is asked for nothing that a request before has answered.
    package func survey() async throws -> PushSurvey { try await survey(asksForBlobs: true) }

    /// - Parameter asksForBlobs: whether blobs are asked for, and what is below tags that point to nothing. Else only the
    ///   blobs are that the bundle does not have.
    func survey(asksForBlobs: Bool) async throws -> PushSurvey {
        let found = try await inParallel(plan.items, width: client.requestsAtOnce) { item in
            try await digest(at: item.reference, among: [item.top] + [item.narrowed].compactMap(\.self))
        }
        var settled = settledByTags(found)
        let known = settled
        let missing = try await inParallel(Array(zip(plan.items, found)), width: client.requestsAtOnce) {
            item, found in
            try await absentChildren(of: item, settled: known, asks: asksForBlobs || found != nil)
        }
        for (item, missing) in zip(plan.items, missing) where !options.asksForAll {
            let absent = Set(missing.map(\.descriptor.digest))
            for child in item.children where !absent.contains(child.descriptor.digest) {
                settled.add(child.blobs.map(\.digest), in: item.reference)
            }
        }
        let existing = Set(zip(plan.items, found).filter { $0.1 != nil }.map(\.0.reference.repository))
        let moves = try await moves(settled, asksForBlobs: asksForBlobs, existing: existing)
        let states = zip(zip(plan.items, missing), found).map {
            PushSurvey.ItemState(item: $0.0, missing: $0.1, found: $1)
        }
        return PushSurvey(
            moves.filter { !$0.places.isEmpty }, states: states,
            present: moves.reduce(0) { $0 + $1.holders.count },
            exact: options.isExact)
    }

    /// What tags prove that point to what the bundle has, whole.
    /// - Parameter found: what the tag of each item of the plan points to.
    private func settledByTags(_ found: [Digest?]) -> Settled {
        var settled = Settled()
        for (item, found) in zip(plan.items, found) where !options.asksForAll {
            let state = PushSurvey.ItemState(item: item, missing: [], found: found)
            guard state.isInPlace(exact: options.isExact) else { continue }
            settled.add(item.manifests.map(\.descriptor.digest), in: item.reference)
            settled.add(item.manifests.flatMap(\.blobs).map(\.digest), in: item.reference)
        }
        return settled
    }

    /// The manifests below `item` that the registry does not have.
    /// - Parameter asks: whether it is asked for those that are not settled; else they all are missing.
    private func absentChildren(of item: PushPlan.Item, settled: Settled, asks: Bool) async throws
        -> [Manifest]
    {
        var missing: [Manifest] = []
        for child in item.children where !settled.has(child.descriptor.digest, in: item.reference) {
            let pinned = item.reference.pinned(child.descriptor.digest)
            let isThere =
                asks ? try await digest(at: pinned, among: [child]) == child.descriptor.digest : false
            if !isThere { missing.append(child) }
        }
        return missing
    }

    /// - Parameter existing: repositories that have something: they more probably have a blob than others.
    private func moves(
        _ settled: Settled, asksForBlobs: Bool, existing: Set<String>
    ) async throws -> [PushSurvey.Move] {
        try await inParallel(plan.blobs, width: client.requestsAtOnce) { blob in
            var move = PushSurvey.Move(blob: blob)
            let asks = asksForBlobs || !source.contains(blob.descriptor.digest)
            for reference in blob.repositories {
                if settled.has(blob.descriptor.digest, in: reference) {
                    move.holders.append(reference)
                } else if !asks {
                    move.unasked.append(reference)
                } else if try await holds(blob.descriptor, in: reference) {
                    move.holders.append(reference)
                } else {
                    move.absent.append(reference)
                }
            }
            let (old, new) = (
                move.unasked.filter { existing.contains($0.repository) },
                move.unasked.filter { !existing.contains($0.repository) }
            )
            move.unasked = old + new
            return move
        }
    }

    /// Whether the repository says that it has the blob, by a HEAD request.
    func holds(_ blob: Descriptor, in reference: Reference) async throws -> Bool {
        guard let claim = try await client.claim(of: blob, in: reference) else { return false }
        if claim.agrees(with: blob) { return true }
        let said =
            claim.size.map { "\($0) bytes" } ?? claim.digest.map { "the digest \($0)" }
            ?? "something else"
        events(
            .note(
                "\(reference.domain)/\(reference.repository) claims \(said) for the blob \(blob.digest) of "
                    + "\(blob.size) bytes: it is sent again"))
        return false
    }

    /// The digest of what `reference` points to; `nil` where it points to nothing. A HEAD request that names one of
    /// `candidates`, and its size where it names any, is believed; what a registry does not say is fetched.
    private func digest(at reference: Reference, among candidates: [Manifest]) async throws -> Digest? {
        guard let claim = try await client.claim(of: reference) else { return nil }
        if let digest = claim.digest {
            guard let candidate = candidates.first(where: { $0.has(digest) }) else { return digest }
            if claim.agrees(with: candidate.descriptor) { return candidate.descriptor.digest }
        }
        guard let (bytes, _) = try await client.content(of: reference) else { return nil }
        let digest = Digest(of: bytes)
        return candidates.first { $0.has(digest) }?.descriptor.digest ?? digest
    }
}

extension Manifest {
    /// Whether `digest` is that of its bytes, by whichever algorithm.
    fileprivate func has(_ digest: Digest) -> Bool {
        digest == descriptor.digest
            || digest.algorithm != descriptor.digest.algorithm && digest == Digest(of: raw, digest.algorithm)
    }
}
