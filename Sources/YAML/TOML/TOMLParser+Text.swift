// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Text in quotes.
extension TOMLParser {
    mutating func basicString() throws(Failure) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            default: text.append(try plain(byte))
            }
        }
        throw fault("a text in quotes does not end")
    }

    mutating func literalString() throws(Failure) -> String {
        at += 1
        let start = at
        while let byte = peek {
            at += 1
            if byte == UInt8(ascii: "'") { return String(decoding: bytes[start..<at - 1], as: UTF8.self) }
            _ = try plain(byte)
        }
        throw fault("a text in quotes does not end")
    }

    /// A text between three quotes, which may have lines; the line end after the first quotes does not count.
    mutating func longString(_ quotes: String) throws(Failure) -> String {
        let quote = quotes.utf8.first!
        at += 3
        if starts("\r\n") { at += 2 } else if starts("\n") { at += 1 }
        var text: [UInt8] = []
        while let byte = peek {
            if starts(quotes) {
                at += 3
                // One or two quotes may be before the last three.
                for _ in 0..<2 where peek == quote {
                    text.append(quote)
                    at += 1
                }
                return String(decoding: text, as: UTF8.self)
            }
            at += 1
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if skipLineEndingBackslash() { continue }
                text += try escape()
            } else if byte == 0x0A {
                text.append(byte)
            } else if byte == 0x0D, peek == 0x0A {
                text += [0x0D, 0x0A]
                at += 1
            } else {
                text.append(try plain(byte))
            }
        }
        throw fault("a text in quotes does not end")
    }

    /// Skips white space and line ends behind a backslash that ends a line; false where the backslash does not end one.
    private mutating func skipLineEndingBackslash() -> Bool {
        var ahead = at
        while ahead < bytes.count, bytes[ahead] == 0x20 || bytes[ahead] == 0x09 { ahead += 1 }
        guard ahead < bytes.count, bytes[ahead] == 0x0A || bytes[ahead] == 0x0D else { return false }
        while ahead < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[ahead]) { ahead += 1 }
        at = ahead
        return true
    }

    private mutating func escape() throws(Failure) -> [UInt8] {
        guard let byte = peek else { throw fault("a text in quotes does not end") }
        at += 1
        switch byte {
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [byte]
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = byte == UInt8(ascii: "u") ? 4 : 8
            let digits = bytes[at..<min(at + count, bytes.count)]
            guard digits.count == count, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
                let scalar = UInt32(String(decoding: digits, as: UTF8.self), radix: 16).flatMap(
                    Unicode.Scalar.init)
            else { throw fault("a backslash is followed by no character's number") }
            at += count
            return Array(String(Character(scalar)).utf8)
        default: throw fault("unknown escape '\\\(Character(Unicode.Scalar(byte)))'")
        }
    }

    private func plain(_ byte: UInt8) throws(Failure) -> UInt8 {
        guard byte >= 0x20 || byte == 0x09, byte != 0x7F else {
            throw fault(
                byte == 0x0A || byte == 0x0D ? "a text in quotes does not end" : "a control character")
        }
        return byte
    }
}
