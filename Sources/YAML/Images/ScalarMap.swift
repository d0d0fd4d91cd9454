// SPDX-License-Identifier: Apache-2.0

/// Where the bytes of a scalar's text are written in the file.
///
/// A text and the way it is written differ only in white space (indentation, folded lines), doubled quotes and
/// escapes. So all else is found again in order; if it is not, there is no map.
struct ScalarMap {
    private var starts: [UInt32] = []
    private var ends: [UInt32] = []

    /// - Parameters:
    ///   - text: the scalar's text.
    ///   - written: its bytes in the file, without the quotes; `nil` where they are not those of the text.
    init?(_ text: ArraySlice<UInt8>, written: ArraySlice<UInt8>, kind: NodeTable.Kind) {
        starts.reserveCapacity(text.count)
        ends.reserveCapacity(text.count)
        var at = written.startIndex
        if kind == .literal || kind == .folded {
            // The header, which a comment may follow.
            at = written.firstIndex(of: 0x0A).map { $0 + 1 } ?? written.endIndex
        }
        var rest = text[...]
        while let byte = rest.first {
            let isBlank = Self.isBlank(byte)
            while at < written.endIndex, Self.isBlank(written[at]), !isBlank || written[at] != byte {
                at += 1
            }
            if kind == .doubleQuoted, at < written.endIndex, written[at] == UInt8(ascii: "\\") {
                guard let (decoded, length) = Self.escape(written[at...]) else { return nil }
                if decoded.isEmpty {
                    at += length
                    continue
                }
                guard rest.starts(with: decoded) else {
                    guard isBlank else { return nil }
                    note(at..<at, count: 1)
                    rest.removeFirst()
                    continue
                }
                note(at..<at + length, count: decoded.count)
                rest.removeFirst(decoded.count)
                at += length
            } else if at < written.endIndex, written[at] == byte {
                let isDoubled = kind == .singleQuoted && byte == UInt8(ascii: "'")
                note(at..<at + (isDoubled ? 2 : 1), count: 1)
                at += isDoubled ? 2 : 1
                rest.removeFirst()
            } else {
                guard isBlank else { return nil }
                note(at..<at, count: 1)
                rest.removeFirst()
            }
        }
    }

    private mutating func note(_ range: Range<Int>, count: Int) {
        for _ in 0..<count {
            starts.append(UInt32(range.lowerBound))
            ends.append(UInt32(range.upperBound))
        }
    }

    /// The bytes in the file of a range of the text, which is not empty.
    func written(_ range: Range<Int>) -> Range<Int>? {
        guard !range.isEmpty, range.upperBound <= starts.count else { return nil }
        let (start, end) = (Int(starts[range.lowerBound]), Int(ends[range.upperBound - 1]))
        return start < end ? start..<end : nil
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    /// What an escape means, and how many bytes it has; nothing for a line that is continued.
    /// Source: YAML 1.1, section 5.6.
    private static func escape(_ written: ArraySlice<UInt8>) -> (decoded: [UInt8], length: Int)? {
        guard let letter = written.dropFirst().first else { return nil }
        func digits(_ count: Int) -> (decoded: [UInt8], length: Int)? {
            let text = String(decoding: written.dropFirst(2).prefix(count), as: UTF8.self)
            guard let value = UInt32(text, radix: 16), let scalar = UnicodeScalar(value) else { return nil }
            return (Array(String(Character(scalar)).utf8), 2 + count)
        }
        switch letter {
        case 0x0A, 0x0D: return ([], 2)
        case UInt8(ascii: "x"): return digits(2)
        case UInt8(ascii: "u"): return digits(4)
        case UInt8(ascii: "U"): return digits(8)
        default:
            guard let text = simple[letter] else { return nil }
            return (Array(text.utf8), 2)
        }
    }

    private static let simple: [UInt8: String] = [
        0x30: "\0", 0x61: "\u{7}", 0x62: "\u{8}", 0x74: "\t", 0x09: "\t", 0x6E: "\n", 0x76: "\u{B}",
        0x66: "\u{C}",
        0x72: "\r", 0x65: String(UnicodeScalar(0x1B as UInt8)), 0x20: " ", 0x22: "\"", 0x2F: "/", 0x5C: "\\",
        0x4E: "\u{85}",
        0x5F: "\u{A0}",
        0x4C: "\u{2028}", 0x50: "\u{2029}", 0x27: "'",
    ]
}
