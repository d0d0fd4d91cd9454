// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import YAML

extension Tree {
    /// Parses the first document of a YAML file, aliases and merged mappings (`<<`) written out.
    /// Every scalar is read as a string, but an unquoted `null` or nothing as ``null``.
    ///
    /// Bounds: those of ``YAMLDocuments``, which also hold for what aliases repeat, and 64 levels.
    /// - Throws: a ``Failure`` of kind `data` with line and column.
    package init(yaml bytes: [UInt8], artifact: String) throws(Failure) {
        let source = SourceText(bytes, path: artifact)
        var documents = try YAMLDocuments(source)
        var reader = TreeReader(source: source)
        self =
            try documents.next().map { (document) throws(Failure) in try reader.tree(document.root, depth: 0)
            } ?? .null
    }
}

/// Makes a tree of a document's nodes.
private struct TreeReader {
    let source: SourceText
    private var count = 0

    init(source: SourceText) { self.source = source }

    mutating func tree(_ node: YAMLNode, depth: Int) throws(Failure) -> Tree {
        count += 1
        guard depth <= Tree.deepest, count <= YAMLDocuments.mostNodes else {
            throw refuse(
                node,
                reason: depth > Tree.deepest
                    ? "it is nested deeper than \(Tree.deepest) levels"
                    : "its aliases repeat more than \(YAMLDocuments.mostNodes) values")
        }
        switch node.resolved.content {
        case .scalar(let text, _): return node.scalarType == .null ? .null : .string(text)
        case .sequence(let items, _):
            var elements: [Tree] = []
            for item in items { elements.append(try tree(item, depth: depth + 1)) }
            return .array(elements)
        case .mapping(let entries, _): return .object(try members(entries, depth: depth))
        case .alias(let name, _): throw refuse(node, reason: "the alias *\(name) refers to an alias")
        }
    }

    private mutating func members(_ entries: [YAMLNode.Entry], depth: Int) throws(Failure) -> [Tree.Member] {
        var members: [Tree.Member] = []
        var merged: [Tree] = []
        for entry in entries {
            guard let key = entry.key.text else {
                throw refuse(entry.key, reason: "a key is \(entry.key.kindInWords)")
            }
            let value = try tree(entry.value, depth: depth + 1)
            if key == "<<", entry.key.scalarType == .special {
                merged += value.elements.isEmpty ? [value] : value.elements
            } else {
                members.append(Tree.Member(key: key, value: value))
            }
        }
        if merged.isEmpty { return members }
        var names = Set(members.map(\.key))
        for member in merged.flatMap(\.members) where names.insert(member.key).inserted {
            members.append(member)
        }
        return members
    }

    private func refuse(_ node: YAMLNode, reason: String) -> Failure {
        source.refuse(
            "read the YAML of", at: node.range.lowerBound, reason: reason,
            remedy: "write the value out in plain maps, lists and texts")
    }
}
