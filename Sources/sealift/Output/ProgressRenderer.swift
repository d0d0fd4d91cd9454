// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Words and bars for the state of a progress.
struct ProgressRenderer {
    private let state: Progress.State
    private let now = ContinuousClock.now

    init(_ state: Progress.State) { self.state = state }

    /// What a program receives.
    var event: JSONEvent {
        JSONEvent(
            "progress", name: state.verb, done: state.done, total: state.total, speed: state.speed,
            secondsLeft: secondsLeft)
    }

    /// The line for a log.
    var log: String {
        let waits = waiting.map { "; \($0.reason), \($0.left.asClock) to wait" } ?? ""
        return "\(state.verb): \(summaries[0])\(waits)"
    }

    /// What a terminal of `width` columns and `height` rows shows: no line is wider, nor are there more.
    func drawn(width: Int, height: Int) -> [String] {
        let room = width - 1
        let verbs = summaries.map { "\(state.verb)  \($0)" } + summaries.suffix(1)
        let head = verbs.first { $0.count <= room } ?? String(verbs[verbs.count - 1].prefix(room))
        var lines = [head]
        if let bar = bar(room - head.count - 2) {
            lines[0] += "  " + bar
        } else if let bar = bar(room - 2) {
            lines.append("  " + bar)
        }
        let parts = state.parts.sorted { $0.key < $1.key }
        let rows = max(1, height - lines.count - 2)
        for (name, part) in parts.prefix(rows) { lines.append(line(name, part: part, room: room)) }
        if let notice = state.notice { lines.append(String("  \(notice.escapedForDisplay)".prefix(room))) }
        return lines
    }

    /// The same in fewer and fewer columns.
    private var summaries: [String] {
        let elapsed = (now - state.started).asClock
        guard let total = state.total else {
            return state.done > 0 ? ["\(state.done.asBytes)  \(elapsed)", elapsed] : [elapsed]
        }
        let percent = total > 0 ? min(100, state.done * 100 / total) : 100
        let short = "\(percent)%  \(state.done.asBytes) of \(total.asBytes)"
        guard state.speed > 0 else { return [short, "\(percent)%"] }
        let left = secondsLeft.map { "  \(Duration.seconds($0).asClock)" } ?? ""
        let middle = "\(short)  \(state.speed.asBytes)/s"
        return [
            middle + left + " left", middle + left, "\(percent)%  \(state.speed.asBytes)/s\(left)",
            "\(percent)%",
        ]
    }

    private var secondsLeft: Int64? {
        guard let total = state.total, state.speed > 0 else { return nil }
        return max(0, (total - state.done) / state.speed)
    }

    /// At most 40 columns; `nil` where there are fewer than 10, or nothing is known.
    private func bar(_ columns: Int) -> String? {
        guard let total = state.total, columns >= 10 else { return nil }
        let width = min(40, columns)
        let filled = total > 0 ? Int(min(total, max(0, state.done)) * Int64(width) / total) : width
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    private func line(_ name: String, part: Progress.State.Part, room: Int) -> String {
        // Escaped before it is cut, so that no line is wider than its room.
        let name = name.escapedForDisplay
        let left = part.until - now
        if left > .zero {
            let end = "  \(left.asClock)  \(part.reason.escapedForDisplay)"
            return String((fit(name, columns: max(12, room - 2 - end.count)) + end).prefix(room))
        }
        let percent = part.total > 0 ? "  \(min(100, part.done * 100 / part.total))%" : ""
        let wide = "  \(part.done.asBytes)" + (part.total > 0 ? " of \(part.total.asBytes)" : "") + percent
        let end = room >= 60 ? wide : percent
        return String((fit(name, columns: room - 2 - end.count) + end).prefix(room))
    }

    /// `name`, its middle left out where it is too long.
    private func fit(_ name: String, columns: Int) -> String {
        guard name.count > columns, columns > 4 else { return "  " + name }
        let tail = (columns - 1) / 2
        return "  \(name.prefix(columns - 1 - tail))…\(name.suffix(tail))"
    }

    /// The longest of the waits.
    private var waiting: (reason: String, left: Duration)? {
        state.parts.values.filter { $0.until > now }.max { $0.until < $1.until }
            .map { ($0.reason, $0.until - now) }
    }
}

extension Duration {
    /// Minutes and seconds, begun ones counted: `0:07`, `75:00`.
    var asClock: String {
        let whole = components.seconds + (components.attoseconds > 0 ? 1 : 0)
        return "\(whole / 60):\(whole % 60 < 10 ? "0" : "")\(whole % 60)"
    }
}
