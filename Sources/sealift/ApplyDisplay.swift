// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import OCI
internal import Synchronization

/// Shows what an apply does.
final class ApplyDisplay: Sendable {
    private let progress = Mutex<Progress?>(nil)

    /// Shows an event of the pipeline.
    @Sendable func show(_ event: ApplyEvent) {
        switch event {
        case .began(let number, let count, let title, let bytes):
            Console.say("[\(number)/\(count)] \(title)")
            progress.withLock { $0 = Progress("[\(number)/\(count)]", total: bytes) }
        case .read(let bytes): progress.withLock { $0 }?.add(bytes)
        case .ended: finish()
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
