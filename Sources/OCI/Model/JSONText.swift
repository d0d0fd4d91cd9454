// SPDX-License-Identifier: Apache-2.0

/// Checks JSON that decides what is trusted: two readers must not see two things in it.
package enum JSONText {
    /// How deep objects and arrays may be nested.
    package static let deepest = 128

    /// Why `bytes` are not JSON in which every reader sees the same; `nil` where they are. Refused are other encodings
    /// than UTF-8, a byte-order mark, a key that is there twice, deep nesting. What else is not JSON may pass: a
    /// decoder follows.
    package static func fault(in bytes: [UInt8]) -> String? {
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { return "it begins with a byte-order mark" }
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) else {
            return "it is not UTF-8"
        }
        var scan = Scan(bytes: bytes)
        return scan.fault()
    }

    private struct Scan {
        let bytes: [UInt8]
        var at = 0
        /// The keys of each open object; `nil` for an array.
        var open: [Set<String>?] = []

        mutating func fault() -> String? {
            while at < bytes.count {
                switch bytes[at] {
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    guard open.count < JSONText.deepest else {
                        return "it is nested more than \(JSONText.deepest) deep"
                    }
                    open.append(bytes[at] == UInt8(ascii: "{") ? [] : nil)
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if open.popLast() == nil { return "a bracket closes nothing" }
                case UInt8(ascii: "\""):
                    let text = string()
                    guard let text else { return "a string is not closed" }
                    if isKey, open[open.count - 1]?.insert(text).inserted == false {
                        return "the key '\(text.prefix(80))' is there twice"
                    }
                    continue
                default: break
                }
                at += 1
            }
            return nil
        }

        /// Whether a colon follows, inside of an object.
        private var isKey: Bool {
            guard let last = open.last, last != nil else { return false }
            return bytes[at...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ":")
        }

        /// The string at the quote, its escapes resolved, and steps behind it.
        private mutating func string() -> String? {
            var units: [UInt16] = []
            var plain: [UInt8] = []
            func flush(_ plain: inout [UInt8], units: inout [UInt16]) {
                units += Array(String(decoding: plain, as: UTF8.self).utf16)
                plain.removeAll()
            }
            at += 1
            while at < bytes.count {
                let byte = bytes[at]
                at += 1
                switch byte {
                case UInt8(ascii: "\""):
                    flush(&plain, units: &units)
                    return String(decoding: units, as: UTF16.self)
                case UInt8(ascii: "\\"):
                    guard at < bytes.count else { return nil }
                    flush(&plain, units: &units)
                    units.append(escaped())
                default: plain.append(byte)
                }
            }
            return nil
        }

        private mutating func escaped() -> UInt16 {
            let letter = bytes[at]
            at += 1
            switch letter {
            case UInt8(ascii: "b"): return 8
            case UInt8(ascii: "f"): return 12
            case UInt8(ascii: "n"): return 10
            case UInt8(ascii: "r"): return 13
            case UInt8(ascii: "t"): return 9
            case UInt8(ascii: "u"):
                let digits = String(decoding: bytes[at..<min(at + 4, bytes.count)], as: UTF8.self)
                at = min(at + 4, bytes.count)
                return UInt16(digits, radix: 16) ?? 0xFFFD
            default: return UInt16(letter)
            }
        }
    }
}
