// SPDX-License-Identifier: Apache-2.0

/// The one gate for text that leaves the program: names, messages and file contents come from registries, bundles
/// and clients, and what they hold must not move a cursor, reorder a line or pass for a line of ours.
extension String {
    /// The text on one line: control characters (C0, DEL and C1), format characters (bidirectional overrides,
    /// zero-width ones, tags) and line separators become `\uXXXX`, newlines `\n`, carriage returns `\r`. Tabs stay.
    ///
    /// Nothing else changes, and escaping twice changes nothing more. In JSON, where such characters occur only
    /// inside strings, the result is JSON with the same values.
    package var escapedForDisplay: String { escaped(keepingNewlines: false) }

    /// The same, but newlines stay. Every line after the first is indented by two spaces at least, so that no
    /// text from outside starts a line; and a line is cut, and says so, beyond ``longestLine`` characters: no text from
    /// outside pushes what was said before it off the screen.
    package var escapedParagraph: String {
        let text = escaped(keepingNewlines: true)
        guard text.utf8.contains(0x0A) || text.utf8.count > Self.longestLine else { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().map { index, line in
            let left = line.utf8.count > Self.longestLine ? max(0, line.count - Self.longestLine) : 0
            let shown =
                left > 0 ? line.prefix(Self.longestLine) + " … (\(left) more characters)" : String(line)
            return index == 0 || line.isEmpty || line.hasPrefix("  ") ? shown : "  " + shown
        }.joined(separator: "\n")
    }

    /// The most characters of one line for people.
    package static var longestLine: Int { 4000 }

    /// The same, but newlines stay and no line is indented: for data of several lines.
    package var escapedData: String { escaped(keepingNewlines: true) }

    /// Bytes that should be UTF-8, escaped as ``escapedForDisplay``; each byte that is not becomes `\xXX`.
    package init(displaying bytes: some Sequence<UInt8>) {
        var decoder = UTF8()
        var iterator = PeekingBytes(bytes)
        var shown = ""
        while true {
            iterator.consumed.removeAll(keepingCapacity: true)
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): shown.unicodeScalars.append(scalar)
            case .emptyInput:
                self = shown.escapedForDisplay
                return
            case .error:
                // The decoder may have read one byte too many: it begins again there.
                let (invalid, rest) = (iterator.consumed.prefix(1), iterator.consumed.dropFirst())
                shown += invalid.map { "\\x" + $0.hexadecimal(digits: 2) }.joined()
                iterator.pending = rest + iterator.pending
                decoder = UTF8()
            }
        }
    }

    private func escaped(keepingNewlines: Bool) -> String {
        if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
        var shown = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\n" where keepingNewlines: shown.unicodeScalars.append(scalar)
            case "\n": shown += "\\n"
            case "\r": shown += "\\r"
            case _ where scalar.isHarmless: shown.unicodeScalars.append(scalar)
            default:
                shown += String(scalar).utf16.map { "\\u" + $0.hexadecimal(digits: 4) }.joined()
            }
        }
        return shown
    }
}

extension Unicode.Scalar {
    fileprivate var isHarmless: Bool {
        if self == "\t" { return true }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
        default: true
        }
    }
}

extension FixedWidthInteger {
    fileprivate func hexadecimal(digits: Int) -> String {
        let text = String(self, radix: 16)
        return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
    }
}

/// Bytes of which it is known which ones a decoder took.
private struct PeekingBytes: IteratorProtocol {
    var pending: ArraySlice<UInt8>
    var consumed: [UInt8] = []

    init(_ bytes: some Sequence<UInt8>) { pending = Array(bytes)[...] }

    mutating func next() -> UInt8? {
        guard let byte = pending.popFirst() else { return nil }
        consumed.append(byte)
        return byte
    }
}
