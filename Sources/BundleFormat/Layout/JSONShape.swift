// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The keys of a JSON text and the lines they are on; of values only whether they nest.
struct JSONShape {
    /// How deep a document of this module may be nested.
    private static let deepest = 64

    private let bytes: [UInt8]
    private let root: JSONNode

    /// The shape of `bytes`; `nil` where they are not JSON, or nested more than 64 deep. Keys may be repeated.
    init?(_ bytes: [UInt8]) {
        let bounds = JSONBounds(depth: Self.deepest, repeatedKeys: true)
        guard let root = try? JSONNode(bytes, within: bounds) else { return nil }
        (self.bytes, self.root) = (bytes, root)
    }

    /// The line of the value that `path` points to, or of the last part of it that is there.
    func line(of path: some Sequence<any CodingKey>) -> Int? {
        var node = root
        var found: JSONNode.Member?
        for step in path {
            switch node.content {
            case .object(let members):
                guard let member = members.first(where: { $0.key == step.stringValue }) else {
                    return found.map(line)
                }
                found = member
                node = member.value
            case .array(let items):
                guard let index = step.intValue, items.indices.contains(index) else { return found.map(line) }
                node = items[index]
                // An item has no key: its first key is the nearest line there is.
                if case .object(let members) = node.content, let first = members.first { found = first }
            case .scalar: return found.map(line)
            }
        }
        return found.map(line)
    }

    /// The first key that is repeated, or that `known` lacks, in a sentence; `nil` when there is none.
    func surplus(over known: JSONShape) -> String? { surplus(of: root, over: known.root, at: "") }

    private func surplus(of node: JSONNode, over known: JSONNode, at path: String) -> String? {
        switch (node.content, known.content) {
        case (.object(let members), .object(let others)):
            var seen: Set<String> = []
            let values = Dictionary(others.map { ($0.key, $0.value) }) { first, _ in first }
            for member in members {
                let place = path.isEmpty ? member.key : "\(path).\(member.key)"
                guard seen.insert(member.key).inserted else {
                    return "line \(line(member)): the key '\(place)' is there twice"
                }
                guard let value = values[member.key] else {
                    return "line \(line(member)): the key '\(place)' is unknown or null"
                }
                if let found = surplus(of: member.value, over: value, at: place) { return found }
            }
        case (.array(let items), .array(let others)):
            for (index, (item, other)) in zip(items, others).enumerated() {
                if let found = surplus(of: item, over: other, at: "\(path)[\(index)]") { return found }
            }
        default: break
        }
        return nil
    }

    /// The line that a key is on, counted from 1.
    private func line(_ member: JSONNode.Member) -> Int {
        1 + bytes[..<member.range.lowerBound].count { $0 == UInt8(ascii: "\n") }
    }
}
