// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A TOML file between two changes. Each change is proven as those of YAML are: the result is read again, and must differ
/// in that one value alone.
struct TOMLEdit {
    let document: TOMLDocument
    var source: SourceText { document.source }
    var bytes: [UInt8] { source.bytes }

    /// What replaces which bytes.
    struct Replacement {
        var range: Range<Int>
        var text: String
    }

    init(_ source: SourceText) throws(Failure) { document = try TOMLDocument(source) }

    /// Whether the file has the field.
    func has(_ field: FieldPath) -> Bool { field.kind == nil && document.root[field.parts[...]] != nil }

    /// The file after a change.
    /// - Throws: a ``Failure`` of kind `configuration` for a path that leads nowhere or means what cannot be changed alone.
    func after(_ change: Edit.Change) throws(Failure) -> TOMLEdit {
        if change.path.kind != nil {
            throw refuse(
                change, at: 0, because: "a TOML file is one document, without a kind",
                remedy: "write the path alone")
        }
        let replacements: [Replacement]
        switch change {
        case .set(let path, let value): replacements = [try setting(path, to: value, for: change)]
        case .append(let path, let value): replacements = [try appending(value, to: path, for: change)]
        case .remove(let path): replacements = try removing(path, for: change)
        }
        var bytes = bytes
        for replacement in replacements.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            bytes.replaceSubrange(replacement.range, with: replacement.text.utf8)
        }
        let offset = replacements.first?.range.lowerBound ?? 0
        let advice = "write that part of the file plainly, one key a line below its [header], and try again"
        let result: TOMLEdit
        do { result = try TOMLEdit(SourceText(bytes, path: source.path)) } catch {
            throw refuse(
                change, at: offset, because: "the result would no longer parse (\(error.reason))",
                remedy: advice)
        }
        guard try result.document.root.pruned == expected(change).pruned else {
            throw refuse(change, at: offset, because: "other values would change with it", remedy: advice)
        }
        return result
    }

    /// What the file says once the change is made.
    private func expected(_ change: Edit.Change) throws(Failure) -> TOMLTree {
        let value: TOMLTree?
        switch change {
        case .set(_, let new): value = try TOMLValue(new).tree
        case .append(let path, let new):
            let old: [TOMLTree] =
                if case .array(let items) = document.root[path.parts[...]] { items } else { [] }
            value = .array(old + [try TOMLValue(new).tree])
        case .remove: value = nil
        }
        return document.root.replacing(change.path.parts[...]) { _ in value } ?? .table([:])
    }

    // MARK: finding

    /// Where a path ends that begins with the key of a statement.
    private enum Landing {
        /// At a value; of an entry of a table in braces, also there.
        case value(TOMLNode, entry: (table: TOMLNode, index: Int)?)
        /// In a value that has no such part.
        case missing(in: TOMLNode, rest: ArraySlice<FieldPath.Part>)
    }

    /// The statement whose value is at the path or around it.
    private func holder(of path: FieldPath) -> (statement: TOMLStatement, landing: Landing)? {
        for statement in document.statements {
            guard let pair = statement.pair, path.parts.starts(with: statement.path) else { continue }
            return (statement, Self.descend(pair.value, along: path.parts.dropFirst(statement.path.count)))
        }
        return nil
    }

    private static func descend(_ node: TOMLNode, along path: ArraySlice<FieldPath.Part>) -> Landing {
        var (node, rest) = (node, path)
        var entry: (table: TOMLNode, index: Int)?
        while let part = rest.first {
            switch (node.content, part) {
            case (.inline(let pairs), .key):
                let index = pairs.firstIndex { rest.starts(with: $0.key.map { .key($0) }) }
                guard let index else { return .missing(in: node, rest: rest) }
                entry = (node, index)
                rest = rest.dropFirst(pairs[index].key.count)
                node = pairs[index].value
            case (.array(let items), .index(let index)) where index < items.count:
                entry = nil
                node = items[index]
                rest = rest.dropFirst()
            default: return .missing(in: node, rest: rest)
            }
        }
        return .value(node, entry: entry)
    }

    // MARK: set and append

    private func setting(
        _ path: FieldPath, to value: Edit.Value, for change: Edit.Change
    ) throws(Failure) -> Replacement {
        let text = try TOMLValue(value).text
        if let found = holder(of: path) {
            switch found.landing {
            case .value(let node, _):
                switch (node.content, value) {
                case (.string, _), (.literal, _), (_, .json):
                    return Replacement(range: node.range, text: text)
                default:
                    throw refuse(
                        change, at: node.range.lowerBound,
                        because: "it is \(node.kindInWords), and only a value can be exchanged",
                        remedy: "name the field inside it, or set a list or a table")
                }
            case .missing(let node, let rest): return try adding(text, at: rest, to: node, for: change)
            }
        }
        guard document.root[path.parts[...]] == nil else {
            let header = document.statements.first { $0.path.starts(with: path.parts) }
            throw refuse(
                change, at: header?.range.lowerBound ?? 0,
                because: "it is a table, and only a value can be exchanged",
                remedy: "name the field inside it, or remove it first")
        }
        return try insertion(of: text, at: path, for: change)
    }

    private func appending(
        _ value: Edit.Value, to path: FieldPath, for change: Edit.Change
    ) throws(Failure) -> Replacement {
        let text = try TOMLValue(value).text
        guard let found = holder(of: path) else {
            if case .array = document.root[path.parts[...]] {
                throw refuse(
                    change, at: 0, because: "it is a list of tables that have headers",
                    remedy: "put the file as a whole in its place")
            }
            return try setting(path, to: .json("[]"), for: change).with("[\(text)]", for: "[]")
        }
        switch found.landing {
        case .missing(let node, let rest): return try adding("[\(text)]", at: rest, to: node, for: change)
        case .value(let node, _):
            guard case .array(let items) = node.content else {
                throw refuse(
                    change, at: node.range.lowerBound,
                    because: "it is \(node.kindInWords), and no list to append to",
                    remedy: "correct the path, or use set")
            }
            return item(text, in: node, after: items.last)
        }
    }

    /// A new last item of a list: in the line of the one before it, or in one of its own, as that has one.
    private func item(_ text: String, in list: TOMLNode, after last: TOMLNode?) -> Replacement {
        guard let last else {
            return Replacement(range: list.range.lowerBound + 1..<list.range.lowerBound + 1, text: text)
        }
        let lineStart = startOfLine(last.range.lowerBound)
        let hasOwnLine = lineStart > list.range.lowerBound && isBlank(lineStart..<last.range.lowerBound)
        let end = last.range.upperBound
        guard hasOwnLine else { return Replacement(range: end..<end, text: ", " + text) }
        let comma = trailingComma(after: end)
        let rest = comma.map { $0 + 1 } ?? end
        let lineEnd = endOfLine(rest)
        let isClosed = lineEnd >= list.range.upperBound
        let indent = self.text(lineStart..<last.range.lowerBound)
        if isClosed { return Replacement(range: end..<end, text: "," + lineBreak + indent + text) }
        let line = lineBreak + indent + text + (comma == nil ? "" : ",")
        return Replacement(
            range: rest..<lineEnd, text: (comma == nil ? "," : "") + self.text(rest..<lineEnd) + line)
    }

    /// The comma behind the last item of a list, white space, comments and line ends skipped.
    private func trailingComma(after end: Int) -> Int? {
        var at = end
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: ","): return at
            case UInt8(ascii: "#"): at = endOfLine(at)
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return nil
            }
        }
        return nil
    }

    /// A new key in a table in braces.
    private func adding(
        _ text: String, at path: ArraySlice<FieldPath.Part>, to node: TOMLNode, for change: Edit.Change
    ) throws(Failure) -> Replacement {
        let keys = path.compactMap(\.key)
        guard case .inline(let pairs) = node.content, keys.count == path.count else {
            throw nowhere(
                change, at: node.range.lowerBound, there: "there is \(node.kindInWords)", part: path.first,
                among: [])
        }
        let entry = Self.key(keys) + " = " + text
        guard let last = pairs.last else {
            return Replacement(range: node.range, text: "{ \(entry) }")
        }
        let end = last.value.range.upperBound
        return Replacement(range: end..<end, text: ", " + entry)
    }

    // MARK: remove

    private func removing(_ path: FieldPath, for change: Edit.Change) throws(Failure) -> [Replacement] {
        guard case .key = path.parts.last else {
            throw refuse(
                change, at: 0, because: "an item of a list cannot be removed",
                remedy: "remove the key of the list, or set the item")
        }
        if let found = holder(of: path) {
            switch found.landing {
            case .missing(let node, let rest):
                let keys: [String] =
                    if case .inline(let pairs) = node.content { pairs.map { $0.key[0] } } else { [] }
                throw nowhere(
                    change, at: node.range.lowerBound,
                    there: keys.isEmpty
                        ? "there is \(node.kindInWords)" : "it has \(keys.joined(separator: ", "))",
                    part: rest.first, among: keys)
            case .value(_, let entry?): return [removal(of: entry.index, from: entry.table)]
            case .value: return [lines(of: found.statement)]
            }
        }
        let below = document.statements.filter { $0.path.starts(with: path.parts) }
        if !below.isEmpty { return below.map(lines) }
        var (tree, depth) = (document.root, 0)
        while depth < path.parts.count, let next = tree[path.parts[depth..<depth + 1]] {
            (tree, depth) = (next, depth + 1)
        }
        let keys: [String] = if case .table(let fields) = tree { fields.keys.sorted() } else { [] }
        throw nowhere(
            change, at: 0,
            there: keys.isEmpty ? "there is none" : "there are \(keys.prefix(12).joined(separator: ", "))",
            part: path.parts[min(depth, path.parts.count - 1)], among: keys)
    }

    private func lines(of statement: TOMLStatement) -> Replacement {
        let start = startOfLine(statement.range.lowerBound)
        var end = endOfLine(statement.range.upperBound)
        if end < bytes.count { end += bytes[end] == 0x0D ? 2 : 1 }
        return Replacement(range: start..<end, text: "")
    }

    private func removal(of index: Int, from table: TOMLNode) -> Replacement {
        guard case .inline(let pairs) = table.content else { return Replacement(range: 0..<0, text: "") }
        if pairs.count == 1 { return Replacement(range: table.range, text: "{}") }
        if index + 1 < pairs.count {
            return Replacement(
                range: pairs[index].keyRange.lowerBound..<pairs[index + 1].keyRange.lowerBound, text: "")
        }
        return Replacement(
            range: pairs[index - 1].value.range.upperBound..<pairs[index].value.range.upperBound, text: "")
    }
}

extension TOMLEdit.Replacement {
    /// The same with one text in place of the last of another.
    fileprivate func with(_ new: String, for old: String) -> TOMLEdit.Replacement {
        var result = self
        if let range = text.ranges(of: old).last { result.text.replaceSubrange(range, with: new) }
        return result
    }
}
