// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// A number of bytes that all connections of a server share for one purpose.
final class MemoryBudget: Sendable {
    /// The most bytes that are taken at a time.
    let limit: Int
    private let taken = Atomic<Int>(0)

    init(_ limit: Int) { self.limit = limit }

    /// Takes `count` bytes; `false`, and nothing taken, where fewer are left.
    func take(_ count: Int) -> Bool {
        if taken.add(count, ordering: .relaxed).newValue <= limit { return true }
        taken.subtract(count, ordering: .relaxed)
        return false
    }

    /// Gives back `count` bytes of those that were taken.
    func give(_ count: Int) { taken.subtract(count, ordering: .relaxed) }
}
