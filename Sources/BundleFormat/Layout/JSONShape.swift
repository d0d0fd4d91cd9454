// SPDX-License-Identifier: Apache-2.0

/// The keys of a JSON text and the lines they stand on; of values only whether they nest.
indirect enum JSONShape {
    case object([Member])
    case array([JSONShape])
    case scalar

    struct Member {
        var key: String
        var line: Int
        var value: JSONShape
    }

    /// The line of the value that `path` leads to, or of the last part of it that is there.
    func line(of path: some Sequence<any CodingKey>) -> Int? {
        var shape = self
        var line: Int?
        for step in path {
            switch shape {
            case .object(let members):
                guard let member = members.first(where: { $0.key == step.stringValue }) else { return line }
                line = member.line
                shape = member.value
            case .array(let items):
                guard let index = step.intValue, items.indices.contains(index) else { return line }
                shape = items[index]
                // An item has no key: its first key is the nearest line there is.
                if case .object(let members) = shape, let first = members.first { line = first.line }
            case .scalar: return line
            }
        }
        return line
    }

    /// The first key that is repeated, or that `known` lacks, in a sentence; `nil` when there is none.
    func surplus(over known: JSONShape, at path: String) -> String? {
        switch (self, known) {
        case (.object(let members), .object(let others)):
            var seen: Set<String> = []
            let values = Dictionary(others.map { ($0.key, $0.value) }) { first, _ in first }
            for member in members {
                let place = path.isEmpty ? member.key : "\(path).\(member.key)"
                guard seen.insert(member.key).inserted else {
                    return "line \(member.line): the key '\(place)' is there twice"
                }
                guard let value = values[member.key] else {
                    return "line \(member.line): the key '\(place)' is unknown or null"
                }
                if let found = member.value.surplus(over: value, at: place) { return found }
            }
        case (.array(let items), .array(let others)):
            for (index, (item, other)) in zip(items, others).enumerated() {
                if let found = item.surplus(over: other, at: "\(path)[\(index)]") { return found }
            }
        default: break
        }
        return nil
    }

    /// Reads the shape of a JSON text; what it accepts beyond JSON is left to the decoder to refuse.
    struct Parser {
        private let bytes: [UInt8]
        private var position = 0
        private var line = 1
        private var depth = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        /// The shape of the whole text; `nil` when it is not JSON or nests deeper than 64.
        mutating func document() -> JSONShape? {
            guard let shape = value() else { return nil }
            skipSpace()
            return position == bytes.count ? shape : nil
        }

        private mutating func value() -> JSONShape? {
            skipSpace()
            depth += 1
            defer { depth -= 1 }
            guard depth <= 64, position < bytes.count else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "{"): return object()
            case UInt8(ascii: "["): return array()
            case UInt8(ascii: "\""): return string() == nil ? nil : .scalar
            default:
                let start = position
                while position < bytes.count, !Self.delimiters.contains(bytes[position]) { position += 1 }
                return position > start ? .scalar : nil
            }
        }

        private mutating func object() -> JSONShape? {
            var members: [Member] = []
            position += 1
            if take("}") { return .object([]) }
            repeat {
                skipSpace()
                let line = line
                guard let key = string(), take(":"), let value = value() else { return nil }
                members.append(Member(key: key, line: line, value: value))
            } while take(",")
            return take("}") ? .object(members) : nil
        }

        private mutating func array() -> JSONShape? {
            var items: [JSONShape] = []
            position += 1
            if take("]") { return .array([]) }
            repeat {
                guard let item = value() else { return nil }
                items.append(item)
            } while take(",")
            return take("]") ? .array(items) : nil
        }

        // Escapes stay as written: the encoder escapes alike, and an escaped known key is refused.
        private mutating func string() -> String? {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
            let start = position + 1
            position = start
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard position < bytes.count else { return nil }
            position += 1
            return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        private mutating func skipSpace() {
            while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
                if bytes[position] == 0x0A { line += 1 }
                position += 1
            }
        }

        private static let delimiters = Set(" \t\r\n,:]}{[\"".utf8)
    }
}
