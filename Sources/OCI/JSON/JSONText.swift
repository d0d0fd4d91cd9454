// SPDX-License-Identifier: Apache-2.0

/// Texts in JSON.
package enum JSONText {
    /// How deep objects and arrays may be nested in what decides what is trusted.
    package static let deepest = 128

    /// Why `bytes` are not JSON in which every reader sees the same; `nil` where they are. Refused are other encodings
    /// than UTF-8, a byte-order mark, a key that is there twice, deep nesting, and what is not JSON.
    package static func fault(in bytes: [UInt8]) -> String? {
        var nothing = Nothing()
        do throws(JSONFault) {
            try prove(bytes, into: &nothing)
            return nil
        } catch { return error.sentence }
    }

    /// Reads the one value of `bytes` as ``fault(in:)`` does.
    static func prove(_ bytes: [UInt8], into handler: inout some JSONHandler) throws(JSONFault) {
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw JSONFault(offset: 0, reason: "it begins with a byte-order mark")
        }
        if let zero = bytes.firstIndex(of: 0) { throw JSONFault(offset: zero, reason: "it is not UTF-8") }
        try JSONParser.parse(bytes, within: JSONBounds(depth: deepest), into: &handler)
    }

    /// Looks at nothing: the parser proves the text.
    private struct Nothing: JSONHandler {
        func beginObject(at offset: Int) {}
        func beginArray(at offset: Int) {}
        func key(_ text: String, range: Range<Int>) {}
        func scalar(_ kind: JSONScalar, range: Range<Int>) {}
        func end(before offset: Int) {}
    }

    /// The text of a string that a ``JSONParser`` has read, given with its quotes: its escapes resolved, a lone surrogate
    /// replaced by U+FFFD as in Go.
    package static func string(_ quoted: ArraySlice<UInt8>) -> String {
        var rest = quoted.dropFirst().dropLast()
        guard rest.contains(UInt8(ascii: "\\")) else { return String(decoding: rest, as: UTF8.self) }
        var text = ""
        while let mark = rest.firstIndex(of: UInt8(ascii: "\\")) {
            text += String(decoding: rest[..<mark], as: UTF8.self)
            rest = rest[mark...].dropFirst()
            text.unicodeScalars.append(escape(&rest))
        }
        return text + String(decoding: rest, as: UTF8.self)
    }

    /// The character of the escape behind a backslash; steps over it.
    private static func escape(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar {
        let letter = rest.removeFirst()
        let simple: [UInt8: Unicode.Scalar] = [
            0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n", 0x72: "\r", 0x74: "\t",
        ]
        guard letter == UInt8(ascii: "u") else { return simple[letter] ?? Unicode.Scalar(letter) }
        let unit = fourDigits(&rest)
        if (0xD800..<0xDC00).contains(unit), rest.starts(with: "\\u".utf8) {
            var ahead = rest.dropFirst(2)
            let low = fourDigits(&ahead)
            if (0xDC00..<0xE000).contains(low) {
                rest = ahead
                return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
            }
        }
        return Unicode.Scalar(unit) ?? "\u{FFFD}"
    }

    private static func fourDigits(_ rest: inout ArraySlice<UInt8>) -> UInt32 {
        let digits = String(decoding: rest.prefix(4), as: UTF8.self)
        rest = rest.dropFirst(4)
        return UInt32(digits, radix: 16) ?? 0xFFFD
    }
}
