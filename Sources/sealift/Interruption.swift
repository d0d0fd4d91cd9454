// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Ctrl-C and SIGTERM. All state on disk survives a kill at any moment, so the program says what comes
/// next and ends at once with code 75.
enum Interruption {
    /// Blocks both signals in this thread and those it starts, and waits for them on a thread of its own.
    static func watch() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        spawnThread {
            var awaited = sigset_t()
            sigemptyset(&awaited)
            sigaddset(&awaited, SIGINT)
            sigaddset(&awaited, SIGTERM)
            var number: Int32 = 0
            guard sigwait(&awaited, &number) == 0 else { return }
            Console.say("sealift: interrupted\n  → run the same command again: it goes on where it stopped")
            _exit(Failure.Kind.busy.exitCode)
        }
    }
}
