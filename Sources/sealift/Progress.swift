// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Synchronization

/// Progress of a long step: a bar on a terminal, a line every few seconds elsewhere, and never silent for
/// ten seconds. Thread-safe; one is shown at a time.
final class Progress: Sendable {
    private struct State {
        var done: Int64 = 0
        var skipped: Int64 = 0
        var running: [String: (done: Int64, total: Int64)] = [:]
        var notice: String?
        var shown: Int = 0
        var finished = false
    }
    private let state = Mutex(State())
    private let verb: String
    private let total: Int64
    private let started = ContinuousClock.now
    private static let current = Mutex<Progress?>(nil)

    /// Starts showing `verb` over `total` bytes, of which `already` were there before.
    init(_ verb: String, total: Int64, already: Int64 = 0) {
        self.verb = verb
        self.total = total
        state.withLock {
            $0.done = already
            $0.skipped = already
        }
        Self.current.withLock { $0 = self }
        spawnThread { [weak self] in
            var tick = 0
            while let progress = self, !progress.state.withLock({ $0.finished }) {
                if Console.isTerminal { progress.draw() } else if tick % 30 == 29 { progress.writeLine() }
                tick += 1
                usleep(100_000)
            }
        }
    }

    /// Counts `bytes` more as done, for the running artifact `name`.
    func add(_ bytes: Int64, of name: String? = nil) {
        state.withLock {
            $0.done += bytes
            if let name { $0.running[name]?.done += bytes }
        }
    }

    /// Counts `bytes` as done in all.
    func reach(_ bytes: Int64) { state.withLock { $0.done = max($0.done, bytes) } }

    /// Counts what `name` had as not done: it begins anew.
    func restart(_ name: String) {
        state.withLock {
            $0.done -= $0.running[name]?.done ?? 0
            $0.running[name]?.done = 0
        }
    }

    /// Shows `name` as running, `done` of its `total` bytes there already.
    func begin(_ name: String, total: Int64, done: Int64 = 0) {
        state.withLock { $0.running[name] = (done, total) }
    }

    /// Takes `name` off the display.
    func end(_ name: String) { state.withLock { $0.running[name] = nil } }

    /// Shows why nothing moves, until the next notice; `nil` clears it.
    func notice(_ text: String?) {
        state.withLock { $0.notice = text }
        if let text, !Console.isTerminal { Console.write("\(text)\n", to: STDERR_FILENO) }
    }

    /// Takes the display away.
    func finish() {
        Self.erase()
        state.withLock { $0.finished = true }
        Self.current.withLock { if $0 === self { $0 = nil } }
    }

    /// Takes what is drawn off the terminal, so that a line can be written; it comes back by itself.
    static func erase() {
        guard let progress = current.withLock({ $0 }) else { return }
        progress.state.withLock { state in
            if state.shown > 0 { Console.write("\r\u{1B}[\(state.shown)A\u{1B}[J", to: STDERR_FILENO) }
            state.shown = 0
        }
    }

    private func summary(_ state: State) -> String {
        let elapsed =
            Double((ContinuousClock.now - started).components.seconds)
            + Double((ContinuousClock.now - started).components.attoseconds) / 1e18
        let moved = state.done - state.skipped
        let speed = elapsed > 0.3 ? Int64(Double(moved) / elapsed) : 0
        let percent = total > 0 ? min(100, state.done * 100 / total) : 100
        var text = "\(percent)%  \(state.done.asBytes) of \(total.asBytes)"
        if speed > 0 {
            let left = max(0, (total - state.done) / speed)
            text += "  \(speed.asBytes)/s  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
        }
        return text
    }

    private func writeLine() {
        let text = state.withLock { "\(verb): \(summary($0))" }
        Console.write(text + "\n", to: STDERR_FILENO)
    }

    private func draw() {
        let width = Console.width
        state.withLock { state in
            guard !state.finished else { return }
            var lines = ["\(verb)  " + summary(state)]
            let room = max(10, min(40, width - lines[0].count - 4))
            let filled = total > 0 ? Int(min(total, state.done) * Int64(room) / total) : room
            lines[0] +=
                "  " + String(repeating: "█", count: filled) + String(repeating: "░", count: room - filled)
            for (name, part) in state.running.sorted(by: { $0.key < $1.key }).prefix(8) {
                lines.append("  \(name)  \(part.done.asBytes) of \(part.total.asBytes)")
            }
            if let notice = state.notice { lines.append("  " + notice) }
            let back = state.shown > 0 ? "\r\u{1B}[\(state.shown)A\u{1B}[J" : ""
            Console.write(
                back + lines.map { String($0.prefix(width - 1)) + "\n" }.joined(), to: STDERR_FILENO)
            state.shown = lines.count
        }
    }
}
