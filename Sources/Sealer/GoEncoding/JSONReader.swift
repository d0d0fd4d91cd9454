// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Tree {
    /// Parses one JSON document (RFC 8259), nothing before or after it but white space.
    /// - Throws: a ``Failure`` of kind `data` that names the byte, also for nesting beyond ``deepest``.
    package init(json bytes: [UInt8], artifact: String) throws(Failure) {
        var reader = JSONReader(bytes: bytes, artifact: artifact)
        self = try reader.document()
    }
}

/// A strict reader of JSON that keeps the order of keys and the text of numbers.
private struct JSONReader {
    let bytes: [UInt8]
    let artifact: String
    private var at = 0

    init(bytes: [UInt8], artifact: String) {
        self.bytes = bytes
        self.artifact = artifact
    }

    mutating func document() throws(Failure) -> Tree {
        let tree = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw refuse("something follows the document") }
        return tree
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(.data, "read the JSON of", artifact, because: "byte \(at): \(reason)")
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { at += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        skipSpace()
        guard next == UInt8(ascii: character) else { throw refuse("expected '\(character)'") }
        at += 1
    }

    private mutating func value(depth: Int) throws(Failure) -> Tree {
        guard depth <= Tree.deepest else { throw refuse("it is nested more than \(Tree.deepest) deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", value: .bool(true))
        case UInt8(ascii: "f"): return try word("false", value: .bool(false))
        case UInt8(ascii: "n"): return try word("null", value: .null)
        default: return .number(try number())
        }
    }

    private mutating func word(_ text: String, value: Tree) throws(Failure) -> Tree {
        guard bytes[at...].starts(with: text.utf8) else { throw refuse("expected a value") }
        at += text.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(Failure) -> Tree {
        var members: [Tree.Member] = []
        var seen: Set<String> = []
        try items(until: "}") { (reader) throws(Failure) in
            reader.skipSpace()
            guard reader.next == UInt8(ascii: "\"") else { throw reader.refuse("expected a key") }
            let key = try reader.string()
            guard seen.insert(key).inserted else {
                throw reader.refuse("the key '\(key.prefix(80))' is there twice")
            }
            try reader.expect(":")
            members.append(Tree.Member(key: key, value: try reader.value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(Failure) -> Tree {
        var elements: [Tree] = []
        try items(until: "]") { (reader) throws(Failure) in
            elements.append(try reader.value(depth: depth + 1))
        }
        return .array(elements)
    }

    /// Reads what stands between brackets, separated by commas; `read` takes one item.
    private mutating func items(
        until close: Unicode.Scalar, _ read: (inout JSONReader) throws(Failure) -> Void
    ) throws(Failure) {
        at += 1
        skipSpace()
        if next == UInt8(ascii: close) {
            at += 1
            return
        }
        while true {
            try read(&self)
            skipSpace()
            if next != UInt8(ascii: ",") { return try expect(close) }
            at += 1
        }
    }

    private mutating func number() throws(Failure) -> String {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        let whole = digits()
        let leadingZero = whole > 1 && bytes[at - whole] == UInt8(ascii: "0")
        guard whole > 0, !leadingZero else { throw refuse("expected a value") }
        if next == UInt8(ascii: ".") {
            at += 1
            guard digits() > 0 else { throw refuse("expected a digit") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits() > 0 else { throw refuse("expected a digit") }
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = next, (0x30...0x39).contains(byte) { at += 1 }
        return at - start
    }

    private mutating func string() throws(Failure) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw refuse("the string before is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw refuse("a control character in a string")
            default: text.append(byte)
            }
        }
        throw refuse("a string does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(Failure) {
        guard let byte = next else { throw refuse("a string does not end") }
        at += 1
        let plain: [UInt8: UInt8] = [
            0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D, 0x74: 0x09,
        ]
        if let value = plain[byte] {
            text.append(value)
            return
        }
        guard byte == UInt8(ascii: "u") else { throw refuse("an unknown escape") }
        var unit = try hexUnit()
        if (0xD800..<0xDC00).contains(unit), bytes[at...].starts(with: [0x5C, 0x75]) {
            let mark = at
            at += 2
            let low = try hexUnit()
            if (0xDC00..<0xE000).contains(low) {
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            } else {
                at = mark
            }
        }
        // A lone surrogate becomes the replacement character, as in Go.
        text.append(contentsOf: String(Unicode.Scalar(unit) ?? "\u{FFFD}").utf8)
    }

    private mutating func hexUnit() throws(Failure) -> UInt32 {
        guard at + 4 <= bytes.count,
            bytes[at..<at + 4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
            let unit = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw refuse("expected four hexadecimal digits") }
        at += 4
        return unit
    }
}
