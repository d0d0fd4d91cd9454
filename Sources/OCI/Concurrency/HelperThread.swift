// SPDX-License-Identifier: Apache-2.0

/// A thread that runs work for another one, a piece at a time.
///
/// Threads that the work starts are children of this one. So a thread that has left the namespaces of its process, which
/// the kernel lets start no thread any more, has work done that needs threads.
package final class HelperThread: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var isEnded = false
    }
    private let state = Monitor(State())

    /// Starts the thread; it ends when the last reference goes.
    /// - Throws: a ``Failure`` of kind `busy` where the host gives no further thread.
    package init() throws(Failure) {
        let state = state
        let failure = spawnThread {
            while let next = Self.next(of: state) { next() }
        }
        if let failure { throw failure }
    }

    deinit {
        state.locked { $0.isEnded = true }
        state.wake()
    }

    private static func next(of state: Monitor<State>) -> (@Sendable () -> Void)? {
        state.waiting { state -> (@Sendable () -> Void)?? in
            if !state.work.isEmpty { return .some(state.work.removeFirst()) }
            return state.isEnded ? .some(nil) : nil
        }
    }

    /// Runs `body` there and returns what it returns. Blocks; starts no thread.
    package func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome = Monitor<Swift.Result<Result, Failure>?>(nil)
        let work: @Sendable () -> Void = {
            let result: Swift.Result<Result, Failure>
            do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
            outcome.locked { $0 = result }
            outcome.wake()
        }
        state.locked { $0.work.append(work) }
        state.wake()
        return try outcome.waiting { $0 }.get()
    }
}
