// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What a registry has of a push, and what has to move.
package struct PushSurvey: Sendable, Encodable {
    /// An image or file.
    package struct Item: Sendable, Encodable {
        /// What it is called in the bundle.
        package let name: String
        /// What it is called in the registry.
        package let reference: Reference
        /// The digest of its manifest or index.
        package let digest: Digest
        /// Whether the registry has it whole, under its name.
        package let isPresent: Bool
    }
    /// The images and files.
    package let items: [Item]
    /// How many blobs have to be sent; at most, where not all were asked for.
    package let uploads: Int
    /// How many bytes they have.
    package let bytes: Int64
    /// How often the registry can take a blob from another repository of its own.
    package let mounts: Int
    /// How many blobs are where they belong, each counted once a repository.
    package let present: Int

    /// A blob that has to move, and the repositories with it, without it, and those that were not asked.
    struct Move: Sendable {
        let blob: PushPlan.Blob
        var holders: [Reference] = []
        var absent: [Reference] = []
        var unasked: [Reference] = []

        /// Where it has to be brought.
        var places: [Reference] { absent + unasked }
    }
    let moves: [Move]
    let states: [ItemState]

    private enum CodingKeys: CodingKey {
        case items, uploads, bytes, mounts, present
    }

    /// What the registry has of an item's manifests.
    struct ItemState: Sendable {
        let item: PushPlan.Item
        /// The children that it has not.
        let missing: [Manifest]
        /// What the name points to.
        let found: Digest?

        /// Whether the name points to the item, or, where that may be, to the narrowed index of it.
        func isInPlace(exact: Bool) -> Bool {
            guard let found else { return false }
            if found == item.top.descriptor.digest { return true }
            return item.mayBeNarrowed(exact: exact) && found == item.narrowed?.descriptor.digest
        }
    }

    init(_ moves: [Move], states: [ItemState], present: Int, exact: Bool) {
        self.moves = moves
        self.states = states
        self.present = present
        let sent = moves.filter { $0.holders.isEmpty }
        uploads = sent.count
        bytes = sent.clampedTotal(\.blob.descriptor.size)
        mounts = moves.reduce(0) { $0 + $1.places.count } - sent.count
        let absent = Set(
            moves.flatMap { move in move.places.map { [$0.repository, "\(move.blob.descriptor.digest)"] } })
        items = states.map { state in
            let isWhole = state.item.manifests.flatMap(\.blobs).allSatisfy {
                !absent.contains([state.item.reference.repository, "\($0.digest)"])
            }
            return Item(
                name: state.item.name, reference: state.item.reference,
                digest: state.item.top.descriptor.digest,
                isPresent: isWhole && state.missing.isEmpty && state.isInPlace(exact: exact))
        }
    }
}

extension PushPlan.Item {
    /// Whether its tag may point to less than the whole index. One that is pinned by digest would no longer be
    /// found under it.
    func mayBeNarrowed(exact: Bool) -> Bool { narrowed != nil && !exact && reference.digest == nil }
}
