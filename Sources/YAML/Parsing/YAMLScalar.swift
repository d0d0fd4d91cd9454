// SPDX-License-Identifier: Apache-2.0

/// What a scalar is by the rules of YAML 1.1, which Kubernetes' readers follow in their own ways.
///
/// Source: yaml.org/type (bool, float, int, merge, null, timestamp, value), 2005. The union of these
/// rules and of YAML 1.2's numbers is taken: text is only what every reader takes for text.
package enum YAMLScalarType: Sendable, Equatable {
    /// Text.
    case string
    /// `~`, `null` or nothing.
    case null
    /// `true`, `yes`, `on`, `y` and their opposites.
    case bool
    /// A whole number, also `0x1F`, `017`, `0b11`, `1_000` and `12:30`.
    case int
    /// A number with a fraction or an exponent, `.inf`, `.nan`.
    case float
    /// A date, `<<` or `=`: plain text that some readers take for something else.
    case special
    /// A tag of its own.
    case tagged(String)

    /// The type that the tag names.
    init(tag: String) {
        let prefix = "tag:yaml.org,2002:"
        switch tag.hasPrefix(prefix) ? String(tag.dropFirst(prefix.count)) : tag {
        case "str", "!": self = .string
        case "null": self = .null
        case "bool": self = .bool
        case "int": self = .int
        case "float": self = .float
        default: self = .tagged(tag)
        }
    }

    /// Whether all plain text with this first byte is a string.
    static func isString(beginningWith byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "y"), UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "o"):
            false
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: byte == UInt8(ascii: "/")
        }
    }

    /// The type of a scalar without quotes and tag.
    package init(plain text: String) {
        let lower = text.lowercased()
        switch lower {
        case "", "~", "null": self = .null
        case "y", "n", "yes", "no", "on", "off", "true", "false": self = .bool
        case "<<", "=": self = .special
        default:
            let bytes = Array(lower.utf8)
            if Self.isInt(bytes) {
                self = .int
            } else if Self.isFloat(bytes) {
                self = .float
            } else {
                self = Self.isDate(bytes) ? .special : .string
            }
        }
    }

    /// Whether Helm and other programs in Go, which read numbers as such, print a scalar without quotes as it is written:
    /// `1.20` becomes 1.2, `20240101` becomes 2.0240101e+07, `yes` becomes true.
    package static func isPrintedAsWritten(plain text: String) -> Bool {
        switch YAMLScalarType(plain: text) {
        case .string, .special: return true
        case .int, .float:
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            let isCanonical = parts[0] == "0" || parts[0].first != "0"
            return parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
                && isCanonical && parts[0].utf8.count <= 6 && text.utf8.count <= 16
                && (parts.count == 1 || parts[1].last != "0")
        default: return false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func unsigned(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes.first ?? 0) ? bytes.dropFirst() : bytes[...]
    }

    private static func isInt(_ bytes: [UInt8]) -> Bool {
        let body = unsigned(bytes)
        guard let first = body.first, isDigit(first) else { return false }
        let underscore = UInt8(ascii: "_")
        if body.count > 2, first == 0x30 {
            let digits = body.dropFirst(2)
            let marker = body[body.startIndex + 1]
            let hex = digits.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) || $0 == underscore }
            let plain = digits.allSatisfy { isDigit($0) || $0 == underscore }
            if marker == UInt8(ascii: "x") { return hex }
            if marker == UInt8(ascii: "o") || marker == UInt8(ascii: "b") { return plain }
        }
        return body.allSatisfy { isDigit($0) || $0 == underscore } || isSexagesimal(body)
    }

    /// `190:20:30`: digits, then groups of one or two digits below 60.
    private static func isSexagesimal(_ body: ArraySlice<UInt8>) -> Bool {
        let groups = body.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard groups.count > 1, let first = groups.first, !first.isEmpty,
            first.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") })
        else { return false }
        return groups.dropFirst().allSatisfy { group in
            (1...2).contains(group.count) && group.allSatisfy(isDigit)
                && (group.count == 1 || group.first! < 0x36)
        }
    }

    private static func isFloat(_ bytes: [UInt8]) -> Bool {
        let body = unsigned(bytes)
        if [Array(".inf".utf8), Array(".nan".utf8)].contains(Array(body)) { return true }
        var mantissa = body
        var exponent: ArraySlice<UInt8>?
        if let at = body.firstIndex(of: UInt8(ascii: "e")) {
            mantissa = body[..<at]
            exponent = unsigned(Array(body[(at + 1)...]))
        }
        if let exponent, exponent.isEmpty || !exponent.allSatisfy(isDigit) { return false }
        let parts = mantissa.split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts.first ?? []
        let fraction = parts.count > 1 ? parts[1] : []
        guard parts.count > 1 || exponent != nil, mantissa.contains(where: isDigit) else { return false }
        let digits: (UInt8) -> Bool = { isDigit($0) || $0 == UInt8(ascii: "_") }
        return (whole.allSatisfy(digits) || isSexagesimal(whole)) && fraction.allSatisfy(digits)
    }

    /// A timestamp begins with a date of four, one or two, and one or two digits.
    private static func isDate(_ bytes: [UInt8]) -> Bool {
        guard bytes.allSatisfy({ isDigit($0) || "-:. tz+\t".utf8.contains($0) }) else { return false }
        let groups = bytes.prefix { isDigit($0) || $0 == UInt8(ascii: "-") }
            .split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return groups.count == 3 && groups[0].count == 4
            && groups.dropFirst().allSatisfy { (1...2).contains($0.count) }
    }
}

/// How values are written into YAML, JSON and TOML.
enum ScalarWriter {
    /// `text` as a YAML scalar that every reader takes for this text, in `style` where that can hold it.
    static func yaml(_ text: String, like style: YAMLNode.Style = .plain) -> String {
        let printable = text.unicodeScalars.allSatisfy { scalar in
            scalar == "\t" || (scalar.value >= 0x20 && scalar.value < 0x7F)
                || (scalar.value >= 0xA0 && !(0x2028...0x2029).contains(scalar.value)
                    && !(0xFE00...0xFFFF).contains(scalar.value))
        }
        guard printable, style != .doubleQuoted else { return json(text) }
        if style != .singleQuoted, canBePlain(text) { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            + "'"
    }

    private static func canBePlain(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, YAMLScalarType(plain: text) == .string else {
            return false
        }
        if "-?:,[]{}#&*!|>'\"%@` \t".utf8.contains(first) || ": \t".utf8.contains(last) { return false }
        if text.hasPrefix("...") { return false }
        return zip(bytes, bytes.dropFirst()).allSatisfy { byte, next in
            !(byte == UInt8(ascii: ":") && (next == 0x20 || next == 0x09))
                && !(next == UInt8(ascii: "#") && (byte == 0x20 || byte == 0x09))
        } && !bytes.contains { ",[]{}\t".utf8.contains($0) }
    }

    /// `text` as a JSON string, which is a double-quoted YAML scalar and a basic string of TOML too. Source: RFC 8259,
    /// section 7.
    static func json(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || [0x2028, 0x2029, 0xFEFF].contains(scalar.value):
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
