// SPDX-License-Identifier: Apache-2.0

/// Runs `body` for each item, at most `width` at once, and returns the results in the items' order. The
/// first error cancels the rest.
package func inParallel<Item: Sendable, Result: Sendable>(
    _ items: [Item], width: Int, body: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results = [Result?](repeating: nil, count: items.count)
        var next = 0
        func start() {
            guard next < items.count else { return }
            let (index, item) = (next, items[next])
            next += 1
            group.addTask { (index, try await body(item)) }
        }
        for _ in 0..<width { start() }
        while let (index, result) = try await group.next() {
            results[index] = result
            start()
        }
        return results.compactMap { $0 }
    }
}
