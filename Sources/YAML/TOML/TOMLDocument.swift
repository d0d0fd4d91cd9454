// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A value of a TOML file and its place.
struct TOMLNode: Sendable {
    /// What it is.
    indirect enum Content: Sendable {
        /// Text.
        case string(String)
        /// A number, a truth value or a moment, as it is written.
        case literal(String)
        /// A list in brackets.
        case array([TOMLNode])
        /// A table in braces.
        case inline([TOMLPair])
    }
    var content: Content
    /// Its bytes.
    var range: Range<Int>

    /// Its kind in words.
    var kindInWords: String {
        switch content {
        case .string: "text"
        case .literal: "a number, truth value or moment"
        case .array: "a list"
        case .inline: "a table"
        }
    }
}

/// `key = value`, or one entry of a table in braces.
struct TOMLPair: Sendable {
    /// The parts of the key, which dots separate; at least one.
    var key: [String]
    /// The bytes of the key.
    var keyRange: Range<Int>
    var value: TOMLNode
}

/// A line of a TOML file that says something: a header, or a key with its value, which may span lines.
struct TOMLStatement: Sendable {
    enum Content: Sendable {
        /// `[a.b]`, or `[[a.b]]`.
        case header(isArray: Bool)
        case pair(TOMLPair)
    }
    var content: Content
    /// Where the header's table, or the value, is: from the root, with the numbers of elements of arrays of tables.
    var path: [FieldPath.Part]
    /// Its bytes, a comment behind it not included.
    var range: Range<Int>

    var isHeader: Bool { if case .header = content { true } else { false } }
    var pair: TOMLPair? { if case .pair(let pair) = content { pair } else { nil } }
}

/// A TOML 1.0 file: its statements in order, and what they say together.
struct TOMLDocument: Sendable {
    let source: SourceText
    let statements: [TOMLStatement]
    /// What the file says.
    let root: TOMLTree

    /// Reads a file.
    /// - Throws: a ``Failure`` of kind `data` with line and column for what is not TOML 1.0, and for a key that is there twice.
    init(_ source: SourceText) throws(Failure) {
        var parser = TOMLParser(source)
        var (statements, tables) = ([TOMLStatement](), TOMLTables())
        while let statement = try parser.next() {
            do throws(TOMLTables.Fault) { statements.append(try tables.adding(statement)) } catch {
                throw source.refuse(
                    "read the TOML of", at: statement.range.lowerBound, reason: error.reason,
                    remedy: "fix the line, or the one that it repeats")
            }
        }
        self.source = source
        self.statements = statements
        root = tables.tree
    }
}

/// What a TOML file says, without how it is written: the measure of an edit.
indirect enum TOMLTree: Sendable, Equatable {
    case string(String)
    case literal(String)
    case array([TOMLTree])
    case table([String: TOMLTree])

    /// The tree of a value.
    init(_ node: TOMLNode) {
        switch node.content {
        case .string(let text): self = .string(text)
        case .literal(let text): self = .literal(text)
        case .array(let items): self = .array(items.map(TOMLTree.init))
        case .inline(let pairs):
            self = .table([:])
            for pair in pairs { put(TOMLTree(pair.value), at: pair.key[...]) }
        }
    }

    /// Puts a value below a table, making the tables between.
    mutating func put(_ value: TOMLTree, at keys: ArraySlice<String>) {
        guard let key = keys.first else { return self = value }
        var fields: [String: TOMLTree] = if case .table(let fields) = self { fields } else { [:] }
        var child = fields[key] ?? .table([:])
        child.put(value, at: keys.dropFirst())
        fields[key] = child
        self = .table(fields)
    }

    /// What a path points to.
    subscript(path: ArraySlice<FieldPath.Part>) -> TOMLTree? {
        guard let part = path.first else { return self }
        switch (self, part) {
        case (.table(let fields), .key(let key)): return fields[key]?[path.dropFirst()]
        case (.array(let items), .index(let index)) where index < items.count:
            return items[index][path.dropFirst()]
        default: return nil
        }
    }

    /// The same with the value at a path replaced by what `change` makes of it; tables that are missing are made.
    func replacing(_ path: ArraySlice<FieldPath.Part>, with change: (TOMLTree?) -> TOMLTree?) -> TOMLTree? {
        guard let part = path.first else { return change(self) }
        switch (self, part) {
        case (.table(var fields), .key(let key)):
            if let child = fields[key] {
                fields[key] = child.replacing(path.dropFirst(), with: change)
            } else if path.count == 1 {
                fields[key] = change(nil)
            } else {
                fields[key] = TOMLTree.table([:]).replacing(path.dropFirst(), with: change)
            }
            return .table(fields)
        case (.array(var items), .index(let index)) where index < items.count:
            guard let item = items[index].replacing(path.dropFirst(), with: change) else { return self }
            items[index] = item
            return .array(items)
        default: return self
        }
    }

    /// The same without tables that have nothing in them.
    var pruned: TOMLTree {
        switch self {
        case .table(let fields): .table(fields.mapValues(\.pruned).filter { $0.value != .table([:]) })
        case .array(let items): .array(items.map(\.pruned))
        default: self
        }
    }
}
