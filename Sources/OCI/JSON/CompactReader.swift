// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Reads JSON in the form that ``CompactJSON`` writes: keys in order, no spaces, no escapes. It refuses any other form,
/// so what was read this way has no key that is unknown, repeated or out of order, and need not be written again to
/// prove that. For long lists, of which a decoder would build a tree first; what is refused is for the decoder.
package struct CompactReader {
    /// The text has another form.
    package struct OtherForm: Error {
        package init() {}
    }

    private let bytes: [UInt8]
    /// The offset of the next byte.
    package private(set) var offset: Int

    /// Reads `bytes` from `offset` on.
    /// - Precondition: `offset` is within `bytes`, or their end.
    package init(_ bytes: [UInt8], at offset: Int = 0) {
        precondition(bytes.indices.contains(offset) || offset == bytes.count, "outside of the text")
        (self.bytes, self.offset) = (bytes, offset)
    }

    /// Whether the text ends here.
    package var isAtEnd: Bool { offset == bytes.count }

    /// Steps over `text` where it is next, and says whether it is.
    package mutating func takes(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - offset >= count,
            bytes.withUnsafeBytes({ memcmp($0.baseAddress! + offset, text.utf8Start, count) == 0 })
        else { return false }
        offset += count
        return true
    }

    /// Steps over `text`.
    package mutating func take(_ text: StaticString) throws(OtherForm) {
        guard takes(text) else { throw OtherForm() }
    }

    /// A string of printable ASCII without escapes.
    package mutating func string() throws(OtherForm) -> String {
        String(decoding: bytes[try letters()], as: UTF8.self)
    }

    /// A digest.
    package mutating func digest() throws(OtherForm) -> Digest {
        guard let digest = Digest(text: bytes[try letters()]) else { throw OtherForm() }
        return digest
    }

    /// A reference, as it describes itself.
    package mutating func reference() throws(OtherForm) -> Reference {
        let text = try string()
        guard let reference = try? Reference(text), reference.description == text else { throw OtherForm() }
        return reference
    }

    /// A size, 0 to 2^53 - 1.
    package mutating func size() throws(OtherForm) -> Int64 {
        let start = offset
        var value: Int64 = 0
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]), offset - start < 17 {
            value = value * 10 + Int64(bytes[offset] - 0x30)
            offset += 1
        }
        let isShort = offset - start == 1 || (offset > start && bytes[start] != 0x30)
        guard isShort, value <= Descriptor.largestSize else { throw OtherForm() }
        return value
    }

    /// The elements of an array, each read by `element`.
    package mutating func list<Element>(
        _ element: (inout CompactReader) throws(OtherForm) -> Element
    ) throws(OtherForm) -> [Element] {
        try take("[")
        if takes("]") { return [] }
        var list = [try element(&self)]
        while takes(",") { list.append(try element(&self)) }
        try take("]")
        return list
    }

    /// Goes to the value of `key` in the object that begins here, or that continues here after a value.
    package mutating func enter(_ key: String) throws(OtherForm) {
        if !takes("{") { try take(",") }
        while true {
            let found = try string()
            try take(":")
            if found == key { return }
            try skip()
            try take(",")
        }
    }

    /// Steps over the rest of the object that continues here after a value.
    package mutating func leave() throws(OtherForm) {
        while !takes("}") {
            try take(",")
            _ = try string()
            try take(":")
            try skip()
        }
    }

    /// Steps over a value. Of its inside only strings and brackets are looked at.
    package mutating func skip() throws(OtherForm) {
        var depth = 0
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw OtherForm() }
                offset += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw OtherForm() }
                offset += 1
                continue
            default:
                // A number or a word.
                while offset < bytes.count, !Self.ends.contains(bytes[offset]) { offset += 1 }
            }
            if depth == 0 { return }
        }
        throw OtherForm()
    }

    private static let ends = Array(",:{}[]\"".utf8)

    private mutating func skipString() throws(OtherForm) {
        offset += 1
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard offset < bytes.count else { throw OtherForm() }
        offset += 1
    }

    /// Steps over a string of printable ASCII without escapes; what is between its quotes.
    private mutating func letters() throws(OtherForm) -> Range<Int> {
        try take("\"")
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            guard (0x20..<0x7F).contains(bytes[offset]), bytes[offset] != UInt8(ascii: "\\") else {
                throw OtherForm()
            }
            offset += 1
        }
        let end = offset
        try take("\"")
        return start..<end
    }
}
