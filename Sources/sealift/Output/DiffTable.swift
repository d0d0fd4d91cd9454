// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat

/// Changes for people: a sign, the name, the digests, and what else there is to say, in columns.
struct DiffTable {
    private var rows: [(name: String, digests: String, more: String)] = []
    private var counts: [Change.Kind: Int] = [:]

    /// Adds a line; `more` ends it.
    mutating func add(_ change: Change, more: String = "") {
        let sign = ["added": "+", "removed": "-", "changed": "~"][change.kind.rawValue]!
        let digests = [change.old, change.new].compactMap { $0?.short }.joined(separator: " → ")
        rows.append(("\(sign) \(change.name)", digests, more))
        counts[change.kind, default: 0] += 1
    }

    /// The lines, in the order in which they were added.
    var lines: [String] {
        func widest(_ texts: [String], limit: Int) -> Int { min(limit, texts.map(\.count).max() ?? 0) }
        let names = widest(rows.map(\.name), limit: 70)
        let digests = widest(rows.map(\.digests), limit: 30)
        return rows.map { row in
            let line = "\(row.name.padded(to: names))  \(row.digests.padded(to: digests))  \(row.more)"
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// How many there are of each kind: `1 added, 2 changed`; `nothing changed`.
    var summary: String {
        let kinds: [Change.Kind] = [.added, .changed, .removed]
        let parts = kinds.compactMap { kind in counts[kind].map { "\($0) \(kind.rawValue)" } }
        return parts.isEmpty ? "nothing changed" : parts.joined(separator: ", ")
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
