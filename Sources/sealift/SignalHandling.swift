// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Synchronization

/// Ctrl-C, SIGTERM and SIGHUP. All state on disk survives a kill at any moment, so the program says what comes next and ends at
/// once: by SIGINT itself, so that a shell ends its loop, or with code 75. A server, which waits for just that,
/// ends in its own way.
enum SignalHandling {
    private static let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)
    /// What is thrown away when the program is interrupted: it has no use half-made.
    private static let halfMade = Mutex<String?>(nil)
    private static let isEnding = Atomic<Bool>(false)
    // Set once, before the handler that reads them is there.
    nonisolated(unsafe) private static var pipe: (read: File, write: File)?
    nonisolated(unsafe) private static var pipeEnd: Int32 = -1

    /// Waits for these signals on a thread of its own, which a handler wakes: threads that ran before this one
    /// could take a blocked signal.
    static func watch() {
        pipe = try? File.pipe(for: "signals")
        guard let pipe else { return }
        pipeEnd = pipe.write.descriptor
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var old = sigaction()
            sigaction(number, nil, &old)
            // A shell starts background jobs with SIGINT ignored, nohup any program with SIGHUP ignored, and mean it.
            if number != SIGTERM, unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self) == 1 {
                continue
            }
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(SignalHandling.pipeEnd, &byte, 1)
            }
        }
        let readEnd = pipe.read.descriptor
        spawnThread {
            var byte: UInt8 = 0
            while true {
                let count = read(readEnd, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1 else { return }
                let server = waiting.withLock { waiting in
                    defer { waiting = nil }
                    return waiting
                }
                guard let server else { end(by: Int32(byte)) }
                server.resume()
            }
        }
    }

    /// Returns when the user ends the program. A second signal ends it at once.
    static func wait() async {
        await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } }
    }

    /// From now on, removes what is at `path` when the program is interrupted.
    static func discard(_ path: String) { halfMade.withLock { $0 = path } }

    /// Called by what ends the program with a failure or by a signal: the first ends it, any other waits here for that.
    /// What fails because the end has begun, such as a file whose folder was removed, is then not reported.
    static func beginEnd() {
        while isEnding.exchange(true, ordering: .acquiringAndReleasing) { pause() }
    }

    /// Removes the tree, to which another thread may still add.
    private static func remove(_ path: String) {
        for _ in 0..<100 where access(path, F_OK) == 0 { try? removeTree(at: path) }
    }

    private static func end(by number: Int32) -> Never {
        beginEnd()
        Console.showTyping()
        if let path = halfMade.withLock({ $0 }) { remove(path) }
        let failure = Failure(
            .busy, "finish", "", because: "it was interrupted",
            remedy: "run the same command again to resume")
        guard number == SIGINT else {
            Console.report(failure)
            _exit(failure.kind.exitCode)
        }
        Console.report(failure, exitCode: 128 + number)
        signal(number, SIG_DFL)
        raise(number)
        _exit(128 + number)
    }
}
