// SPDX-License-Identifier: Apache-2.0
internal import CYaml
internal import OCI

/// The nodes of one document in the order of their text, 16 bytes each.
///
/// A list of all pods of a cluster has millions of nodes: none of them owns memory of its own. The text of a scalar is
/// its bytes in the source, but for the few whose bytes are not their text (escapes, blocks, folded lines).
struct NodeTable {
    enum Kind: UInt8 {
        case plain, singleQuoted, doubleQuoted, literal, folded, sequence, mapping, alias
    }

    struct Node {
        /// Its bytes, quotes included, anchor and tag not.
        var start: UInt32
        var end: UInt32
        /// The node after it and all that it holds.
        var next: UInt32
        var kind: Kind
        /// Whether its text is kept apart, as its bytes are not its text.
        var isApart = false
        /// Whether it has a tag or an anchor.
        var isMarked = false
        /// Whether it was written in brackets or braces, or inside of them.
        var inFlow = false
    }

    /// The nodes; a mapping's are key, value, key, value.
    private(set) var nodes = ContiguousArray<Node>()
    private var texts: [Int: [UInt8]] = [:]
    private var tags: [Int: String] = [:]
    private var targets: [Int: (name: String, node: Int)] = [:]
    private let source: SourceText

    /// The levels that documents may nest, as for ``YAMLDocuments``.
    private static let deepest = YAMLDocuments.deepestNesting

    /// A table without nodes.
    init(empty source: SourceText) { self.source = source }

    /// Reads the next document; `nil` after the last.
    /// - Parameter item: is given each item of `items` at the root, as `kind: List` has them, and the table so far. The
    ///   item is dropped afterwards, so that a list takes no more memory than its largest item. Those after the first
    ///   anchor are kept in place of that.
    /// - Throws: a ``Failure`` of kind `data` with line and column where it is not well-formed YAML.
    init?(next events: YAMLEventParser, item: (NodeTable, Int) -> Void = { _, _ in }) throws(Failure) {
        source = events.source
        while true {
            var event = yaml_event_t()
            let (start, _) = try events.parse(into: &event)
            defer { yaml_event_delete(&event) }
            if event.type == YAML_DOCUMENT_START_EVENT { break }
            if event.type == YAML_STREAM_END_EVENT { return nil }
            _ = start
        }
        nodes.reserveCapacity(min(source.bytes.count / 8 + 16, 1 << 16))
        try read(events, item: item)
    }

    /// What is open while a document is read.
    private struct Open {
        let node: Int
        let anchor: String?
        let isFlow: Bool
    }

    private mutating func read(_ events: YAMLEventParser, item: (NodeTable, Int) -> Void) throws(Failure) {
        var open: [Open] = []
        var anchors: [String: Int] = [:]
        repeat {
            var event = yaml_event_t()
            let (start, end) = try events.parse(into: &event)
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
                guard let last = open.popLast() else { continue }
                close(last, at: end)
                if let anchor = last.anchor { anchors[anchor] = last.node }
                if open.count == 2, anchors.isEmpty, isList(open) {
                    item(self, last.node)
                    drop(from: last.node)
                }
            case YAML_ALIAS_EVENT:
                targets[nodes.count] = try target(of: event, at: start, anchors: anchors, open: open)
                append(.alias, start: start, end: end, inFlow: open.last?.isFlow ?? false)
            case YAML_SCALAR_EVENT:
                scalar(event, start: start, end: end, anchors: &anchors, inFlow: open.last?.isFlow ?? false)
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
                guard open.count < Self.deepest else {
                    throw refuse(
                        start, reason: "it is nested deeper than \(Self.deepest) levels",
                        remedy: "flatten the document")
                }
                open.append(begin(event, start: start, end: end))
            default:
                throw refuse(
                    start, reason: "it ends where a value is expected", remedy: "complete the document")
            }
        } while !open.isEmpty
    }

    /// What an alias refers to.
    private func target(
        of alias: yaml_event_t, at start: Int, anchors: [String: Int], open: [Open]
    ) throws(Failure) -> (name: String, node: Int) {
        let name = YAMLEventParser.text(alias.data.alias.anchor) ?? ""
        if let node = anchors[name] { return (name, node) }
        let isOpen = open.contains { $0.anchor == name }
        throw refuse(
            start,
            reason:
                "the alias *\(name) \(isOpen ? "refers to a value that holds it" : "refers to no anchor")",
            remedy: "define &\(name) before it")
    }

    /// Whether the innermost open node is the list `items` of the root.
    private func isList(_ open: [Open]) -> Bool {
        let (root, list) = (open[0].node, open[1].node)
        return nodes[root].kind == .mapping && nodes[list].kind == .sequence && open[1].anchor == nil
            && isScalar(list - 1) && bytes(list - 1).elementsEqual("items".utf8)
    }

    /// Takes away the last nodes; what holds them ends where they did.
    private mutating func drop(from node: Int) {
        if !texts.isEmpty { texts = texts.filter { $0.key < node } }
        if !tags.isEmpty { tags = tags.filter { $0.key < node } }
        let last = nodes[node].end
        nodes.removeSubrange(node...)
        nodes[nodes.count - 1].end = max(nodes[nodes.count - 1].end, last)
    }

    private mutating func append(_ kind: Kind, start: Int, end: Int, inFlow: Bool) {
        nodes.append(
            Node(
                start: UInt32(start), end: UInt32(max(start, end)), next: UInt32(nodes.count + 1), kind: kind,
                inFlow: inFlow))
    }

    private mutating func begin(_ event: yaml_event_t, start: Int, end: Int) -> Open {
        let isSequence = event.type == YAML_SEQUENCE_START_EVENT
        let (anchor, tag, isFlow) =
            isSequence
            ? (
                event.data.sequence_start.anchor, event.data.sequence_start.tag,
                event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
            )
            : (
                event.data.mapping_start.anchor, event.data.mapping_start.tag,
                event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
            )
        let node = nodes.count
        append(isSequence ? .sequence : .mapping, start: start, end: end, inFlow: isFlow)
        if let tag = YAMLEventParser.text(tag) { tags[node] = tag }
        return Open(node: node, anchor: YAMLEventParser.text(anchor), isFlow: isFlow)
    }

    private mutating func close(_ open: Open, at end: Int) {
        // A block ends with its last content, not where the next token begins.
        let last = nodes.count - 1 > open.node ? nodes[nodes.count - 1].end : nodes[open.node].start
        nodes[open.node].end = open.isFlow ? UInt32(end) : max(last, nodes[open.node].start)
        nodes[open.node].next = UInt32(nodes.count)
    }

    private mutating func scalar(
        _ event: yaml_event_t, start: Int, end: Int, anchors: inout [String: Int], inFlow: Bool
    ) {
        let scalar = event.data.scalar
        let kind: Kind
        switch scalar.style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: kind = .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: kind = .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: kind = .literal
        case YAML_FOLDED_SCALAR_STYLE: kind = .folded
        default: kind = .plain
        }
        let node = nodes.count
        let isMarked = scalar.anchor != nil || scalar.tag != nil
        let content = isMarked ? source.contentStart(start, limit: end) : start
        append(kind, start: content, end: end, inFlow: inFlow)
        if isMarked {
            nodes[node].isMarked = true
            if let tag = YAMLEventParser.text(scalar.tag) { tags[node] = tag }
            if let anchor = YAMLEventParser.text(scalar.anchor) { anchors[anchor] = node }
        }
        let value = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        if !source.holds(value, in: textRange(node)) {
            nodes[node].isApart = true
            texts[node] = Array(value)
        }
    }

    private func refuse(_ offset: Int, reason: String, remedy: String) -> Failure {
        source.refuse("read the YAML of", at: offset, reason: reason, remedy: remedy)
    }
}

// MARK: reading it

extension NodeTable {
    /// The bytes of a node.
    func range(_ node: Int) -> Range<Int> { Int(nodes[node].start)..<Int(nodes[node].end) }

    /// The bytes between the quotes, where there are any.
    func textRange(_ node: Int) -> Range<Int> {
        let range = range(node)
        switch nodes[node].kind {
        case .singleQuoted, .doubleQuoted:
            return range.count < 2 ? range : range.lowerBound + 1..<range.upperBound - 1
        default: return range
        }
    }

    /// The node, or the target where it is an alias.
    func resolved(_ node: Int) -> Int { nodes[node].kind == .alias ? targets[node]?.node ?? node : node }

    /// The name of an alias.
    func aliasName(_ node: Int) -> String { targets[node]?.name ?? "" }

    /// Whether it is a scalar; aliases are not followed.
    func isScalar(_ node: Int) -> Bool { nodes[node].kind.rawValue <= Kind.folded.rawValue }

    /// The text of a scalar as bytes; aliases are not followed.
    func bytes(_ node: Int) -> ArraySlice<UInt8> {
        if nodes[node].isApart, let text = texts[node] { return text[...] }
        return source.bytes[textRange(node)]
    }

    /// The text of a scalar; `nil` for anything else. Aliases are followed.
    func text(_ node: Int) -> String? {
        let node = resolved(node)
        return isScalar(node) ? String(decoding: bytes(node), as: UTF8.self) : nil
    }

    /// The type of a scalar; `nil` for anything else. Aliases are followed.
    func scalarType(_ node: Int) -> YAMLScalarType? {
        let node = resolved(node)
        guard isScalar(node) else { return nil }
        if nodes[node].isMarked, let tag = tags[node] { return YAMLScalarType(tag: tag) }
        guard nodes[node].kind == .plain else { return .string }
        let text = bytes(node)
        if let first = text.first, YAMLScalarType.isString(beginningWith: first) { return .string }
        return YAMLScalarType(plain: String(decoding: text, as: UTF8.self))
    }

    /// The children of a mapping or a sequence, in order: of a mapping keys and values in turn.
    func children(_ node: Int) -> Children {
        Children(nodes: nodes, at: node + 1, end: Int(nodes[node].next))
    }

    /// The nodes directly below another.
    struct Children: Sequence, IteratorProtocol {
        fileprivate let nodes: ContiguousArray<Node>
        fileprivate var at: Int
        fileprivate let end: Int

        mutating func next() -> Int? {
            guard at < end else { return nil }
            defer { at = Int(nodes[at].next) }
            return at
        }
    }

    /// The value under `key` in a mapping; aliases are followed.
    func value(_ key: String, in node: Int) -> Int? {
        let node = resolved(node)
        guard nodes[node].kind == .mapping else { return nil }
        var children = children(node)
        while let name = children.next(), let value = children.next() {
            if isScalar(name), bytes(name).elementsEqual(key.utf8) { return value }
        }
        return nil
    }
}

extension SourceText {
    /// Whether the bytes of `range` are these.
    fileprivate func holds(_ value: UnsafeBufferPointer<UInt8>, in range: Range<Int>) -> Bool {
        range.count == value.count
            && bytes.withUnsafeBytes { bytes in
                bytes[range].elementsEqual(UnsafeRawBufferPointer(value))
            }
    }
}
