// SPDX-License-Identifier: Apache-2.0

/// JSON without spaces, its keys sorted, written straight into bytes: equal values give equal bytes, those of
/// Foundation's encoder with `.sortedKeys` and `.withoutEscapingSlashes`. No tree of the value is built, which of a
/// bundle of ten thousand images would take tens of megabytes.
///
/// It writes objects, arrays, strings, whole numbers, booleans and null. Other numbers are an error.
package enum CompactJSON {
    /// The bytes of `value`.
    /// - Throws: a ``Failure`` of kind `fault` for a value that has a number with a fraction.
    package static func encode(_ value: some Encodable) throws(Failure) -> [UInt8] {
        let writer = Writer()
        do { try writer.write(value, at: 0) } catch {
            throw Failure(.fault, "write as JSON", "\(type(of: value))", because: "\(error)")
        }
        return writer.bytes
    }

    /// The text so far, and the objects and arrays that are open.
    fileprivate final class Writer {
        // Only a thread uses a writer, and nothing here calls back into it while it writes: what a long document would
        // pay for checking that again for each byte is a quarter of the time.
        @exclusivity(unchecked) private(set) var bytes: [UInt8] = []
        @exclusivity(unchecked) private var frames: [Frame] = []

        private struct Frame {
            /// Where its bracket is.
            var start: Int
            var isObject: Bool
            var count = 0
            /// Of an object: its keys, and where `"key":value` begins.
            var members: [(key: String, start: Int)] = []
            /// Whether the keys came in order, so that nothing has to be moved.
            var isSorted = true
        }

        var depth: Int { frames.count }

        func open(object: Bool) -> Int {
            frames.append(Frame(start: bytes.count, isObject: object))
            bytes.append(object ? UInt8(ascii: "{") : UInt8(ascii: "["))
            return frames.count
        }

        /// Closes what is open beyond `depth`.
        func close(to depth: Int) {
            while frames.count > depth {
                guard let frame = frames.popLast() else { return }
                if frame.isObject { finish(frame) } else { bytes.append(UInt8(ascii: "]")) }
            }
        }

        /// Puts the members of an object into the order of their keys, and closes it.
        private func finish(_ frame: Frame) {
            defer { bytes.append(UInt8(ascii: "}")) }
            if frame.isSorted { return }
            let members = frame.members
            let first = frame.start + 1
            let text = Array(bytes[first...])
            bytes.removeSubrange(first...)
            for (place, index) in members.indices.sorted(by: { members[$0].key < members[$1].key })
                .enumerated()
            {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                // Up to the comma before the next.
                let end = index + 1 < members.count ? members[index + 1].start - 1 - first : text.count
                bytes += text[(members[index].start - first)..<end]
            }
        }

        /// Begins a member of the object that was opened as number `depth`.
        func begin(_ key: String, in depth: Int) {
            close(to: depth)
            if let last = frames[depth - 1].members.last {
                bytes.append(UInt8(ascii: ","))
                if key < last.key { frames[depth - 1].isSorted = false }
            }
            frames[depth - 1].members.append((key, bytes.count))
            write(key)
            bytes.append(UInt8(ascii: ":"))
        }

        /// Begins an element of the array that was opened as number `depth`.
        func beginElement(in depth: Int) {
            close(to: depth)
            if frames[depth - 1].count > 0 { bytes.append(UInt8(ascii: ",")) }
            frames[depth - 1].count += 1
        }

        func count(in depth: Int) -> Int { frames.count >= depth ? frames[depth - 1].count : 0 }

        func write(_ value: some Encodable, at depth: Int) throws {
            let start = bytes.count
            try value.encode(to: ValueEncoder(writer: self))
            close(to: depth)
            if bytes.count == start { word("{}") }
        }

        func word(_ text: StaticString) {
            text.withUTF8Buffer { bytes.append(contentsOf: $0) }
        }

        func write(_ number: some BinaryInteger) { bytes.append(contentsOf: String(number).utf8) }

        func write(_ value: Bool) { if value { word("true") } else { word("false") } }

        /// A string as Foundation writes it: escaped are quotes, backslashes and what is below the space.
        func write(_ text: String) {
            bytes.append(UInt8(ascii: "\""))
            defer { bytes.append(UInt8(ascii: "\"")) }
            let isPlain = text.utf8.allSatisfy {
                $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            if isPlain { return bytes.append(contentsOf: text.utf8) }
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "\""): word("\\\"")
                case UInt8(ascii: "\\"): word("\\\\")
                case 0x08: word("\\b")
                case 0x0C: word("\\f")
                case 0x0A: word("\\n")
                case 0x0D: word("\\r")
                case 0x09: word("\\t")
                case 0..<0x20:
                    word("\\u00")
                    bytes.append(0x30 + (byte >> 4))
                    bytes.append((byte & 15) + (byte & 15 < 10 ? 0x30 : 0x57))
                default: bytes.append(byte)
                }
            }
        }
    }
}

/// Writes one value where the writer is.
private struct ValueEncoder: Encoder, SingleValueEncodingContainer {
    let writer: CompactJSON.Writer
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(Members(writer: writer, depth: writer.open(object: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        Elements(writer: writer, depth: writer.open(object: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { writer.word("null") }
    func encode(_ value: Bool) { writer.write(value) }
    func encode(_ value: String) { writer.write(value) }
    func encode(_ value: Double) throws { throw Self.refuse(value) }
    func encode(_ value: Float) throws { throw Self.refuse(value) }
    func encode(_ value: Int) { writer.write(value) }
    func encode(_ value: Int8) { writer.write(value) }
    func encode(_ value: Int16) { writer.write(value) }
    func encode(_ value: Int32) { writer.write(value) }
    func encode(_ value: Int64) { writer.write(value) }
    func encode(_ value: UInt) { writer.write(value) }
    func encode(_ value: UInt8) { writer.write(value) }
    func encode(_ value: UInt16) { writer.write(value) }
    func encode(_ value: UInt32) { writer.write(value) }
    func encode(_ value: UInt64) { writer.write(value) }
    func encode(_ value: some Encodable) throws { try writer.write(value, at: writer.depth) }

    private static func refuse(_ value: Any) -> EncodingError {
        .invalidValue(value, .init(codingPath: [], debugDescription: "a number with a fraction"))
    }
}

/// The members of an object.
private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: CompactJSON.Writer
    let depth: Int
    var codingPath: [any CodingKey] { [] }

    private func value(of key: some CodingKey) -> ValueEncoder {
        writer.begin(key.stringValue, in: depth)
        return ValueEncoder(writer: writer)
    }

    func encodeNil(forKey key: Key) { value(of: key).encodeNil() }
    func encode(_ value: Bool, forKey key: Key) { self.value(of: key).encode(value) }
    func encode(_ value: String, forKey key: Key) { self.value(of: key).encode(value) }
    func encode(_ value: Int64, forKey key: Key) { self.value(of: key).encode(value) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try self.value(of: key).encode(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { value(of: key).container(keyedBy: type) }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        value(of: key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder {
        writer.begin("super", in: depth)
        return ValueEncoder(writer: writer)
    }

    func superEncoder(forKey key: Key) -> any Encoder { value(of: key) }
}

/// The elements of an array.
private struct Elements: UnkeyedEncodingContainer {
    let writer: CompactJSON.Writer
    let depth: Int
    var codingPath: [any CodingKey] { [] }
    var count: Int { writer.count(in: depth) }

    private func element() -> ValueEncoder {
        writer.beginElement(in: depth)
        return ValueEncoder(writer: writer)
    }

    func encodeNil() { element().encodeNil() }
    func encode(_ value: String) { element().encode(value) }
    func encode(_ value: some Encodable) throws { try element().encode(value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        element().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { element().unkeyedContainer() }
    func superEncoder() -> any Encoder { element() }
}
