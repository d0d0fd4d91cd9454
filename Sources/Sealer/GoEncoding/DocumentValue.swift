// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A JSON or YAML document in memory, its keys in the order they were written. Numbers keep their text,
/// so that what is not ours is written back as it was read.
package indirect enum Tree: Sendable, Equatable {
    case object([Member])
    case array([Tree])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    /// One key of an object and its value.
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: Tree

        /// A member of an object.
        package init(key: String, value: Tree) {
            self.key = key
            self.value = value
        }
    }

    /// The deepest nesting that is read.
    static let deepest = 64

    /// An object from its members; those without a value are left out.
    package static func fields(_ members: KeyValuePairs<String, Tree?>) -> Tree {
        .object(members.compactMap { key, value in value.map { Member(key: key, value: $0) } })
    }

    /// A string; `nil` where it is empty, as Go's `omitempty` has it.
    package static func text(_ value: String) -> Tree? { value.isEmpty ? nil : .string(value) }

    /// A list of strings; `nil` where it is empty.
    package static func list(_ values: [String]) -> Tree? {
        values.isEmpty ? nil : .array(values.map(Tree.string))
    }

    /// A map, its keys in the order of their bytes as Go's JSON sorts them; `nil` where it is empty.
    package static func map(_ values: [String: String]) -> Tree? {
        if values.isEmpty { return nil }
        let sorted = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return .object(sorted.map { Member(key: $0.key, value: .string($0.value)) })
    }

    /// The value of `key`; the last one where a document repeats it, as Go reads it.
    package subscript(key: String) -> Tree? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    /// The members of an object, none for anything else.
    package var members: [Member] {
        guard case .object(let members) = self else { return [] }
        return members
    }

    /// The elements of a list, none for anything else.
    package var elements: [Tree] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    /// The text of a string; `nil` for anything else.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The strings of a map of strings.
    package var strings: [String: String] {
        var found: [String: String] = [:]
        for member in members { found[member.key] = member.value.string }
        return found
    }
}
