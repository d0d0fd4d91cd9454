// SPDX-License-Identifier: Apache-2.0

/// Finds what a person probably meant.
package enum Suggestion {
    /// The candidate that differs least from `word`, if it differs little enough to be a slip: at most one
    /// letter in three, counted as insertions, deletions, exchanges and swaps of neighbours.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        var best: (distance: Int, candidate: String)?
        for candidate in candidates where candidate != word {
            let distance = distance(Array(word.utf8), to: Array(candidate.utf8))
            if distance * 3 <= max(3, word.utf8.count), distance < best?.distance ?? .max {
                best = (distance, candidate)
            }
        }
        return best?.candidate
    }

    /// The number of single slips between two words. Words over 300 bytes are as far apart as can be.
    package static func distance(_ left: [UInt8], to right: [UInt8]) -> Int {
        guard left.count <= 300, right.count <= 300 else { return .max / 4 }
        var before: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for (column, other) in right.enumerated() {
                var cost = min(
                    last[column] + (byte == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, before[column - 1] + 1)
                }
                current.append(cost)
            }
            (before, last) = (last, current)
        }
        return last[right.count]
    }
}
