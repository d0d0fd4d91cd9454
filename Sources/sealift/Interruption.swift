// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Synchronization

/// Ctrl-C and SIGTERM. All state on disk survives a kill at any moment, so the program says what comes
/// next and ends at once with code 75; a server, which waits for just that, ends in its own way.
enum Interruption {
    private static let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)

    /// Blocks both signals in this thread and those it starts, and waits for them on a thread of its own.
    static func watch() {
        var signals = both
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        spawnThread {
            while true {
                var awaited = both
                var number: Int32 = 0
                guard sigwait(&awaited, &number) == 0 else { return }
                let server = waiting.withLock { waiting in
                    defer { waiting = nil }
                    return waiting
                }
                guard let server else { end() }
                server.resume()
            }
        }
    }

    /// Returns when the user ends the program. A second signal ends it at once.
    static func wait() async {
        await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
    }

    private static var both: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    private static func end() -> Never {
        Console.say("sealift: interrupted\n  → run the same command again: it goes on where it stopped")
        _exit(Failure.Kind.busy.exitCode)
    }
}
