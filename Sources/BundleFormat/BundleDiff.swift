// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What one bundle has and another has not, by name and in bytes.
public struct BundleDiff: Sendable {
    /// Images and files that were added, removed or changed, in order of name.
    public let changes: [Change]
    /// The blobs that only the newer has.
    public let added: [BundlePlan.Item]
    /// The blobs that only the older has.
    public let removed: [BundlePlan.Item]
    /// Bytes of the blobs that both have.
    public let keptBytes: Int64

    /// Compares by digests; no blob is read. What a delta requires counts as being in it.
    public init(from old: Bundle, to new: Bundle) {
        let (before, after) = (Inventory(of: old), Inventory(of: new))
        let (had, has) = (Set(before.blobs), Set(after.blobs))
        changes = new.lock.changes(from: old.lock)
        added = new.items.filter { !had.contains($0.descriptor.digest) }
        removed = old.items.filter { !has.contains($0.descriptor.digest) }
        keptBytes = new.items.filter { had.contains($0.descriptor.digest) }.bytes
    }

    /// Bytes of the blobs that only the newer has.
    public var addedBytes: Int64 { added.bytes }

    /// Bytes of the blobs that only the older has.
    public var removedBytes: Int64 { removed.bytes }
}

extension [BundlePlan.Item] {
    /// The sum of their sizes in bytes.
    public var bytes: Int64 { reduce(0) { $0 + $1.descriptor.size } }
}
