// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What one repository name points to.
struct Repository: Sendable {
    var tags: [String: Descriptor] = [:]
    var manifests: Set<Digest> = []
    var blobs: Set<Digest> = []
    /// Manifests by the digest that their `subject` names, in order.
    var referrers: [Digest: [Descriptor]] = [:]
    /// The tags in the order that the distribution specification asks for.
    private(set) var sortedTags: [String] = []

    /// Takes in what `other` has; of two manifests under one tag the one here stays.
    mutating func merge(_ other: Repository) {
        tags.merge(other.tags) { here, _ in here }
        manifests.formUnion(other.manifests)
        blobs.formUnion(other.blobs)
        for (subject, theirs) in other.referrers {
            let here = referrers[subject, default: []]
            referrers[subject] = here + theirs.filter { !here.contains($0) }
        }
    }

    /// Lists are in the order of their bytes, as the conformance suite of the distribution specification checks; the
    /// text "lexical order" does not say more. Names and tags are ASCII, where Swift's order is that of bytes.
    mutating func sort() { sortedTags = tags.keys.sorted() }
}
