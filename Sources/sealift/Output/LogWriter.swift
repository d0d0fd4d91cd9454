// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Writes the lines of a server's log to stderr on a thread of its own, in their order. The caller that adds a line never
/// waits: where stderr takes no more (a full pipe, a stopped terminal) lines are kept up to a bound, then counted
/// and left out, and the log says how many.
final class LogWriter: Sendable {
    private struct State: Sendable {
        var lines: [String] = []
        var bytes = 0
        var lost = 0
        var isWriting = false
        var isClosed = false
    }

    /// The most bytes of lines that wait.
    private let limit: Int
    private let write: @Sendable (String) -> Void
    private let state = Monitor(State())

    /// - Parameters:
    ///   - limit: the most bytes of lines that wait.
    ///   - write: writes a line, and may block.
    /// - Throws: a `Failure` of kind `busy` where the host gives no thread.
    init(limit: Int = 4 << 20, write: @escaping @Sendable (String) -> Void = { Console.say($0) })
        throws(Failure)
    {
        self.limit = limit
        self.write = write
        if let failure = spawnThread({ [state] in Self.run(state, write: write) }) { throw failure }
    }

    deinit {
        state.locked { $0.isClosed = true }
        state.wake()
    }

    /// Adds a line.
    func add(_ line: String) {
        state.locked { state in
            let size = line.utf8.count + 64
            guard state.bytes + size <= limit else {
                state.lost += 1
                return
            }
            state.lines.append(line)
            state.bytes += size
        }
        state.wake()
    }

    /// Returns when all lines have been written, at the latest after `limit`.
    func drain(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while state.locked({ !$0.lines.isEmpty || $0.lost > 0 || $0.isWriting }),
            ContinuousClock.now < deadline
        {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private static func run(_ state: Monitor<State>, write: @Sendable (String) -> Void) {
        while true {
            let lines = state.waiting { state -> [String]? in
                var lines = state.lines
                if state.lost > 0 {
                    lines.append("\(state.lost) lines of this log were left out: it was not read fast enough")
                }
                guard !lines.isEmpty || state.isClosed else { return nil }
                (state.lines, state.bytes, state.lost) = ([], 0, 0)
                state.isWriting = true
                return lines
            }
            if lines.isEmpty { return }
            for line in lines { write(line) }
            state.locked { $0.isWriting = false }
        }
    }
}
