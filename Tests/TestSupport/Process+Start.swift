// SPDX-License-Identifier: Apache-2.0
public import Foundation

private let starting = NSRecursiveLock()

/// Runs `body` while no other test starts a program: children inherit what another thread opens meanwhile.
public func startingAlone<Result>(_ body: () throws -> Result) rethrows -> Result {
    try starting.withLock(body)
}

extension Process {
    /// Starts the program while no other test starts one. Foundation's `run()` has files open for a moment that any other
    /// child inherits; a server that does keeps the test that waits for them waiting.
    public func start() throws {
        try startingAlone { try run() }
    }
}
