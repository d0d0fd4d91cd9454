// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A strict reader of JSON (RFC 8259) that keeps the place of every value; it gives the nodes of YAML's
/// flow style, so that one editor serves both.
struct JSONScanner {
    private let source: SourceText
    private var at = 0
    private var nodes = 0

    /// The one value of `source`.
    /// - Throws: a ``Failure`` of kind `data` with line and column at the first byte that is not JSON.
    static func read(_ source: SourceText) throws(Failure) -> YamlDocument {
        guard source.bytes.count <= YamlDocuments.largestText else {
            throw Failure(
                .data, "read the JSON of", source.path,
                because: "it has \(source.bytes.count) bytes, more than \(YamlDocuments.largestText)")
        }
        var scanner = JSONScanner(source: source)
        if source.markLength > 0 { throw scanner.refuse("it begins with a byte-order mark") }
        scanner.skipSpace()
        let root = try scanner.value(depth: 0)
        scanner.skipSpace()
        guard scanner.at == source.bytes.count else { throw scanner.refuse("text follows the value") }
        return YamlDocument(root: root, aliased: [])
    }

    private init(source: SourceText) { self.source = source }

    private var byte: UInt8? { at < source.bytes.count ? source.bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { at += 1 }
    }

    private mutating func value(depth: Int) throws(Failure) -> YamlNode {
        nodes += 1
        guard depth < YamlDocuments.deepestNesting, nodes <= YamlDocuments.mostNodes else {
            throw refuse("it is too deep or has too many values")
        }
        let start = at
        let content: YamlNode.Content
        switch byte {
        case UInt8(ascii: "{"): content = try object(depth)
        case UInt8(ascii: "["): content = try array(depth)
        case UInt8(ascii: "\""): content = .scalar(try string(), .doubleQuoted)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            content = .scalar(try number(), .plain)
        default:
            guard
                let word = ["true", "false", "null"].first(where: {
                    source.bytes[at...].starts(with: $0.utf8)
                })
            else { throw refuse("expected a value, found \(found)") }
            at += word.utf8.count
            content = .scalar(word, .plain)
        }
        return YamlNode(content: content, anchor: nil, tag: nil, range: start..<at)
    }

    private mutating func object(_ depth: Int) throws(Failure) -> YamlNode.Content {
        var entries: [YamlNode.Entry] = []
        at += 1
        skipSpace()
        if byte == UInt8(ascii: "}") {
            at += 1
            return .mapping([], flow: true)
        }
        while true {
            let start = at
            guard byte == UInt8(ascii: "\"") else { throw refuse("expected a key in quotes, found \(found)") }
            let key = YamlNode(
                content: .scalar(try string(), .doubleQuoted), anchor: nil, tag: nil, range: start..<at)
            skipSpace()
            guard byte == UInt8(ascii: ":") else {
                throw refuse("expected ':' after the key, found \(found)")
            }
            at += 1
            skipSpace()
            entries.append(YamlNode.Entry(key: key, value: try value(depth: depth + 1)))
            if try closes(with: UInt8(ascii: "}")) { return .mapping(entries, flow: true) }
        }
    }

    private mutating func array(_ depth: Int) throws(Failure) -> YamlNode.Content {
        var items: [YamlNode] = []
        at += 1
        skipSpace()
        if byte == UInt8(ascii: "]") {
            at += 1
            return .sequence([], flow: true)
        }
        while true {
            items.append(try value(depth: depth + 1))
            if try closes(with: UInt8(ascii: "]")) { return .sequence(items, flow: true) }
        }
    }

    /// Steps over `closing` (true), or over a comma and the space after it (false).
    private mutating func closes(with closing: UInt8) throws(Failure) -> Bool {
        skipSpace()
        if byte == closing {
            at += 1
            return true
        }
        guard byte == UInt8(ascii: ",") else {
            throw refuse("expected ',' or '\(Character(UnicodeScalar(closing)))', found \(found)")
        }
        at += 1
        skipSpace()
        return false
    }

    private mutating func string() throws(Failure) -> String {
        at += 1
        var out: [UInt8] = []
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                guard let text = String(validating: out, as: UTF8.self) else {
                    throw refuse("the text before it is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): out.append(contentsOf: try escape().utf8)
            case 0..<0x20: throw refuse("a control character in a string must be written as \\u")
            default:
                out.append(byte)
                at += 1
            }
        }
        throw refuse("the string has no closing quote")
    }

    private mutating func escape() throws(Failure) -> String {
        at += 1
        let simple: [UInt8: String] = [
            0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n", 0x72: "\r",
            0x74: "\t",
        ]
        if let byte, let text = simple[byte] {
            at += 1
            return text
        }
        guard byte == UInt8(ascii: "u") else { throw refuse("a backslash before \(found)") }
        let high = try fourDigits()
        guard (0xD800...0xDBFF).contains(high), source.bytes[at...].starts(with: "\\u".utf8) else {
            return UnicodeScalar(high).map { String(Character($0)) } ?? "\u{FFFD}"
        }
        at += 1
        let low = try fourDigits()
        let scalar = UnicodeScalar(0x10000 &+ (high &- 0xD800) << 10 &+ (low &- 0xDC00))
        return (0xDC00...0xDFFF).contains(low)
            ? scalar.map { String(Character($0)) } ?? "\u{FFFD}" : "\u{FFFD}"
    }

    private mutating func fourDigits() throws(Failure) -> UInt32 {
        at += 1
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte, let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw refuse("expected four hexadecimal digits, found \(found)")
            }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        return value
    }

    private mutating func number() throws(Failure) -> String {
        let start = at
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
        return String(decoding: source.bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() throws(Failure) {
        let start = at
        while let byte, (0x30...0x39).contains(byte) { at += 1 }
        guard at > start else { throw refuse("expected a digit, found \(found)") }
    }

    /// What stands at the cursor, in words.
    private var found: String {
        guard let byte else { return "the end of the file" }
        switch byte {
        case UInt8(ascii: "#"), UInt8(ascii: "/"): return "a comment, which JSON does not have"
        case UInt8(ascii: "'"): return "a single quote: JSON has only double quotes"
        case 0x21...0x7E: return "'\(Character(UnicodeScalar(byte)))'"
        default: return "the byte 0x\(String(byte, radix: 16))"
        }
    }

    private func refuse(_ reason: String) -> Failure {
        source.refuse(
            "read the JSON of", at: at, reason: reason,
            remedy: "fix the file there; `jq . FILE` shows whether it is JSON")
    }
}
