// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Reads YAML text into documents, one after another.
///
/// Bounds: 16 MiB of text, 250,000 nodes a document and twice that in documents that are kept together,
/// 200 levels. Larger input is refused, with the place.
package struct YAMLDocuments {
    /// The largest text in bytes.
    package static let largestText = 16 << 20
    /// The most nodes in one document.
    package static let mostNodes = 250_000
    /// The deepest nesting.
    package static let deepestNesting = 200

    private let events: YAMLEventParser
    private var anchors: [String: YAMLNode] = [:]
    private var open: Set<String> = []
    private var aliased: Set<String> = []
    /// How deep the values of anchors are, their own aliases resolved.
    private var heights: [String: Int] = [:]
    /// The deepest level that was reached in the value at hand, aliases resolved.
    private var reach = 0
    private var nodes = 0
    private var ended = false

    /// Begins to read `source`, a byte-order mark skipped.
    package init(_ source: SourceText) throws(Failure) {
        guard source.bytes.count <= Self.largestText else {
            throw Failure(
                .data, "read the YAML of", source.path,
                because: "it has \(source.bytes.count) bytes, more than \(Self.largestText)",
                remedy: "split it into several files")
        }
        events = try YAMLEventParser(source)
    }

    /// All documents of `source`.
    /// - Throws: a ``Failure`` of kind `data` with line and column where it is not well-formed YAML.
    package static func all(_ source: SourceText) throws(Failure) -> [YAMLDocument] {
        var reader = try YAMLDocuments(source)
        var all: [YAMLDocument] = []
        var nodes = 0
        while let document = try reader.next() {
            nodes += reader.nodes
            guard nodes <= 2 * mostNodes else {
                throw reader.refuse(
                    document.root.range.lowerBound, reason: "it has more than \(2 * mostNodes) values",
                    remedy: "split the file")
            }
            all.append(document)
        }
        return all
    }

    private init(unbounded source: SourceText) throws(Failure) { events = try YAMLEventParser(source) }

    /// What ``values(of:below:in:)`` has found.
    package struct Selection: Sendable {
        /// The values that were asked for, by key; the first of a key that is there twice.
        package fileprivate(set) var values: [String: YAMLNode] = [:]
        /// All keys beside them, in order.
        package fileprivate(set) var keys: [String] = []
    }

    /// The values of some keys of the mapping that is under `parent` at the top of the first document.
    ///
    /// All else is passed over, so the text may be larger than a document that is kept. The values together are bounded
    /// as a document is; an alias in one must point to an anchor in it or in one before it.
    /// - Throws: a ``Failure`` of kind `data` with line and column where what is read is not well-formed YAML.
    package static func values(
        of wanted: Set<String>, below parent: String, in source: SourceText
    ) throws(Failure) -> Selection {
        var reader = try YAMLDocuments(unbounded: source)
        var found = Selection()
        var event = try reader.events.next()
        while true {
            switch event.kind {
            case .streamStart, .documentStart: event = try reader.events.next()
            case .mappingStart: break
            default: return found
            }
            if case .mappingStart = event.kind { break }
        }
        while let (key, value) = try reader.entry() {
            guard key == parent, case .mappingStart = value.kind, found.keys.isEmpty else {
                try reader.pass(value)
                continue
            }
            while let (name, inner) = try reader.entry() {
                found.keys.append(name)
                if wanted.contains(name), found.values[name] == nil {
                    found.values[name] = try reader.node(inner, depth: 2)
                } else {
                    try reader.pass(inner)
                }
            }
        }
        return found
    }

    /// The next key of the mapping that is open, empty for one that is not a scalar, and the first event of its value;
    /// `nil` at its end.
    private func entry() throws(Failure) -> (key: String, value: YAMLEvent)? {
        let event = try events.next()
        switch event.kind {
        case .mappingEnd: return nil
        case .scalar(let text, _): return (text, try events.next())
        default:
            try pass(event)
            return ("", try events.next())
        }
    }

    /// Reads on to the end of the value that begins with `event`.
    private func pass(_ event: YAMLEvent) throws(Failure) {
        var (event, depth) = (event, 0)
        while true {
            switch event.kind {
            case .sequenceStart, .mappingStart:
                depth += 1
                // libyaml looks at all open brackets for each word.
                guard depth < Self.deepestNesting else { throw tooDeep(event) }
            case .sequenceEnd, .mappingEnd: depth -= 1
            default: break
            }
            if depth == 0 { return }
            event = try events.next()
        }
    }

    /// The next document; `nil` after the last.
    /// - Throws: a ``Failure`` of kind `data` with line and column where it is not well-formed YAML.
    package mutating func next() throws(Failure) -> YAMLDocument? {
        while !ended {
            let event = try events.next()
            switch event.kind {
            case .streamEnd: ended = true
            case .documentStart:
                nodes = 0
                (anchors, heights, reach) = ([:], [:], 0)
                aliased = []
                let root = try node(events.next(), depth: 0)
                return YAMLDocument(root: root, aliased: aliased)
            default: continue
            }
        }
        return nil
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(Failure) -> YAMLNode {
        nodes += 1
        guard nodes <= Self.mostNodes else {
            throw refuse(
                event.start, reason: "it has more than \(Self.mostNodes) values", remedy: "split the file")
        }
        guard depth < Self.deepestNesting else {
            throw tooDeep(event)
        }
        if case .alias(let name) = event.kind { return try alias(name, event: event, depth: depth) }
        if let anchor = event.anchor { open.insert(anchor) }
        let before = reach
        reach = depth
        let start = contentStart(event)
        let content: YAMLNode.Content
        var end = event.end
        switch event.kind {
        case .scalar(let text, let style): content = .scalar(text, style)
        case .sequenceStart(let flow): (content, end) = try sequence(flow, start: start, depth: depth)
        default:
            guard case .mappingStart(let flow) = event.kind else {
                throw Failure(
                    .fault, "read the YAML of", events.source.place(start), because: "an event is lost")
            }
            (content, end) = try mapping(flow, start: start, depth: depth)
        }
        let node = YAMLNode(
            content: content, anchor: event.anchor, tag: event.tag, range: start..<max(start, end))
        if let anchor = event.anchor {
            open.remove(anchor)
            anchors[anchor] = node
            heights[anchor] = reach - depth
        }
        reach = max(reach, before)
        return node
    }

    private func tooDeep(_ event: YAMLEvent) -> Failure {
        refuse(
            event.start, reason: "it is nested deeper than \(Self.deepestNesting) levels",
            remedy: "flatten the document")
    }

    private mutating func alias(
        _ name: String, event: YAMLEvent, depth: Int
    ) throws(Failure) -> YAMLNode {
        guard !open.contains(name), let target = anchors[name] else {
            let reason = open.contains(name) ? "refers to a value that holds it" : "refers to no anchor"
            throw refuse(
                event.start, reason: "the alias *\(name) \(reason)", remedy: "define &\(name) before it")
        }
        // A value that aliases nest is as deep as one that is written so.
        reach = max(reach, depth + 1 + (heights[name] ?? 0))
        guard reach < Self.deepestNesting else {
            throw refuse(
                event.start, reason: "it is nested deeper than \(Self.deepestNesting) levels by aliases",
                remedy: "write the values out")
        }
        aliased.insert(name)
        return YAMLNode(
            content: .alias(name, target), anchor: nil, tag: nil, range: event.start..<event.end)
    }

    private mutating func sequence(
        _ flow: Bool, start: Int, depth: Int
    ) throws(Failure) -> (YAMLNode.Content, Int) {
        var items: [YAMLNode] = []
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind {
                return (
                    .sequence(items, flow: flow), flow ? event.end : items.last?.range.upperBound ?? start
                )
            }
            items.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func mapping(
        _ flow: Bool, start: Int, depth: Int
    ) throws(Failure) -> (YAMLNode.Content, Int) {
        var entries: [YAMLNode.Entry] = []
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind {
                let last = entries.last?.value.range.upperBound ?? start
                return (.mapping(entries, flow: flow), flow ? max(event.end, last) : last)
            }
            let key = try node(event, depth: depth + 1)
            entries.append(YAMLNode.Entry(key: key, value: try node(events.next(), depth: depth + 1)))
        }
    }

    /// Where the node's own text begins: its marks begin with the anchor and the tag.
    private func contentStart(_ event: YAMLEvent) -> Int {
        guard event.anchor != nil || event.tag != nil else { return event.start }
        let bytes = events.source.bytes
        var limit = bytes.count
        if case .scalar = event.kind { limit = event.end }
        return bytes.yamlContentStart(event.start, limit: limit)
    }

    private func refuse(_ offset: Int, reason: String, remedy: String) -> Failure {
        events.source.refuse("read the YAML of", at: offset, reason: reason, remedy: remedy)
    }
}
