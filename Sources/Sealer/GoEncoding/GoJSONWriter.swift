// SPDX-License-Identifier: Apache-2.0

extension Tree {
    /// The document as Go's `encoding/json` writes it: compact, or with one tab a level, and `<`, `>`, `&`,
    /// U+2028 and U+2029 escaped. No newline at the end.
    package func json(indented: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        write(into: &out, level: indented ? 0 : nil)
        return out
    }

    private func write(into out: inout [UInt8], level: Int?) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .number(let text): out += text.utf8
        case .string(let text): Self.quote(text, into: &out)
        case .array(let elements):
            Self.enclose(elements, open: "[", close: "]", into: &out, level: level) { element, out, inner in
                element.write(into: &out, level: inner)
            }
        case .object(let members):
            Self.enclose(members, open: "{", close: "}", into: &out, level: level) { member, out, inner in
                Self.quote(member.key, into: &out)
                out += (level == nil ? ":" : ": ").utf8
                member.value.write(into: &out, level: inner)
            }
        }
    }

    private static func enclose<Item>(
        _ items: [Item], open: String, close: String, into out: inout [UInt8], level: Int?,
        body: (Item, inout [UInt8], Int?) -> Void
    ) {
        func newLine(_ level: Int?, into out: inout [UInt8]) {
            guard let level else { return }
            out.append(0x0A)
            out += repeatElement(0x09, count: level)
        }
        let inner = level.map { $0 + 1 }
        out += open.utf8
        for (index, item) in items.enumerated() {
            if index > 0 { out += ",".utf8 }
            newLine(inner, into: &out)
            body(item, &out, inner)
        }
        if !items.isEmpty { newLine(level, into: &out) }
        out += close.utf8
    }

    private static func quote(_ text: String, into out: inout [UInt8]) {
        out.append(0x22)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += [0x5C, UInt8(scalar.value)]
            case "\n": out += "\\n".utf8
            case "\r": out += "\\r".utf8
            case "\t": out += "\\t".utf8
            case "\0"..<" ", "<", ">", "&", "\u{2028}", "\u{2029}":
                let hex = String(scalar.value, radix: 16)
                out += "\\u".utf8
                out += repeatElement(0x30, count: 4 - hex.utf8.count)
                out += hex.utf8
            default: out += String(scalar).utf8
            }
        }
        out.append(0x22)
    }
}
