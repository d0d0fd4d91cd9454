// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Turns a change into one replacement of bytes.
struct EditSplice {
    /// What replaces which bytes.
    struct Replacement {
        let range: Range<Int>
        let text: String
    }

    private let target: EditTarget
    private let change: Edit.Change
    private let source: SourceText
    private let isJSON: Bool
    private var bytes: [UInt8] { source.bytes }

    init(_ target: EditTarget, change: Edit.Change, state: EditState) {
        self.target = target
        self.change = change
        source = state.source
        isJSON = state.isJSON
    }

    func made() throws(Failure) -> Replacement {
        switch change {
        case .remove: return try removal()
        case .set(_, let value):
            if let existing = target.existing { return try exchange(of: existing, for: value) }
            return try insertion(of: value)
        case .append(_, let value):
            guard let list = target.existing else { return try insertion(of: .json("[\(element(value))]")) }
            return try addition(of: value, to: list)
        }
    }

    // MARK: append

    private func addition(of value: Edit.Value, to list: YAMLNode) throws(Failure) -> Replacement {
        if list.scalarType == .null { return try exchange(of: list, for: .json("[\(element(value))]")) }
        guard case .sequence(let items, let isFlow) = list.content else {
            throw refuse(
                list, reason: "it is \(list.kindInWords), and no list to append to",
                remedy: "correct the path, or use set")
        }
        guard let last = items.last else {
            return Replacement(range: list.range, text: "[\(element(value))]")
        }
        if isFlow {
            let before = items.count > 1 ? items[items.count - 2].range.upperBound : list.range.lowerBound
            var gap = bytes[before..<last.range.lowerBound]
            if let mark = gap.firstIndex(where: { "[,".utf8.contains($0) }) { gap = gap[(mark + 1)...] }
            let isBlank = gap.allSatisfy { isSpace($0) || isBreak($0) }
            let space = isBlank && (items.count > 1 || gap.contains(where: isBreak)) ? text(gap) : " "
            let end = last.range.upperBound
            return Replacement(range: end..<end, text: "," + space + element(value))
        }
        let indent = String(repeating: " ", count: source.position(of: list.range.lowerBound).column - 1)
        return newLine(indent + "- " + write(value), after: last)
    }

    /// A value within brackets, where text of YAML without quotes could end at a comma.
    private func element(_ value: Edit.Value) -> String {
        if case .text(let text) = value { ScalarWriter.json(text) } else { write(value) }
    }

    // MARK: set

    private func exchange(of node: YAMLNode, for value: Edit.Value) throws(Failure) -> Replacement {
        if case .json = value, node.text == nil { return whole(node, by: value) }
        guard case .scalar(let text, let style) = node.content else {
            throw refuse(
                node, reason: "it is \(node.kindInWords), and only a scalar can be exchanged",
                remedy: "name the field inside it, or remove it first")
        }
        if text.isEmpty, style == .plain { return Replacement(range: node.range, text: " " + write(value)) }
        guard style == .literal || style == .folded else {
            return Replacement(range: node.range, text: write(value, like: style))
        }
        return Replacement(range: node.range.lowerBound..<endOfContent(node), text: write(value))
    }

    /// A list or mapping in place of another.
    private func whole(_ node: YAMLNode, by value: Edit.Value) -> Replacement {
        let isFlow = "[{".utf8.contains(bytes[node.range.lowerBound])
        guard !isFlow, let index = target.index, let key = target.parent.entries?[index].key else {
            return Replacement(range: node.range.lowerBound..<endOfContent(node), text: write(value))
        }
        return Replacement(range: key.range.upperBound..<endOfContent(node), text: ": " + write(value))
    }

    private func insertion(of value: Edit.Value) throws(Failure) -> Replacement {
        guard let key = target.part.key else {
            throw refuse(
                target.parent, reason: "the list has no such item", remedy: "fix the number in the path")
        }
        let entry = write(.text(key)) + ": " + write(value)
        guard let entries = target.parent.entries else { return underEmptyKey(entry) }
        if bytes[target.parent.range.lowerBound] == UInt8(ascii: "{") {
            return intoFlow(entry, entries: entries)
        }
        guard let first = entries.first, let last = entries.last else {
            throw refuse(
                target.parent, reason: "it has no key to follow", remedy: "write the mapping as {}")
        }
        let indent = String(repeating: " ", count: source.position(of: first.key.range.lowerBound).column - 1)
        return newLine(indent + entry, after: last.value)
    }

    /// A first key under a key without a value.
    private func underEmptyKey(_ entry: String) -> Replacement {
        let column = target.parentKey.map { source.position(of: $0.range.lowerBound).column + 1 } ?? 0
        return newLine(String(repeating: " ", count: column) + entry, after: target.parent)
    }

    private func intoFlow(_ entry: String, entries: [YAMLNode.Entry]) -> Replacement {
        guard let last = entries.last else {
            let inside = target.parent.range.lowerBound + 1
            return Replacement(range: inside..<inside, text: entry)
        }
        let before =
            entries.count > 1
            ? entries[entries.count - 2].value.range.upperBound : target.parent.range.lowerBound
        var gap = bytes[before..<last.key.range.lowerBound]
        if let mark = gap.firstIndex(where: { "{,".utf8.contains($0) }) { gap = gap[(mark + 1)...] }
        let blank = gap.allSatisfy { isSpace($0) || isBreak($0) }
        let space = blank && (entries.count > 1 || gap.contains(where: isBreak)) ? text(gap) : " "
        let end = last.value.range.upperBound
        return Replacement(range: end..<end, text: "," + space + entry)
    }

    /// `line` as a line of its own after the one in which `node` ends.
    private func newLine(_ line: String, after node: YAMLNode) -> Replacement {
        let end = node.range.upperBound
        let begins = end > 0 && end > node.range.lowerBound && isBreak(bytes[end - 1])
        if begins { return Replacement(range: end..<end, text: line + lineBreak) }
        let at = endOfLine(end)
        return Replacement(range: at..<at, text: lineBreak + line)
    }

    // MARK: remove

    private func removal() throws(Failure) -> Replacement {
        guard let entries = target.parent.entries, let index = target.index else {
            throw refuse(
                target.parent, reason: "an item of a list cannot be removed",
                remedy: "remove the key of the list, or set the item")
        }
        let entry = entries[index]
        let start = entry.key.range.lowerBound
        let inFlow = bytes[target.parent.range.lowerBound] == UInt8(ascii: "{")
        if entries.count == 1 {
            return Replacement(range: inFlow ? target.parent.range : start..<valueEnd(entry), text: "{}")
        }
        if inFlow {
            if index + 1 < entries.count {
                return Replacement(range: start..<entries[index + 1].key.range.lowerBound, text: "")
            }
            let end = max(entry.value.range.upperBound, entry.key.range.upperBound)
            return Replacement(range: entries[index - 1].value.range.upperBound..<end, text: "")
        }
        let lineStart = startOfLine(start)
        if bytes[lineStart..<start].allSatisfy(isSpace) {
            return Replacement(range: lineStart..<afterBreak(endOfLine(valueEnd(entry))), text: "")
        }
        // The key follows a dash or a question mark: the next key takes its place.
        guard index + 1 < entries.count else {
            return Replacement(range: start..<valueEnd(entry), text: "")
        }
        return Replacement(range: start..<entries[index + 1].key.range.lowerBound, text: "")
    }

    /// Where the entry's text ends: after its value, or after the colon where it has none.
    private func valueEnd(_ entry: YAMLNode.Entry) -> Int {
        max(endOfContent(entry.value), entry.key.range.upperBound)
    }

    /// Where the last character of a node is that is no space: a block scalar's range extends to the
    /// next content.
    private func endOfContent(_ node: YAMLNode) -> Int {
        var end = node.range.upperBound
        while end > node.range.lowerBound, isSpace(bytes[end - 1]) || isBreak(bytes[end - 1]) { end -= 1 }
        return end
    }

    // MARK: bytes

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    private func isBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    private func text(_ slice: ArraySlice<UInt8>) -> String { String(decoding: slice, as: UTF8.self) }

    private func startOfLine(_ offset: Int) -> Int {
        source.start(ofLine: source.position(of: offset).line)
    }

    private func endOfLine(_ offset: Int) -> Int {
        bytes[offset...].firstIndex(where: isBreak) ?? bytes.count
    }

    private func afterBreak(_ offset: Int) -> Int {
        guard offset < bytes.count else { return offset }
        let pair = bytes[offset] == 0x0D && offset + 1 < bytes.count && bytes[offset + 1] == 0x0A
        return offset + (pair ? 2 : 1)
    }

    /// The line break of the file: that of its first line.
    private var lineBreak: String {
        let end = endOfLine(0)
        return end < bytes.count ? text(bytes[end..<afterBreak(end)]) : "\n"
    }

    private func write(_ value: Edit.Value, like style: YAMLNode.Style = .plain) -> String {
        switch value {
        case .literal(let text), .json(let text): text
        case .text(let text): isJSON ? ScalarWriter.json(text) : ScalarWriter.yaml(text, like: style)
        }
    }

    private func refuse(_ node: YAMLNode, reason: String, remedy: String) -> Failure {
        Failure(
            .configuration, "edit", "\(change.path) in \(source.place(node.range.lowerBound))",
            because: reason,
            remedy: remedy)
    }
}
