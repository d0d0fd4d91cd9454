// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI
internal import Synchronization

/// The two streams of a command: data on stdout, words for people on stderr.
enum Console {
    /// Whether stderr is a terminal that understands colours and cursor movement.
    static let isTerminal = isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    /// Whether colours are wanted: a terminal, and no `NO_COLOR` (no-color.org).
    static let isColoured = isTerminal && (getenv("NO_COLOR").map { $0[0] == 0 } ?? true)
    /// Output mode for stderr.
    enum Manner {
        case terminal
        case lines
        /// JSON, an ``JSONEvent`` a line: a program asked for JSON, and no person looks on.
        case events
    }
    static let manner: Manner =
        isTerminal ? .terminal : Sealift.options.arguments.contains("--json") ? .events : .lines
    /// Whether only errors and questions are wanted.
    static let isQuiet = OutputOptions.isGiven("quiet", in: Sealift.options.arguments)
    /// Whether more is wanted than usual.
    static let isVerbose = OutputOptions.isGiven("verbose", in: Sealift.options.arguments)
    /// Columns of the terminal; 80 where it is not known.
    static var width: Int { size.columns > 20 ? size.columns : 80 }
    /// Rows of the terminal; 24 where it is not known.
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
    static func print(_ line: String) { print(Line(line)) }

    /// Writes a line of data.
    static func print(_ line: Line) { write(line.rendered + "\n", to: STDOUT_FILENO) }

    /// Writes data of several lines.
    static func printText(_ text: String) { write(text.escapedData, to: STDOUT_FILENO) }

    /// Writes data that another program reads byte for byte, a patch; a terminal gets it escaped.
    static func printExactly(_ text: String) {
        write(isatty(STDOUT_FILENO) == 1 ? text.escapedData : text, to: STDOUT_FILENO)
    }

    /// Replaces the `rows` rows above the cursor by `lines`. The caller knows that stderr is a terminal.
    static func redraw(above rows: Int, _ lines: [String]) {
        let back = rows == 0 ? "" : "\r\u{1B}[\(rows)A\u{1B}[J"
        write(back + lines.map { $0.escapedForDisplay + "\n" }.joined(), to: STDERR_FILENO)
    }

    /// Writes a line to a log on stderr, where nothing is drawn.
    static func log(_ line: String) { write(line.escapedForDisplay + "\n", to: STDERR_FILENO) }

    /// Tells a program what happens, if it asked for it; a person, under --verbose, when artifacts begin and end.
    static func tell(_ event: JSONEvent) {
        if isQuiet, event.event != "failure" { return }
        guard manner == .events else {
            if isVerbose, let line = event.verbose { show(line.escapedForDisplay) }
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(event) else { return }
        log(String(decoding: line, as: UTF8.self))
    }

    /// Writes a line for people, or several, of which all but the first are indented.
    /// - Parameter isNeeded: also under --quiet: a question follows from it.
    static func say(_ text: String, isNeeded: Bool = false) {
        if isQuiet, !isNeeded { return }
        if manner == .events { return tell(JSONEvent("note", text: text)) }
        show(text.escapedParagraph)
    }

    private static func show(_ escaped: String) {
        Progress.erase()
        write(escaped + "\n", to: STDERR_FILENO)
    }

    /// Writes a failure: what, on which artifact, why; then what to do next.
    /// - Parameter exitCode: the program's, where it is not that of the kind.
    static func report(_ failure: Failure, exitCode: Int32? = nil) {
        let code = exitCode ?? failure.kind.exitCode
        if manner == .events {
            var event = JSONEvent(failure)
            event.exitCode = code
            return tell(event)
        }
        let more = isVerbose ? "\n  (\(failure.kind.rawValue), exit code \(code))" : ""
        let text = "sealift: \(failure)\(more)".escapedParagraph
        guard isColoured, let colon = text.firstIndex(of: ":") else { return show(text) }
        show("\u{1B}[1;31m\(text[...colon])\u{1B}[0m\(text[text.index(after: colon)...])")
    }

    /// Whether somebody can be asked: both ends are terminals.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Asks at the terminal: the question on stderr, the answer from standard input.
    /// - Parameter isSecret: does not show what is typed.
    /// - Returns: the line that was typed; `nil` where either is not a terminal, or the input ends.
    static func ask(_ question: String, isSecret: Bool = false) -> String? {
        guard isInteractive else { return nil }
        Progress.erase()
        write(question.escapedParagraph, to: STDERR_FILENO)
        var shown = termios()
        let isChanged = isSecret && tcgetattr(STDIN_FILENO, &shown) == 0
        if isChanged {
            hiding.withLock { $0 = shown }
            var hidden = shown
            hidden.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        }
        defer {
            if isChanged {
                showTyping()
                write("\n", to: STDERR_FILENO)
            }
        }
        return readLine()
    }

    /// How the terminal was before what is typed was hidden.
    private static let hiding = Mutex<termios?>(nil)

    /// Shows again what is typed; also for an interruption in the middle of a question.
    static func showTyping() {
        hiding.withLock { shown in
            guard var settings = shown else { return }
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
            shown = nil
        }
    }

    /// Prints `value` as JSON, keys sorted, for programs.
    /// - Parameter schema: the name and version of its form (``JSONDocument``); `nil` for a list, which has no room for it.
    static func printJSON(_ value: some Encodable, schema: String? = nil) throws {
        let bytes =
            if let schema { try json(JSONDocument(schema: schema, value: value)) } else { try json(value) }
        printText(String(decoding: bytes, as: UTF8.self))
    }

    /// The bytes of `value` as JSON for people and programs: indented, keys sorted, with a final newline.
    static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [0x0A]
    }

    /// Writes all of `text`, which is escaped already, in as many pieces as the system wants. The only place that
    /// writes text to a descriptor: `Tests/ArchitectureTests` ensures it.
    private static func write(_ text: String, to descriptor: Int32) {
        let isPlain = isUnicode || isatty(descriptor) == 0
        let shown = isPlain ? text : text.map { plain[$0] ?? String($0) }.joined()
        var bytes = Array(shown.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EPIPE && descriptor == STDOUT_FILENO {
                // The reader has gone (`sealift inspect | head`): end as any filter does.
                signal(SIGPIPE, SIG_DFL)
                raise(SIGPIPE)
            }
            if count < 0 && errno != EINTR && errno != EAGAIN { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }
}

/// A line for people: text, which is escaped, and emphasis.
struct Line {
    /// What a terminal gets.
    let rendered: String

    /// The text, escaped.
    init(_ text: String) { rendered = text.escapedForDisplay }
    private init(rendered: String) { self.rendered = rendered }

    /// The text, escaped; emphasised where stderr is a terminal.
    static func bold(_ text: String) -> Line {
        let text = text.escapedForDisplay
        return Line(rendered: Console.isColoured ? "\u{1B}[1m\(text)\u{1B}[0m" : text)
    }

    static func + (one: Line, other: Line) -> Line { Line(rendered: one.rendered + other.rendered) }
    static func + (line: Line, text: String) -> Line { line + Line(text) }
    static func + (text: String, line: Line) -> Line { Line(text) + line }
}
