// SPDX-License-Identifier: Apache-2.0

/// The target of a request line, decoded. Source: RFC 9112, section 3.2; RFC 3986.
struct RequestTarget: Sendable {
    /// The path, percent-decoded once. It is only ever compared with names, never opened as a file.
    let path: String
    private let query: Substring

    /// The longest target that is read, in bytes.
    static let longest = 4096

    /// Parses `text`; `nil` for what is no path, for broken percent codes and for control characters.
    init?(_ text: String) {
        var rest = Substring(text)
        // A proxy writes the absolute form.
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) {
            let authority = rest.dropFirst(scheme.count)
            rest = authority.firstIndex(of: "/").map { authority[$0...] } ?? "/"
        }
        guard rest.utf8.first == UInt8(ascii: "/"), rest.utf8.count <= Self.longest else { return nil }
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?"))
        guard let path = Self.decode(rest[..<(mark ?? rest.endIndex)], plusIsSpace: false) else { return nil }
        self.path = path
        query = mark.map { rest[rest.utf8.index(after: $0)...] } ?? ""
    }

    /// The first value of the query's field `name`; `nil` where it is absent or not well formed.
    func value(_ name: String) -> String? {
        if query.isEmpty { return nil }
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard Self.decode(parts[0], plusIsSpace: true) == name else { continue }
            return parts.count == 2 ? Self.decode(parts[1], plusIsSpace: true) : ""
        }
        return nil
    }

    /// Encodes `text` for use as a value in a query.
    static func encode(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "/"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
        // Nearly every target is plain: nothing to decode, nothing to copy twice.
        if text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x25 && $0 != 0x2B }) {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(nibble), let low = rest.popFirst().flatMap(nibble)
                else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
