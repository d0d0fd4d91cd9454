// SPDX-License-Identifier: Apache-2.0
package import OCI

/// The measures of layers that are taken ahead of their use, on all cores. A tree is known again by what is in its tar's
/// headers and by where the contents of its files are, so that no content is read twice.
package struct LayerMeasures {
    /// Layers with less content are measured when they are made.
    private static let least: Int64 = 1 << 20

    // What is measured is kept: objects identify where contents are, and their places in memory must not be used again.
    private var roots: [FileNode] = []
    private var measures: [Digest: LayerMeasure] = [:]

    /// No measures.
    package init() {}

    /// Measures those of `roots` that are large and have all of their contents, the largest first. What fails is left to
    /// who makes the layer. A single one is left too, since measuring it takes as long then.
    package mutating func take(_ roots: [FileNode]) {
        var trees: [Digest: (root: FileNode, size: Int64)] = [:]
        for root in roots {
            guard let (key, size) = Self.key(of: root) else { continue }
            trees[key] = (root, size)
        }
        if trees.count < 2 { return }
        let order = trees.sorted { ($0.value.size, $0.key) > ($1.value.size, $1.key) }
        // Unchecked: trees are only read from here on.
        let taken = onAllCores(order.map { Unchecked(value: $0.value.root) }) { try? Layer.measure($0.value) }
        measures = Dictionary(uniqueKeysWithValues: zip(order.map(\.key), taken)).compactMapValues(\.self)
        self.roots = order.map(\.value.root)
    }

    /// The measure of a tree, taken now where it was not taken ahead.
    /// - Throws: a ``Failure``, as ``Layer/measure(_:tarSplit:writingInto:)``.
    package func measure(_ root: FileNode) throws(Failure) -> LayerMeasure {
        if !measures.isEmpty, let (key, _) = Self.key(of: root), let known = measures[key] { return known }
        return try Layer.measure(root)
    }

    /// What equal trees have in common, and the size of their contents; `nil` for a tree that is small, or not complete.
    private static func key(of root: FileNode) -> (key: Digest, size: Int64)? {
        var walk = TreeWalk(root)
        var hash = SHA256()
        var total: Int64 = 0
        do throws(Failure) {
            while let entry = try walk.next() {
                let (sum, isTooLarge) = total.addingReportingOverflow(entry.header.size)
                if isTooLarge { return nil }
                total = sum
                entry.header.encoded().withUnsafeBytes { hash.update($0) }
                guard case .file(let content, _)? = entry.node?.form, entry.header.size > 0 else { continue }
                guard let place = content.place else { return nil }
                place.withUnsafeBytes { hash.update($0) }
            }
        } catch { return nil }
        return total < least ? nil : (hash.digest(), total)
    }

    private struct Unchecked<Value>: @unchecked Sendable { let value: Value }
}
