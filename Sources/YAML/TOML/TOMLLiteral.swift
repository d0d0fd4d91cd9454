// SPDX-License-Identifier: Apache-2.0

/// The values of TOML that are no text, list or table.
enum TOMLLiteral {
    /// Whether `text` is a number, a truth value or a moment of TOML 1.0.
    static func isOne(_ text: String) -> Bool {
        text == "true" || text == "false" || isNumber(text) || isMoment(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isNumber(_ text: String) -> Bool {
        for (prefix, digits) in [("0x", "0123456789abcdefABCDEF"), ("0o", "01234567"), ("0b", "01")]
        where text.hasPrefix(prefix) {
            return isRun(text.dropFirst(2)) { digits.utf8.contains($0) }
        }
        let isSigned = text.hasPrefix("+") || text.hasPrefix("-")
        let rest = isSigned ? text.dropFirst() : text[...]
        if rest == "inf" || rest == "nan" { return true }
        let parts = rest.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        guard parts.count <= 2 else { return false }
        if parts.count == 2 {
            let power = parts[1].first == "+" || parts[1].first == "-" ? parts[1].dropFirst() : parts[1]
            guard isRun(power, of: isDigit) else { return false }
        }
        let halves = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, halves.allSatisfy({ isRun($0, of: isDigit) }) else { return false }
        return halves[0].utf8.count == 1 || !halves[0].hasPrefix("0")
    }

    /// Digits, between which single underscores may be.
    private static func isRun(_ text: Substring, of isDigit: (UInt8) -> Bool) -> Bool {
        text.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0.allSatisfy(isDigit)
        }
    }

    /// A day, a time, or both with or without an offset (RFC 3339).
    private static func isMoment(_ text: String) -> Bool {
        var rest = text[...]
        func number(_ count: Int, in range: ClosedRange<Int>) -> Bool {
            let digits = rest.prefix(count)
            guard digits.utf8.count == count, digits.utf8.allSatisfy(isDigit), let value = Int(digits),
                range.contains(value)
            else { return false }
            rest = rest.dropFirst(count)
            return true
        }
        func take(_ characters: String) -> Bool {
            guard let first = rest.first, characters.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func time() -> Bool {
            guard number(2, in: 0...23), take(":"), number(2, in: 0...59), take(":"), number(2, in: 0...59)
            else {
                return false
            }
            guard take(".") else { return true }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return !digits.isEmpty
        }
        if text.dropFirst(2).first == ":" { return time() && rest.isEmpty }
        guard number(4, in: 0...9999), take("-"), number(2, in: 1...12), take("-"), number(2, in: 1...31)
        else {
            return false
        }
        if rest.isEmpty { return true }
        guard take("Tt "), time() else { return false }
        if rest.isEmpty { return true }
        if take("Zz") { return rest.isEmpty }
        return take("+-") && number(2, in: 0...23) && take(":") && number(2, in: 0...59) && rest.isEmpty
    }
}
