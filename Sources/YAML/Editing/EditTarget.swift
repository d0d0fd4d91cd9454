// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where in a document a change is made.
struct EditTarget {
    /// The mapping or list around the field.
    let parent: YAMLNode
    /// The key of the entry that holds ``parent``; `nil` where that is the root or an item.
    let parentKey: YAMLNode?
    /// The field's place in ``parent``, where it is there.
    let index: Int?
    /// The last part of the path.
    let part: FieldPath.Part

    /// The field's node, where it is there.
    var existing: YAMLNode? {
        guard let index else { return nil }
        return parent.entries?[index].value ?? parent.items?[index]
    }

    /// A byte for errors to point at.
    var offset: Int { existing?.range.lowerBound ?? parent.range.lowerBound }

    /// The number of the document that the change is meant for.
    static func document(for change: Edit.Change, in state: EditState) throws(Failure) -> Int {
        let path = change.path
        let admitted = state.documents.indices.filter { path.admits(state.documents[$0]) }
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(
                .configuration, "edit", "\(path) in \(state.source.path)", because: reason, remedy: remedy)
        }
        guard !admitted.isEmpty else {
            let kinds = Set(state.documents.compactMap(\.kind)).sorted().joined(separator: ", ")
            throw refuse(
                "no document of it is \(path.kind ?? "there")\(path.name.map { "/" + $0 } ?? "")",
                remedy: "name a kind that it has: \(kinds)")
        }
        let holding = admitted.filter {
            reach(path.parts, root: state.documents[$0].root) == path.parts.count
        }
        var candidates = holding
        if change.canAdd, holding.isEmpty {
            candidates = admitted.filter { accepts(path.parts, root: state.documents[$0].root) }
        }
        if candidates.count == 1 { return candidates[0] }
        guard candidates.isEmpty else {
            let names = candidates.map { index in
                let document = state.documents[index]
                let place = state.source.position(of: document.root.range.lowerBound)
                return
                    "\(document.kind ?? "a document")\(document.name.map { "/" + $0 } ?? "") in line \(place.line)"
            }
            throw refuse(
                "several documents have it: \(names.joined(separator: ", "))",
                remedy: "name one of them, like \(state.documents[candidates[0]].kind ?? "KIND"):\(path)")
        }
        throw nowhere(change, roots: admitted.map { state.documents[$0].root }, state: state)
    }

    /// How many parts of the path lead somewhere.
    static func reach(_ parts: [FieldPath.Part], root: YAMLNode) -> Int {
        var node = root
        for (depth, part) in parts.enumerated() {
            guard let next = child(of: node, part) else { return depth }
            node = next
        }
        return parts.count
    }

    /// Whether the last part can be made a new key.
    private static func accepts(_ parts: [FieldPath.Part], root: YAMLNode) -> Bool {
        guard case .key = parts.last, reach(Array(parts.dropLast()), root: root) == parts.count - 1 else {
            return false
        }
        let parent = parts.dropLast().reduce(root) { child(of: $0, $1) ?? $0 }
        return parent.entries != nil || (parent.text == "" && parent.scalarType == .null)
    }

    static func child(of node: YAMLNode, _ part: FieldPath.Part) -> YAMLNode? {
        switch part {
        case .key(let key): return node[key]
        case .index(let index):
            guard let items = node.items, index < items.count else { return nil }
            return items[index]
        }
    }

    /// The error for a path that leads nowhere: how far it goes and what is there instead.
    private static func nowhere(_ change: Edit.Change, roots: [YAMLNode], state: EditState) -> Failure {
        let path = change.path
        let best = roots.max { reach(path.parts, root: $0) < reach(path.parts, root: $1) }
        var node = best ?? state.documents[0].root
        let depth = reach(path.parts, root: node)
        for part in path.parts.prefix(depth) { node = child(of: node, part) ?? node }
        let missing: String
        var wanted = ""
        switch path.parts[min(depth, path.parts.count - 1)] {
        case .key(let key): (missing, wanted) = ("key '\(key)'", key)
        case .index(let index): missing = "item \(index)"
        }
        let keys = (node.entries ?? []).compactMap(\.key.text)
        let there =
            node.entries == nil
            ? "there is \(node.kindInWords)" : "it has \(keys.prefix(12).joined(separator: ", "))"
        let near = Suggestion.nearest(to: wanted, among: keys).map { "; did you mean '\($0)'?" } ?? ""
        var remedy = "fix the path in the spec"
        if case .remove = change {
            remedy += ", or take it out of `remove` if this base no longer has the key"
        }
        return Failure(
            .configuration, "edit", "\(path) in \(state.source.place(node.range.lowerBound))",
            because: "there is no \(missing); \(there)", remedy: remedy + near)
    }

    /// Walks to the field and refuses what cannot be changed alone.
    init(_ change: Edit.Change, document: YAMLDocument, state: EditState) throws(Failure) {
        func refuse(_ node: YAMLNode, reason: String, remedy: String) -> Failure {
            Failure(
                .configuration, "edit", "\(change.path) in \(state.source.place(node.range.lowerBound))",
                because: reason, remedy: remedy)
        }
        func check(_ node: YAMLNode) throws(Failure) {
            if case .alias(let name, _) = node.content {
                throw refuse(
                    node, reason: "it is the alias *\(name)",
                    remedy: "name the place that bears the anchor &\(name)")
            }
            if let anchor = node.anchor, document.aliased.contains(anchor) {
                throw refuse(
                    node,
                    reason: "it bears the anchor &\(anchor), and what refers to it would change with it",
                    remedy: "write the value out where it is referred to")
            }
        }
        var node = document.root
        var key: YAMLNode?
        let parts = change.path.parts
        try check(node)
        for part in parts.dropLast() {
            guard let next = Self.child(of: node, part) else { break }
            key = node.entries.flatMap { entries in entries.first { $0.key.text == part.key }?.key }
            node = next
            try check(node)
        }
        parent = node
        parentKey = key
        part = parts[parts.count - 1]
        switch part {
        case .index(let place): index = place < node.items?.count ?? 0 ? place : nil
        case .key(let wanted):
            let places = (node.entries ?? []).indices.filter { node.entries?[$0].key.text == wanted }
            if places.count > 1, let doubled = node.entries?[places[1]].key {
                throw refuse(
                    doubled, reason: "the key '\(wanted)' is there twice", remedy: "take one of the two away")
            }
            index = places.first
        }
        if let existing { try check(existing) }
    }
}

extension FieldPath.Part {
    /// The key, where it is one.
    var key: String? {
        if case .key(let key) = self { key } else { nil }
    }
}

extension Edit.Change {
    /// Whether it may make a field that is not there.
    fileprivate var canAdd: Bool { if case .remove = self { false } else { true } }
}
