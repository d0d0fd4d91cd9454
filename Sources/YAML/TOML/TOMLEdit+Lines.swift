// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where new keys go, and how a file is written.
extension TOMLEdit {
    /// A key that is not there yet, below its table, which is made with a header where it is missing.
    func insertion(
        of text: String, at path: FieldPath, for change: Edit.Change
    ) throws(Failure) -> Replacement {
        let parts = path.parts
        guard case .key(let key) = parts.last else {
            throw nowhere(change, at: 0, there: "the list is shorter", part: parts.last, among: [])
        }
        let parent = Array(parts.dropLast())
        try checkParents(of: parts, for: change)
        let statements = document.statements
        if let place = place(of: parent) {
            let (after, section) = place
            let keys = parent.dropFirst(section.count).compactMap(\.key) + [key]
            return line(Self.key(keys) + " = " + text, after: after, in: section)
        }
        // The table is made behind all that is below the nearest table around it.
        var around = parent
        while !around.isEmpty, !statements.contains(where: { $0.path.starts(with: around) }) {
            around.removeLast()
        }
        let last = statements.lastIndex { $0.path.starts(with: around) } ?? statements.count - 1
        let next = statements[(last + 1)...].firstIndex(where: \.isHeader) ?? statements.count
        let indent = indent(depth: parent.count { $0.key != nil } - 1)
        let header = "\(indent)[\(Self.key(parent.compactMap(\.key)))]"
        let entry = indent + (isIndented ? "  " : "") + "\(Self.key([key])) = \(text)"
        guard next > 0 else { return start(header + lineBreak + entry) }
        let end = endOfLine(statements[next - 1].range.upperBound)
        return Replacement(range: end..<end, text: lineBreak + lineBreak + header + lineBreak + entry)
    }

    /// Where a new key of a table goes: behind which statement, and in the section of which table; `nil` where the table has
    /// neither a header nor a key that makes it.
    private func place(of table: [FieldPath.Part]) -> (after: Int?, section: [FieldPath.Part])? {
        var (section, found): ([FieldPath.Part], (after: Int?, section: [FieldPath.Part])?) = ([], nil)
        if table.isEmpty { found = (nil, []) }
        for (index, statement) in document.statements.enumerated() {
            if statement.isHeader {
                section = statement.path
                if section == table { found = (index, section) }
            } else if section == table
                || (table.starts(with: section) && statement.path.starts(with: table)
                    && found?.section != table)
            {
                found = (index, section)
            }
        }
        return found
    }

    private func line(_ entry: String, after index: Int?, in section: [FieldPath.Part]) -> Replacement {
        guard let index else { return start(entry) }
        let statement = document.statements[index]
        let lineStart = startOfLine(statement.range.lowerBound)
        let own = text(lineStart..<statement.range.lowerBound)
        let indent = own + (statement.isHeader && isIndented ? "  " : "")
        let end = endOfLine(statement.range.upperBound)
        return Replacement(range: end..<end, text: lineBreak + indent + entry)
    }

    /// A line before the first statement, and before the comment that is right above it.
    private func start(_ entry: String) -> Replacement {
        guard let first = document.statements.first else {
            let gap = bytes.isEmpty || bytes.last == 0x0A || bytes.count == source.markLength ? "" : lineBreak
            return Replacement(range: bytes.count..<bytes.count, text: gap + entry + lineBreak)
        }
        var at = startOfLine(first.range.lowerBound)
        while at > source.markLength {
            let above = startOfLine(at - 1)
            guard bytes[above..<at].first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "#") else {
                break
            }
            at = above
        }
        at = max(at, source.markLength)
        let gap = first.isHeader ? lineBreak : ""
        return Replacement(range: at..<at, text: entry + lineBreak + gap)
    }

    /// Refuses parents that are no tables, and items that are not there.
    private func checkParents(of parts: [FieldPath.Part], for change: Edit.Change) throws(Failure) {
        var tree = document.root
        for (depth, part) in parts.enumerated() {
            switch (tree, part) {
            case (.table(let fields), .key(let key)):
                guard let next = fields[key] else {
                    guard depth + 1 < parts.count, Suggestion.isSlip(key, of: Array(fields.keys)) else {
                        return
                    }
                    let keys = fields.keys.sorted()
                    throw nowhere(
                        change, at: 0, there: "there are \(keys.prefix(12).joined(separator: ", "))",
                        part: part,
                        among: keys)
                }
                tree = next
            case (.array(let items), .index(let index)) where index < items.count: tree = items[index]
            case (.array(let items), _):
                let count = items.count
                throw nowhere(
                    change, at: 0, there: "there is a list of \(count), whose items are named by [0]",
                    part: part, among: [])
            default: throw nowhere(change, at: 0, there: "there is a value", part: part, among: [])
            }
        }
    }
}

extension TOMLEdit {
    // MARK: bytes

    /// Parts of a key as TOML writes them.
    static func key(_ parts: [String]) -> String {
        parts.map { part in
            !part.isEmpty && part.utf8.allSatisfy(TOMLParser.isBare) ? part : ScalarWriter.json(part)
        }.joined(separator: ".")
    }

    /// Whether the file indents what is below a header, as containerd writes it.
    var isIndented: Bool {
        document.statements.contains { $0.isHeader && startOfLine($0.range.lowerBound) < $0.range.lowerBound }
    }

    func indent(depth: Int) -> String { isIndented ? String(repeating: "  ", count: max(0, depth)) : "" }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    func isBlank(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { $0 == 0x20 || $0 == 0x09 } }

    func startOfLine(_ offset: Int) -> Int {
        let before = bytes[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return max(before, source.markLength)
    }

    /// Where the line of `offset` ends, before its line break.
    func endOfLine(_ offset: Int) -> Int {
        guard let end = bytes[offset...].firstIndex(of: 0x0A) else { return bytes.count }
        return end > offset && bytes[end - 1] == 0x0D ? end - 1 : end
    }

    /// The line break of the file: that of its first line.
    var lineBreak: String {
        guard let end = bytes.firstIndex(of: 0x0A) else { return "\n" }
        return end > 0 && bytes[end - 1] == 0x0D ? "\r\n" : "\n"
    }

    func refuse(_ change: Edit.Change, at offset: Int, because reason: String, remedy: String) -> Failure {
        Failure(
            .configuration, "edit", "\(change.path) in \(offset == 0 ? source.path : source.place(offset))",
            because: reason, remedy: remedy)
    }

    func nowhere(
        _ change: Edit.Change, at offset: Int, there: String, part: FieldPath.Part?, among keys: [String]
    ) -> Failure {
        let missing =
            switch part {
            case .key(let key): "key '\(key)'"
            case .index(let index): "item \(index)"
            case nil: "such place"
            }
        let near =
            Suggestion.nearest(to: part?.key ?? "", among: keys).map { "; did you mean '\($0)'?" } ?? ""
        return refuse(
            change, at: offset, because: "there is no \(missing); \(there)",
            remedy: "fix the path in the spec" + near)
    }
}
