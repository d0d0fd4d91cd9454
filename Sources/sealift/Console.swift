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
    /// Columns of the terminal; 80 where nobody knows.
    static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    /// Writes a line of data.
    static func print(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Writes a line for people.
    static func say(_ line: String) {
        Progress.erase()
        write(line + "\n", to: STDERR_FILENO)
    }

    /// Writes a failure: what, on which artifact, why; then what to do next.
    static func report(_ failure: Failure) {
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
        var bytes = Array(text.utf8)[...]
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
