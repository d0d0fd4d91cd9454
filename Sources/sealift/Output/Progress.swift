// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Synchronization

/// Progress of a long step: a bar and a line for each running artifact on a terminal, a line every few seconds
/// elsewhere, never silent for ten seconds; with `--json` an event each second. Thread-safe; one is shown at a
/// time.
final class Progress: Sendable {
    /// All that is known, as ``ProgressRenderer`` draws it.
    struct State {
        /// A running artifact. It waits until `until`.
        struct Part {
            var done: Int64
            var total: Int64
            var reason = ""
            var until = ContinuousClock.now
        }
        let verb: String
        /// Bytes in all; `nil` where they are not known yet.
        let total: Int64?
        let started = ContinuousClock.now
        var done: Int64
        var skipped: Int64
        var parts: [String: Part] = [:]
        var notice: String?
        /// Bytes per second of the last seconds.
        var speed: Int64 = 0
        /// Where `done` was at moments before, the oldest first.
        var marks: [(time: ContinuousClock.Instant, done: Int64)] = []
        var finished = false
        /// When each reason to wait was last written to a log.
        var told: [String: ContinuousClock.Instant] = [:]

        /// Takes the speed over the last five seconds, once each half second.
        mutating func measure(_ now: ContinuousClock.Instant = .now) {
            if let last = marks.last, now - last.time < .milliseconds(500) { return }
            marks.append((now, done))
            if marks.count > 11 { marks.removeFirst() }
            let span = (now - marks[0].time) / .seconds(1)
            speed = span > 0 ? Int64(Double(max(0, done - marks[0].done)) / span) : 0
        }
    }
    private let state: Mutex<State>
    private let drawn = Mutex(DrawnLines())
    private static let current = Mutex<Progress?>(nil)

    /// Starts showing `verb` over `total` bytes, of which `already` were there before.
    init(_ verb: String, total: Int64?, already: Int64 = 0) {
        state = Mutex(State(verb: verb, total: total, done: already, skipped: already))
        Self.current.withLock { $0 = self }
        spawnThread { [weak self] in
            var tick = 0
            while let progress = self, !progress.state.withLock({ $0.finished }) {
                tick += 1
                progress.tell(tick)
                usleep(100_000)
            }
        }
    }

    /// Ten times a second.
    private func tell(_ tick: Int) {
        let seen = state.withLock { state in
            state.measure()
            return state
        }
        if Console.isQuiet { return }
        switch Console.manner {
        case .terminal: draw(seen)
        case .lines where tick % 30 == 0: Console.log(ProgressRenderer(seen).log)
        case .events where tick % 10 == 0: Console.tell(ProgressRenderer(seen).event)
        case .lines, .events: break
        }
    }

    private func draw(_ seen: State) {
        let lines = ProgressRenderer(seen).drawn(width: Console.width, height: Console.height)
        drawn.withLock { drawn in
            // Looked at under this lock, so that nothing is drawn after `finish`.
            guard !state.withLock({ $0.finished }) else { return }
            drawn.show(lines)
        }
    }

    /// Counts `bytes` more as done, for the running artifact `name`.
    func add(_ bytes: Int64, of name: String? = nil) {
        state.withLock {
            $0.done += bytes
            if let name { $0.parts[name]?.done += bytes }
        }
    }

    /// Counts `bytes` as done in all.
    func reach(_ bytes: Int64) { state.withLock { $0.done = max($0.done, bytes) } }

    /// Counts what `name` had as not done: it begins again.
    func restart(_ name: String) {
        state.withLock {
            $0.done -= $0.parts[name]?.done ?? 0
            $0.parts[name]?.done = 0
        }
    }

    /// Shows `name` as running, `done` of its `total` bytes there already.
    func begin(_ name: String, total: Int64, done: Int64 = 0) {
        state.withLock { $0.parts[name] = State.Part(done: done, total: total) }
        Console.tell(JSONEvent("started", name: name, done: done, total: total))
    }

    /// Shows that nothing happens to `name` for `time`, and why.
    func wait(_ name: String, reason: String, time: Duration) {
        let now = ContinuousClock.now
        // What many wait for, a server that is away, is one line in a log and not one for each of them.
        let isNew = state.withLock { state in
            var part = state.parts[name] ?? State.Part(done: 0, total: 0)
            (part.reason, part.until) = (reason, now + time)
            state.parts[name] = part
            if let last = state.told[reason], now - last < .seconds(10) { return false }
            state.told[reason] = now
            return true
        }
        Console.tell(
            JSONEvent(
                "waiting", name: name, text: reason, seconds: (time / .milliseconds(100)).rounded() / 10))
        guard Console.manner == .lines, isNew, !Console.isQuiet else { return }
        Console.log("\(name): \(reason); continues in \(time.asClock)")
    }

    /// Takes `name` off the display.
    func end(_ name: String) {
        state.withLock { $0.parts[name] = nil }
        Console.tell(JSONEvent("ended", name: name))
    }

    /// Shows what is going on besides, until the next notice; `nil` clears it.
    func notice(_ text: String?) {
        state.withLock { $0.notice = text }
        if let text, Console.manner != .terminal { Console.say(text) }
    }

    /// Takes the display away.
    func finish() {
        state.withLock { $0.finished = true }
        drawn.withLock { $0.erase() }
        Self.current.withLock { if $0 === self { $0 = nil } }
    }

    /// Takes what is drawn off the terminal, so that a line can be written; it comes back by itself.
    static func erase() { current.withLock { $0 }?.drawn.withLock { $0.erase() } }
}

/// The lines that are on the terminal.
private struct DrawnLines {
    private var lengths: [Int] = []

    /// Puts `lines` in the place of those that are there.
    mutating func show(_ lines: [String]) {
        Console.redraw(above: rows, lines)
        lengths = lines.map(\.count)
    }

    mutating func erase() {
        if !lengths.isEmpty { Console.redraw(above: rows, []) }
        lengths = []
    }

    /// How many rows the lines take. A terminal that was made narrower since has broken the longer ones.
    private var rows: Int {
        let width = Console.width
        return lengths.reduce(0) { $0 + max(1, ($1 + width - 1) / width) }
    }
}
