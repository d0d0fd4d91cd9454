// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What one bundle has and another has not, by name and in bytes.
package struct BundleDiff: Sendable {
    /// A change, and what it means in bytes. What several images share is counted at each of them.
    package struct Entry: Sendable {
        /// What was added, removed or changed.
        package let change: Change
        /// Bytes of its blobs that only the newer has.
        package let added: Int64
        /// Bytes of its blobs that only the older has.
        package let removed: Int64
    }

    /// Images and files that were added, removed or changed, in order of name.
    package let entries: [Entry]
    /// The blobs that only the newer has.
    package let added: [BundlePlan.Item]
    /// The blobs that only the older has.
    package let removed: [BundlePlan.Item]
    /// Bytes of the blobs that both have.
    package let keptBytes: Int64

    /// Compares by digests; no blob is read. What a delta requires counts as being in it.
    package init(from old: Bundle, to new: Bundle) {
        let (before, after) = (Inventory(of: old), Inventory(of: new))
        let (had, has) = (Set(before.blobs), Set(after.blobs))
        let tools = Self.tools(from: old, to: new)
        entries =
            tools
            + new.lock.changes(from: old.lock).map { change in
                Entry(
                    change: change, added: new.blobs(of: change).filter { !had.contains($0.digest) }.bytes,
                    removed: old.blobs(of: change).filter { !has.contains($0.digest) }.bytes)
            }
        added = new.items.filter { !had.contains($0.descriptor.digest) }
        removed = old.items.filter { !has.contains($0.descriptor.digest) }
        keptBytes = new.items.filter { had.contains($0.descriptor.digest) }.bytes
    }

    /// The tools that were added, removed or changed. Every bundle has its own, also a delta.
    private static func tools(from old: Bundle, to new: Bundle) -> [Entry] {
        Set((old.tools + new.tools).map(\.name)).sorted().compactMap { name in
            let (then, now) = (old.tools.first { $0.name == name }, new.tools.first { $0.name == name })
            return Change((now ?? then)!.owner, old: then?.digest, new: now?.digest).map {
                Entry(change: $0, added: now?.size ?? 0, removed: then?.size ?? 0)
            }
        }
    }

    /// Images and files that were added, removed or changed, in order of name.
    package var changes: [Change] { entries.map(\.change) }

    /// Bytes of the blobs that only the newer has.
    package var addedBytes: Int64 { added.bytes }

    /// Bytes of the blobs that only the older has.
    package var removedBytes: Int64 { removed.bytes }
}

extension [BundlePlan.Item] {
    /// The sum of their sizes in bytes.
    package var bytes: Int64 { clampedTotal(\.descriptor.size) }
}

extension Set<Descriptor> {
    fileprivate var bytes: Int64 { clampedTotal(\.size) }
}

extension Bundle {
    /// All that an image or a file, or an image's part for one platform, is made of; nothing where it is not
    /// carried.
    fileprivate func blobs(of change: Change) -> Set<Descriptor> {
        if let image = images.first(where: { "\($0.reference)" == change.owner }) {
            let parts =
                change.platform.map { [image.instance(for: $0)].compactMap(\.self) } ?? image.manifests
            // The first to name a digest counts: types and annotations may differ.
            var seen: Set<Digest> = []
            let all = [image.top.descriptor] + parts.flatMap { [$0.descriptor] + $0.blobs }
            return Set(all.filter { seen.insert($0.digest).inserted })
        }
        return Set(files.filter { $0.title == change.owner }.map(\.descriptor))
    }
}
