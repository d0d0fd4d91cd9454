// SPDX-License-Identifier: Apache-2.0

/// A value of a JSON text, by its place there. Texts stay in the bytes that it was read from: see ``JSONText/string(_:)``.
package struct JSONNode: Sendable {
    /// A key of an object and its value.
    package struct Member: Sendable {
        /// The key, its escapes resolved.
        package let key: String
        /// The bytes of the key, its quotes included.
        package let range: Range<Int>
        /// The value.
        package let value: JSONNode
    }

    /// What a value holds.
    package enum Content: Sendable {
        /// Members in the order of the text.
        case object([Member])
        case array([JSONNode])
        case scalar(JSONScalar)
    }

    /// What it holds.
    package let content: Content
    /// Its bytes.
    package let range: Range<Int>

    /// The one value of `bytes`.
    /// - Throws: a ``JSONFault`` where it is not JSON, or beyond `bounds`.
    package init(_ bytes: [UInt8], within bounds: JSONBounds) throws(JSONFault) {
        var builder = Builder()
        try JSONParser.parse(bytes, within: bounds, into: &builder)
        guard let root = builder.root else { throw JSONFault(offset: 0, reason: "there is no value") }
        self = root
    }

    /// The one value of `bytes`, in which every reader sees the same: see ``JSONText/fault(in:)``.
    init(unambiguous bytes: [UInt8]) throws(JSONFault) {
        var builder = Builder()
        try JSONText.prove(bytes, into: &builder)
        guard let root = builder.root else { throw JSONFault(offset: 0, reason: "there is no value") }
        self = root
    }

    private init(_ content: Content, range: Range<Int>) { (self.content, self.range) = (content, range) }

    private struct Builder: JSONHandler {
        private struct Level {
            let start: Int
            let isObject: Bool
            var members: [Member] = []
            var items: [JSONNode] = []
            var key: (text: String, range: Range<Int>)?
        }

        private var open: [Level] = []
        private(set) var root: JSONNode?

        mutating func beginObject(at offset: Int) { open.append(Level(start: offset, isObject: true)) }

        mutating func beginArray(at offset: Int) { open.append(Level(start: offset, isObject: false)) }

        mutating func key(_ text: String, range: Range<Int>) { open[open.count - 1].key = (text, range) }

        mutating func scalar(_ kind: JSONScalar, range: Range<Int>) {
            add(JSONNode(.scalar(kind), range: range))
        }

        mutating func end(before offset: Int) {
            let level = open.removeLast()
            add(
                JSONNode(
                    level.isObject ? .object(level.members) : .array(level.items), range: level.start..<offset
                ))
        }

        private mutating func add(_ node: JSONNode) {
            guard let last = open.indices.last else { return root = node }
            if let key = open[last].key {
                open[last].members.append(Member(key: key.text, range: key.range, value: node))
                open[last].key = nil
            } else {
                open[last].items.append(node)
            }
        }
    }
}

extension JSONNode {
    /// The members of an object; `nil` for any other value.
    var members: [Member]? { if case .object(let members) = content { members } else { nil } }

    /// The elements of an array; `nil` for any other value.
    var elements: [JSONNode]? { if case .array(let elements) = content { elements } else { nil } }

    /// What is between the quotes of a string, as it is written; nothing for any other value.
    func quoted(in bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard case .scalar(.string) = content else { return [] }
        return bytes[(range.lowerBound + 1)..<(range.upperBound - 1)]
    }

    /// The text of a string without escapes; `nil` for any other value.
    func text(in bytes: [UInt8]) -> String? {
        guard case .scalar(.string) = content else { return nil }
        let quoted = quoted(in: bytes)
        return quoted.contains(UInt8(ascii: "\\")) ? nil : String(decoding: quoted, as: UTF8.self)
    }

    /// A whole number from 0 to 2^53 - 1, of digits only; `nil` for any other value.
    func size(in bytes: [UInt8]) -> Int64? {
        guard case .scalar(.number) = content else { return nil }
        return Int64(sizeFromOutside: String(decoding: bytes[range], as: UTF8.self))
    }
}

extension [JSONNode.Member] {
    /// The value of the first member with that key.
    subscript(key: String) -> JSONNode? { first { $0.key == key }?.value }
}
