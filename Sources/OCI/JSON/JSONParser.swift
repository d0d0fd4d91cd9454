// SPDX-License-Identifier: Apache-2.0

/// A kind of scalar in JSON.
package enum JSONScalar: Sendable, Equatable {
    case string, number, null
    case bool(Bool)
}

/// Why a text is not the JSON that a ``JSONParser`` takes.
package struct JSONFault: Error, Equatable {
    /// The offset of the byte where it shows, from 0.
    package let offset: Int
    /// What is wrong there.
    package let reason: String

    /// A fault at a byte.
    package init(offset: Int, reason: String) { (self.offset, self.reason) = (offset, reason) }

    /// The reason and the place.
    var sentence: String { "\(reason), at byte \(offset)" }
}

/// What a ``JSONParser`` refuses besides what is not JSON.
package struct JSONBounds: Sendable {
    /// The most objects and arrays that are open at a time.
    package var depth: Int
    /// The most values in the text.
    package var values: Int
    /// Whether an object may have a key twice.
    package var repeatedKeys: Bool

    /// Bounds for one text.
    package init(depth: Int, values: Int = .max, repeatedKeys: Bool = false) {
        (self.depth, self.values, self.repeatedKeys) = (depth, values, repeatedKeys)
    }
}

/// Takes what a ``JSONParser`` reads, in the order of the text.
package protocol JSONHandler {
    /// An object begins with the byte at `offset`.
    mutating func beginObject(at offset: Int)
    /// An array begins with the byte at `offset`.
    mutating func beginArray(at offset: Int)
    /// A key of the innermost object, its escapes resolved; `range` has its quotes.
    mutating func key(_ text: String, range: Range<Int>)
    /// A value that is neither object nor array; the range of a string has its quotes.
    mutating func scalar(_ kind: JSONScalar, range: Range<Int>)
    /// The innermost object or array ends before `offset`.
    mutating func end(before offset: Int)
}

/// The reader of JSON (RFC 8259). It is strict, does not recurse, and leaves numbers and strings as they are written.
package struct JSONParser<Handler: JSONHandler> {
    private let bytes: [UInt8]
    private let bounds: JSONBounds
    private var at = 0
    private var values = 0
    /// Whether each open level is an object.
    private var open: [Bool] = []
    /// The keys of each open level, where none may be repeated.
    private var keys: [Set<String>] = []

    /// Reads the one value of `bytes`, with only white space around it.
    /// - Throws: a ``JSONFault`` at the first byte that is not JSON or beyond `bounds`.
    package static func parse(_ bytes: [UInt8], within bounds: JSONBounds, into handler: inout Handler)
        throws(JSONFault)
    {
        var parser = JSONParser(bytes: bytes, bounds: bounds)
        try parser.run(&handler)
    }

    private init(bytes: [UInt8], bounds: JSONBounds) { (self.bytes, self.bounds) = (bytes, bounds) }

    private mutating func run(_ handler: inout Handler) throws(JSONFault) {
        skipSpace()
        try value(&handler)
        while let isObject = open.last {
            skipSpace()
            if byte == Self.closing(isObject) {
                end(&handler)
                continue
            }
            guard byte == UInt8(ascii: ",") else {
                throw refuse("expected ',' or '\(isObject ? "}" : "]")', found \(found)")
            }
            at += 1
            skipSpace()
            if isObject { try key(&handler) }
            try value(&handler)
        }
        skipSpace()
        guard at == bytes.count else { throw refuse("text follows the value") }
    }

    /// Reads a value; of an object or array with content the first scalar in it, and leaves what is around that open.
    private mutating func value(_ handler: inout Handler) throws(JSONFault) {
        while true {
            values += 1
            guard values <= bounds.values else { throw refuse("it has more than \(bounds.values) values") }
            guard let byte, byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else {
                return try scalar(&handler)
            }
            guard open.count < bounds.depth else {
                throw refuse("it is nested more than \(bounds.depth) deep")
            }
            let isObject = byte == UInt8(ascii: "{")
            if isObject { handler.beginObject(at: at) } else { handler.beginArray(at: at) }
            open.append(isObject)
            keys.append([])
            at += 1
            skipSpace()
            if self.byte == Self.closing(isObject) { return end(&handler) }
            if isObject { try key(&handler) }
        }
    }

    private mutating func end(_ handler: inout Handler) {
        at += 1
        open.removeLast()
        keys.removeLast()
        handler.end(before: at)
    }

    /// Reads a key and the colon behind it, up to the value.
    private mutating func key(_ handler: inout Handler) throws(JSONFault) {
        guard byte == UInt8(ascii: "\"") else { throw refuse("expected a key in quotes, found \(found)") }
        let start = at
        try string()
        let text = JSONText.string(bytes[start..<at])
        guard bounds.repeatedKeys || keys[keys.count - 1].insert(text).inserted else {
            throw JSONFault(offset: start, reason: "the key '\(text.prefix(80))' is there twice")
        }
        handler.key(text, range: start..<at)
        skipSpace()
        guard byte == UInt8(ascii: ":") else { throw refuse("expected ':' after the key, found \(found)") }
        at += 1
        skipSpace()
    }

    private mutating func scalar(_ handler: inout Handler) throws(JSONFault) {
        let start = at
        switch byte {
        case UInt8(ascii: "\""):
            try string()
            handler.scalar(.string, range: start..<at)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            try number()
            handler.scalar(.number, range: start..<at)
        default:
            let words: [(String, JSONScalar)] = [
                ("true", .bool(true)), ("false", .bool(false)), ("null", .null),
            ]
            guard let (word, kind) = words.first(where: { bytes[at...].starts(with: $0.0.utf8) }) else {
                throw refuse("expected a value, found \(found)")
            }
            at += word.utf8.count
            handler.scalar(kind, range: start..<at)
        }
    }

    /// Steps over the string whose quote is next.
    private mutating func string() throws(JSONFault) {
        let start = at
        var isASCII = true
        at += 1
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                guard isASCII || String(validating: bytes[start..<at], as: UTF8.self) != nil else {
                    throw refuse("the text before it is not UTF-8")
                }
                return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw refuse("a control character in a string must be written as \\u")
            default:
                isASCII = isASCII && byte < 0x80
                at += 1
            }
        }
        throw refuse("the string has no closing quote")
    }

    private mutating func escape() throws(JSONFault) {
        at += 1
        if let byte, #""\/bfnrt"#.utf8.contains(byte) {
            at += 1
            return
        }
        guard byte == UInt8(ascii: "u") else { throw refuse("a backslash before \(found)") }
        at += 1
        for _ in 0..<4 {
            guard let byte, Unicode.Scalar(byte).properties.isASCIIHexDigit else {
                throw refuse("expected four hexadecimal digits, found \(found)")
            }
            at += 1
        }
    }

    private mutating func number() throws(JSONFault) {
        if byte == UInt8(ascii: "-") { at += 1 }
        if byte == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if byte == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            at += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(JSONFault) {
        let start = at
        while let byte, (0x30...0x39).contains(byte) { at += 1 }
        guard at > start else { throw refuse("expected a digit, found \(found)") }
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private static func closing(_ isObject: Bool) -> UInt8 { UInt8(ascii: isObject ? "}" : "]") }

    /// What is at the cursor, in words.
    private var found: String {
        guard let byte else { return "the end of the file" }
        switch byte {
        case UInt8(ascii: "#"), UInt8(ascii: "/"): return "a comment, which JSON does not have"
        case UInt8(ascii: "'"): return "a single quote: JSON has only double quotes"
        case 0x21...0x7E: return "'\(Character(Unicode.Scalar(byte)))'"
        default: return "the byte 0x\(String(byte, radix: 16))"
        }
    }

    private func refuse(_ reason: String) -> JSONFault { JSONFault(offset: at, reason: reason) }
}
