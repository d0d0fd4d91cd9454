// SPDX-License-Identifier: Apache-2.0

/// What go-yaml v2 would take an unquoted text for, so that the strings it would misread are quoted.
///
/// Source: go-yaml v2.4, `resolve`; YAML 1.1 types `bool`, `null`, `int`, `float`, `timestamp`, `merge`.
enum GoYAMLScalar {
    /// Words with a meaning of their own.
    private static let words: Set<String> = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE",
        "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE",
        "", "~", "null", "Null", "NULL", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
        "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ]

    /// Whether `text`, unquoted, is read back as the same string.
    static func isString(_ text: String) -> Bool {
        if words.contains(text) { return false }
        let bytes = Array(text.utf8)
        switch bytes[0] {
        case UInt8(ascii: "."): return !isFloat(bytes[...])
        case UInt8(ascii: "+"), UInt8(ascii: "-"), 0x30...0x39:
            let plain = bytes.filter { $0 != UInt8(ascii: "_") }
            return !isTimestamp(text) && !isInteger(bytes) && !isFloat(plain[...])
                && !isBase60(bytes)
        default: return true
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// An integer as Go reads it with base 0: decimal, `0x`, `0o`, `0b`, or octal after a zero, within 64 bits.
    private static func isInteger(_ bytes: [UInt8]) -> Bool {
        var rest = bytes.filter { $0 != UInt8(ascii: "_") }[...]
        let negative = rest.first == UInt8(ascii: "-")
        if negative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        var radix = 10
        if rest.first == UInt8(ascii: "0"), rest.count > 1 {
            radix = 8
            let prefixes: [UInt8: Int] = [0x78: 16, 0x58: 16, 0x6F: 8, 0x4F: 8, 0x62: 2, 0x42: 2]
            if let named = rest.dropFirst().first.flatMap({ prefixes[$0] }) {
                radix = named
                rest = rest.dropFirst(2)
            }
        }
        // Swift's initialiser takes a sign, Go's does not take a second one.
        guard let first = rest.first, first != 0x2B, first != 0x2D else { return false }
        let digits = String(decoding: rest, as: UTF8.self)
        if negative { return Int64("-" + digits, radix: radix) != nil }
        // A plus before a number that needs the 64th bit is not an integer to Go.
        return bytes.first == UInt8(ascii: "+")
            ? Int64(digits, radix: radix) != nil : UInt64(digits, radix: radix) != nil
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` within the range of a double.
    private static func isFloat(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        func digits() -> Int {
            let count = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(count)
            return count
        }
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = digits()
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = digits()
        }
        guard whole + fraction > 0 else { return false }
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            guard digits() > 0 else { return false }
        }
        guard rest.isEmpty else { return false }
        return Double(String(decoding: text, as: UTF8.self))?.isFinite ?? false
    }

    /// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: sexagesimal in YAML 1.1.
    private static func isBase60(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let parts = rest.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts[0].first, isDigit(first) else { return false }
        guard parts[0].allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") }) else { return false }
        for (index, part) in parts.enumerated().dropFirst() {
            var digits = part
            if index == parts.count - 1, let dot = part.firstIndex(of: UInt8(ascii: ".")) {
                let after = part[(dot + 1)...]
                guard after.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") }) else { return false }
                digits = part[..<dot]
            }
            guard (1...2).contains(digits.count), digits.allSatisfy(isDigit),
                digits.count == 1 || digits.first! <= UInt8(ascii: "5")
            else { return false }
        }
        return true
    }

    /// A date, or a date and a time, in one of the forms that go-yaml reads.
    private static func isTimestamp(_ text: String) -> Bool {
        var rest = Substring(text)
        /// Takes a number of `widths` digits within `range`.
        func number(_ widths: ClosedRange<Int>, range: ClosedRange<Int>) -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }.prefix(widths.upperBound)
            guard digits.count >= widths.lowerBound, let value = Int(digits), range.contains(value) else {
                return nil
            }
            rest = rest.dropFirst(digits.count)
            return value
        }
        func take(_ text: String) -> Bool {
            guard rest.hasPrefix(text) else { return false }
            rest = rest.dropFirst(text.count)
            return true
        }
        guard let year = number(4...4, range: 0...9999), take("-"), let month = number(1...2, range: 1...12),
            take("-"),
            let day = number(1...2, range: 1...31), day <= daysIn(month, of: year)
        else { return false }
        if rest.isEmpty { return true }
        let zoned = take("T") || take("t")
        guard zoned || take(" "), number(1...2, range: 0...23) != nil, take(":"),
            number(1...2, range: 0...59) != nil,
            take(":"), number(1...2, range: 0...59) != nil
        else { return false }
        if take(".") || take(",") {
            let fraction = rest.prefix { $0.isASCII && $0.isNumber }
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(fraction.count)
        }
        if !zoned { return rest.isEmpty }
        if take("Z") { return rest.isEmpty }
        guard take("+") || take("-"), number(2...2, range: 0...24) != nil, take(":"),
            number(2...2, range: 0...60) != nil
        else { return false }
        return rest.isEmpty
    }

    private static func daysIn(_ month: Int, of year: Int) -> Int {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return switch month {
        case 2: leap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
