// SPDX-License-Identifier: Apache-2.0

/// A node of a YAML or JSON document, with the bytes that it was read from.
///
/// An alias keeps its target as a value, which costs no copy: nothing is ever expanded, so a document
/// of aliases to aliases stays as small as its text. Who walks a tree decides whether to follow them.
package struct YAMLNode: Sendable {
    /// How a scalar was written.
    package enum Style: Sendable, Equatable {
        /// Without quotes; its type follows from its text.
        case plain
        /// In single quotes: text.
        case singleQuoted
        /// In double quotes, with escapes: text.
        case doubleQuoted
        /// A literal block (`|`): text.
        case literal
        /// A folded block (`>`): text.
        case folded
    }

    /// A key and its value, as they are in a mapping.
    package struct Entry: Sendable {
        /// The key; in nearly all files a scalar.
        package let key: YAMLNode
        /// The value; an empty plain scalar where none is written.
        package let value: YAMLNode
    }

    /// What a node holds.
    package enum Content: Sendable {
        /// A scalar's text, its escapes resolved and its lines joined.
        case scalar(String, Style)
        /// Items in order; `flow` where written in brackets.
        case sequence([YAMLNode], flow: Bool)
        /// Entries in order, duplicate keys included; `flow` where written in braces.
        case mapping([Entry], flow: Bool)
        /// The name of an anchor and the node that bears it.
        indirect case alias(String, YAMLNode)
    }

    /// What few nodes have.
    private final class Marks: Sendable {
        let anchor: String?
        let tag: String?
        init(_ anchor: String?, tag: String?) { (self.anchor, self.tag) = (anchor, tag) }
    }

    // A file of some megabytes has hundreds of thousands of nodes: each byte here counts.
    /// What the node holds.
    package let content: Content
    private let marks: Marks?
    private let start: UInt32
    private let end: UInt32

    /// - Parameter range: ends before 4 GiB; ``SourceText`` of that size are never read.
    init(content: Content, anchor: String?, tag: String?, range: Range<Int>) {
        self.content = content
        marks = anchor == nil && tag == nil ? nil : Marks(anchor, tag: tag)
        start = UInt32(range.lowerBound)
        end = UInt32(range.upperBound)
    }

    /// The name of its anchor.
    package var anchor: String? { marks?.anchor }
    /// Its explicit tag, resolved: `tag:yaml.org,2002:str`.
    package var tag: String? { marks?.tag }
    /// Its bytes, anchor and tag not included. A block ends with its last content; a block scalar with
    /// the line breaks that belong to it.
    package var range: Range<Int> { Int(start)..<Int(end) }

    /// The node, or the target where it is an alias.
    package var resolved: YAMLNode {
        if case .alias(_, let target) = content { target } else { self }
    }

    /// The text of a scalar; `nil` for anything else. Aliases are followed.
    package var text: String? {
        if case .scalar(let text, _) = resolved.content { text } else { nil }
    }

    /// The type of a scalar by the rules of YAML 1.1; `nil` for anything else. Aliases are followed.
    package var scalarType: YAMLScalarType? {
        guard case .scalar(let text, let style) = resolved.content else { return nil }
        if let tag = resolved.tag { return YAMLScalarType(tag: tag) }
        return style == .plain ? YAMLScalarType(plain: text) : .string
    }

    /// The entries of a mapping; `nil` for anything else. Aliases are followed.
    package var entries: [Entry]? {
        if case .mapping(let entries, _) = resolved.content { entries } else { nil }
    }

    /// The items of a sequence; `nil` for anything else. Aliases are followed.
    package var items: [YAMLNode]? {
        if case .sequence(let items, _) = resolved.content { items } else { nil }
    }

    /// The first value under the scalar key `key`; `nil` where this is no mapping or has no such key.
    package subscript(key: String) -> YAMLNode? { entries?.first { $0.key.text == key }?.value }

    /// Scalar keys that this mapping has more than once: each later one.
    package var doubledKeys: [YAMLNode] {
        var seen: Set<String> = []
        return (entries ?? []).map(\.key).filter { key in key.text.map { !seen.insert($0).inserted } ?? false
        }
    }

    /// The kind of node in words, for errors.
    package var kindInWords: String {
        switch resolved.content {
        case .mapping: "a mapping"
        case .sequence: "a list"
        default:
            switch scalarType {
            case .null: "nothing"
            case .bool: "a truth value"
            case .int, .float: "a number"
            default: "text"
            }
        }
    }
}

/// One document of a YAML stream.
package struct YAMLDocument: Sendable {
    /// Its root; an empty plain scalar for an empty document.
    package let root: YAMLNode
    /// The anchors that aliases of this document refer to.
    package let aliased: Set<String>

    /// `kind` of a Kubernetes object.
    package var kind: String? { root["kind"]?.text }
    /// `metadata.name` of a Kubernetes object.
    package var name: String? { root["metadata"]?["name"]?.text }
}
