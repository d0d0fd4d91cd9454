// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import OCI

@Suite struct AllCoresTests {
    @Test(
        "each item has its result, in the items' order, and no more than the width are at work at once",
        arguments: [1, 3, 64])
    func order(width: Int) {
        let state = Mutex((running: 0, most: 0))
        let items = Array(0..<500)
        let results = onAllCores(items, width: width) { item in
            state.withLock { state in
                state.running += 1
                state.most = max(state.most, state.running)
            }
            defer { state.withLock { $0.running -= 1 } }
            return "\(item)"
        }
        #expect(results == items.map { "\($0)" })
        #expect(state.withLock { $0.most } <= width)
    }

    @Test("no items have no results")
    func none() {
        #expect(onAllCores([Int]()) { $0 }.isEmpty)
    }
}
