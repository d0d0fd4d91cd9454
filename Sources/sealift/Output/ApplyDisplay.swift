// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import OCI
internal import Synchronization

/// Shows what an apply does.
final class ApplyDisplay: Sendable {
    private let progress = Mutex<Progress?>(nil)
    private let running = Mutex<String?>(nil)

    /// Shows an event of the pipeline.
    @Sendable func show(_ event: ApplyEvent) {
        switch event {
        case .began(let number, let count, let title, let bytes):
            running.withLock { $0 = title }
            Console.tell(JSONEvent("started", name: title, done: 0, total: bytes))
            if Console.manner != .events { Console.say("[\(number)/\(count)] \(title)") }
            progress.withLock { $0 = Progress("[\(number)/\(count)]", total: bytes) }
        case .read(let bytes): progress.withLock { $0 }?.add(bytes)
        case .ended:
            finish()
            Console.tell(JSONEvent("ended", name: running.withLock { $0 }))
        case .note(let text): Console.say(text)
        }
    }

    /// Takes the display away.
    func finish() {
        progress.withLock {
            $0?.finish(); $0 = nil
        }
    }
}
