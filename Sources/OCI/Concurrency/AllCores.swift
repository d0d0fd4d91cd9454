// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import Synchronization

/// How many processors the host has at work; at least 1.
package let processorCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

/// Runs `body` for each item, the first ones first, and returns the results in the items' order.
///
/// Blocking: the calling thread is one of those that work.
/// - Parameter width: how many at once, at least 1.
package func onAllCores<Item: Sendable, Result: Sendable>(
    _ items: [Item], width: Int = processorCount, _ body: @Sendable (Item) -> Result
) -> [Result] {
    let state = Mutex((next: 0, results: [Result?](repeating: nil, count: items.count)))
    DispatchQueue.concurrentPerform(iterations: min(max(1, width), items.count)) { _ in
        while let turn = state.withLock({ state -> Int? in
            defer { state.next += 1 }
            return state.next < items.count ? state.next : nil
        }) {
            let result = body(items[turn])
            state.withLock { $0.results[turn] = result }
        }
    }
    return state.withLock { $0.results.map { $0! } }
}
