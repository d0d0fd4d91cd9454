// SPDX-License-Identifier: Apache-2.0
public import Foundation

private let starting = NSLock()

extension Process {
    /// Starts the program while no other test starts one. Foundation's `run()` has files open for a moment that any other
    /// child inherits; a server that does keeps the test that waits for them waiting.
    public func start() throws {
        try starting.withLock { try run() }
    }
}
