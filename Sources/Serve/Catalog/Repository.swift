// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What one repository name leads to.
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

    mutating func sort() { sortedTags = tags.keys.sorted(by: Self.precedes) }

    /// The order of lists: without regard to case, then by bytes.
    /// Source: distribution specification 1.1, "Listing Tags".
    static func precedes(_ left: String, _ right: String) -> Bool {
        let (one, other) = (left.lowercased(), right.lowercased())
        return one == other ? left < right : one < other
    }
}
