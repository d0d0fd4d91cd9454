// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// The two streams of a command: data on stdout, words for people on stderr.
enum Console {
    /// Whether stderr is a terminal that understands colours and cursor movement.
    static let isTerminal = isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    /// Whether colours are wanted: a terminal, and no `NO_COLOR` (no-color.org).
    static let isColoured = isTerminal && (getenv("NO_COLOR").map { $0[0] == 0 } ?? true)
    /// How what happens is told on stderr.
    enum Manner {
        case terminal
        case lines
        /// JSON, an ``Event`` a line: a program asked for JSON, and no person looks on.
        case events
    }
    static let manner: Manner =
        isTerminal ? .terminal : Sealift.options.arguments.contains("--json") ? .events : .lines
    /// Columns of the terminal; 80 where nobody knows.
    static var width: Int { size.columns > 20 ? size.columns : 80 }
    /// Rows of the terminal; 24 where nobody knows.
    static var height: Int { size.rows > 3 ? size.rows : 24 }

    private static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return (0, 0) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether the locale shows more than ASCII.
    private static let isUnicode: Bool = {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let value = getenv(name).map({ String(cString: $0).uppercased() }), !value.isEmpty else {
                continue
            }
            return value.contains("UTF-8") || value.contains("UTF8")
        }
        return false
    }()
    private static let plain: [Character: String] = [
        "█": "#", "░": ".", "…": "~", "→": ">", "─": "-", "├": "|", "│": "|", "└": "`", "÷": "/",
    ]

    /// Writes a line of data.
    static func print(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Tells a program what happens; nothing unless it asked for it.
    static func tell(_ event: Event) {
        guard manner == .events else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(event) else { return }
        write(String(decoding: line, as: UTF8.self) + "\n", to: STDERR_FILENO)
    }

    /// Writes a line for people.
    static func say(_ line: String) {
        if manner == .events { return tell(Event("note", text: line)) }
        Progress.erase()
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Writes a failure: what, on which artifact, why; then what to do next.
    static func report(_ failure: Failure) {
        if manner == .events { return tell(Event(failure)) }
        let text = "sealift: \(failure)"
        guard isColoured, let colon = text.firstIndex(of: ":") else { return say(text) }
        say("\u{1B}[1;31m\(text[...colon])\u{1B}[0m\(text[text.index(after: colon)...])")
    }

    /// Prints `value` as JSON, keys sorted, for programs.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Emphasises on a terminal.
    static func bold(_ text: String) -> String { isColoured ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    /// Writes all of `text`, in as many pieces as the system wants.
    static func write(_ text: String, to descriptor: Int32) {
        let isPlain = isUnicode || isatty(descriptor) == 0
        let shown = isPlain ? text : text.map { plain[$0] ?? String($0) }.joined()
        var bytes = Array(shown.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EPIPE && descriptor == STDOUT_FILENO {
                // Nobody reads on (`sealift inspect | head`): end as any filter does.
                signal(SIGPIPE, SIG_DFL)
                raise(SIGPIPE)
            }
            if count < 0 && errno != EINTR && errno != EAGAIN { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }
}

extension Int64 {
    /// A count of bytes for people: `512 B`, `1.4 MiB`.
    var asBytes: String {
        var value = Double(self)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1000 || unit == "TiB" {
                let tenths = Int64((value * 10).rounded())
                return unit == "B" || value >= 100
                    ? "\(Int64(value.rounded())) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
            }
            value /= 1024
        }
        return "\(self) B"
    }
}
