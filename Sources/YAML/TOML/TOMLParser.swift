// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Reads the statements of a TOML 1.0 file, one after another, with the place of each part.
struct TOMLParser {
    /// How deep tables and lists may nest, and how many parts a key may have.
    static let deepest = 100
    /// How many headers and values a file may have. An edit has all of them in memory, twice.
    static let mostValues = 50_000

    let source: SourceText
    var at: Int
    private var depth = 0
    private var count = 0
    var bytes: [UInt8] { source.bytes }

    init(_ source: SourceText) {
        self.source = source
        at = source.markLength
    }

    /// The next statement, its path relative to the table before it; `nil` at the end.
    mutating func next() throws(Failure) -> TOMLStatement? {
        if at == source.markLength, String(validating: bytes, as: UTF8.self) == nil {
            throw fault("it is not UTF-8")
        }
        try skipBlankLines()
        guard at < bytes.count else { return nil }
        let start = at
        let statement: TOMLStatement
        if bytes[at] == UInt8(ascii: "[") {
            try countOne()
            let isArray = at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "[")
            at += isArray ? 2 : 1
            let key = try key()
            skipSpace()
            try expect(isArray ? "]]" : "]")
            statement = TOMLStatement(
                content: .header(isArray: isArray), path: key.parts.map { .key($0) }, range: start..<at)
        } else {
            let pair = try pair()
            statement = TOMLStatement(
                content: .pair(pair), path: pair.key.map { .key($0) }, range: start..<at)
        }
        try endLine()
        return statement
    }

    // MARK: keys

    private mutating func pair() throws(Failure) -> TOMLPair {
        let key = try key()
        skipSpace()
        try expect("=")
        skipSpace()
        depth += key.parts.count
        let value = try value()
        depth -= key.parts.count
        return TOMLPair(key: key.parts, keyRange: key.range, value: value)
    }

    private mutating func key() throws(Failure) -> (parts: [String], range: Range<Int>) {
        skipSpace()
        let start = at
        var (parts, end) = ([String](), at)
        repeat {
            skipSpace()
            parts.append(try part())
            end = at
            skipSpace()
            guard parts.count <= Self.deepest else { throw fault("a key has over \(Self.deepest) parts") }
        } while take(".")
        at = end
        return (parts, start..<end)
    }

    private mutating func part() throws(Failure) -> String {
        switch peek {
        case UInt8(ascii: "\""): return try basicString()
        case UInt8(ascii: "'"): return try literalString()
        default:
            let start = at
            while let byte = peek, Self.isBare(byte) { at += 1 }
            guard at > start else { throw fault("expected a key") }
            return String(decoding: bytes[start..<at], as: UTF8.self)
        }
    }

    /// Whether a key of that byte needs no quotes.
    static func isBare(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    // MARK: values

    private mutating func value() throws(Failure) -> TOMLNode {
        depth += 1
        defer { depth -= 1 }
        try countOne()
        guard depth <= Self.deepest else { throw fault("it is nested over \(Self.deepest) levels deep") }
        let start = at
        let content: TOMLNode.Content
        switch peek {
        case UInt8(ascii: "\""):
            content = .string(starts("\"\"\"") ? try longString("\"\"\"") : try basicString())
        case UInt8(ascii: "'"):
            content = .string(starts("'''") ? try longString("'''") : try literalString())
        case UInt8(ascii: "["): content = .array(try array())
        case UInt8(ascii: "{"): content = .inline(try inlineTable())
        default: content = .literal(try literal())
        }
        return TOMLNode(content: content, range: start..<at)
    }

    private mutating func array() throws(Failure) -> [TOMLNode] {
        var items: [TOMLNode] = []
        at += 1
        while true {
            try skipBlankLines()
            if take("]") { return items }
            items.append(try value())
            try skipBlankLines()
            if take("]") { return items }
            try expect(",")
        }
    }

    private mutating func inlineTable() throws(Failure) -> [TOMLPair] {
        var pairs: [TOMLPair] = []
        var tables = TOMLTables()
        at += 1
        skipSpace()
        if take("}") { return pairs }
        while true {
            let start = at
            let pair = try pair()
            do throws(TOMLTables.Fault) { try tables.put(TOMLTree(pair.value), at: pair.key) } catch {
                at = start
                throw fault(error.reason)
            }
            pairs.append(pair)
            skipSpace()
            if take("}") { return pairs }
            try expect(",")
            skipSpace()
        }
    }

    /// A number, a truth value, or a moment.
    private mutating func literal() throws(Failure) -> String {
        let start = at
        while let byte = peek, !" \t\r\n,]}#=".utf8.contains(byte) { at += 1 }
        // A blank may part the day from the time.
        if at - start == 10, bytes[start..<at].contains(UInt8(ascii: "-")), peek == 0x20,
            at + 1 < bytes.count,
            (0x30...0x39).contains(bytes[at + 1])
        {
            at += 1
            while let byte = peek, !" \t\r\n,]}#".utf8.contains(byte) { at += 1 }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard TOMLLiteral.isOne(text) else {
            at = start
            throw fault(
                text.isEmpty
                    ? "expected a value"
                    : "'\(text.prefix(40))' is no value: text goes in quotes, truth values are true and false"
            )
        }
        return text
    }

    private mutating func countOne() throws(Failure) {
        count += 1
        guard count <= Self.mostValues else { throw fault("it has more than \(Self.mostValues) values") }
    }

    // MARK: bytes

    var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    func starts(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    private mutating func take(_ text: String) -> Bool {
        guard starts(text) else { return false }
        at += text.utf8.count
        return true
    }

    private mutating func expect(_ text: String) throws(Failure) {
        if !take(text) { throw fault("expected '\(text)'") }
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 { at += 1 }
    }

    private mutating func skipComment() throws(Failure) {
        guard peek == UInt8(ascii: "#") else { return }
        while let byte = peek, byte != 0x0A, !starts("\r\n") {
            guard byte >= 0x20 || byte == 0x09, byte != 0x7F else { throw fault("a control character") }
            at += 1
        }
    }

    private mutating func skipBlankLines() throws(Failure) {
        repeat {
            skipSpace()
            try skipComment()
        } while take("\n") || take("\r\n")
    }

    /// What may follow a statement in its line: white space and a comment. Leaves ``at`` behind the line.
    private mutating func endLine() throws(Failure) {
        skipSpace()
        try skipComment()
        guard at == bytes.count || take("\n") || take("\r\n") else {
            throw fault("expected the end of the line")
        }
    }

    func fault(_ reason: String) -> Failure {
        source.refuse(
            "read the TOML of", at: min(at, bytes.count), reason: reason,
            remedy: "fix the line, or the one above it: check quotes, brackets and commas")
    }
}
