// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Changes to a JSON, YAML or TOML file that leave every other byte as it was: comments, anchors, quoting,
/// order, white space and line ends.
package struct Edit: Sendable {
    /// The form of a file.
    package enum Syntax: Sendable {
        /// One JSON value (RFC 8259).
        case json
        /// YAML, any number of documents.
        case yaml
        /// TOML 1.0.
        case toml

        /// JSON for a name that ends in `.json`, TOML for one that ends in `.toml`, else YAML.
        package init(path: String) {
            let path = path.lowercased()
            self = path.hasSuffix(".json") ? .json : path.hasSuffix(".toml") ? .toml : .yaml
        }
    }

    /// A scalar to write.
    package enum Value: Sendable, Hashable {
        /// Text, quoted where a reader would otherwise take it for something else.
        case text(String)
        /// `true`, `null` or a number, written as it is.
        case literal(String)
        /// A list or a mapping as JSON, which is YAML too.
        case json(String)
    }

    /// One change.
    package enum Change: Sendable, Hashable {
        /// Takes the key and its value away.
        case remove(FieldPath)
        /// Gives the field a value, and makes it the last of its mapping where it is missing; mappings around it too.
        case set(FieldPath, Value)
        /// Puts a value at the end of a list, which is made where it is missing.
        case append(FieldPath, Value)

        /// The field that it is about.
        package var path: FieldPath {
            switch self {
            case .remove(let path), .set(let path, _), .append(let path, _): path
            }
        }
    }

    /// The changes, in order.
    package var changes: [Change]

    /// Creates an edit of changes that are made one after another.
    package init(_ changes: [Change]) { self.changes = changes }

    /// Creates an edit that removes, then sets.
    package init(remove: [FieldPath], set: [(FieldPath, Value)] = []) {
        changes = remove.map { .remove($0) } + set.map { .set($0.0, $0.1) }
    }

    /// The bytes after all changes. Each change is proven: the result is read again and must differ from
    /// what was there in that one value alone.
    ///
    /// A change goes into the one document that has the field; where none has it, `set` goes into the one
    /// that has the mapping around it. Several such documents are an error that names them.
    /// - Parameter path: names the file in errors, and by its ending determines the syntax.
    /// - Throws: a ``Failure`` of kind `data` where the file is not what its name says (with line and column), of
    ///   kind `configuration` where a path means nothing, several things, or what cannot be changed alone.
    package func applied(to bytes: [UInt8], path: String, syntax: Syntax? = nil) throws(Failure) -> [UInt8] {
        let syntax = syntax ?? Syntax(path: path)
        var file = try EditedFile(bytes, path: path, syntax: syntax)
        for change in changes { file = try file.after(change) }
        return file.bytes
    }
}

extension Edit {
    /// Whether a document of the file has the field.
    /// - Throws: a ``Failure`` of kind `data` where the file is not what its name says.
    package static func has(_ field: FieldPath, in bytes: [UInt8], path: String) throws(Failure) -> Bool {
        switch try EditedFile(bytes, path: path, syntax: Syntax(path: path)) {
        case .toml(let edit): edit.has(field)
        case .nodes(let state):
            state.documents.contains {
                field.admits($0) && EditTarget.reach(field.parts, root: $0.root) == field.parts.count
            }
        }
    }

    /// Whether the file is what its name says: JSON, TOML or YAML.
    package static func parses(_ bytes: [UInt8], path: String) -> Bool {
        (try? EditedFile(bytes, path: path, syntax: Syntax(path: path))) != nil
    }
}

/// A file between two changes, by its syntax.
private enum EditedFile {
    case nodes(EditState)
    case toml(TOMLEdit)

    init(_ bytes: [UInt8], path: String, syntax: Edit.Syntax) throws(Failure) {
        let source = SourceText(bytes, path: path)
        switch syntax {
        case .toml: self = .toml(try TOMLEdit(source))
        case .json, .yaml: self = .nodes(try EditState(source, isJSON: syntax == .json))
        }
    }

    func after(_ change: Edit.Change) throws(Failure) -> EditedFile {
        switch self {
        case .nodes(let state): .nodes(try state.after(change))
        case .toml(let edit): .toml(try edit.after(change))
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .nodes(let state): state.source.bytes
        case .toml(let edit): edit.bytes
        }
    }
}

/// A JSON or YAML file between two changes.
struct EditState {
    let source: SourceText
    let isJSON: Bool
    let documents: [YAMLDocument]

    init(_ source: SourceText, isJSON: Bool) throws(Failure) {
        self.source = source
        self.isJSON = isJSON
        documents = isJSON ? [try YAMLDocument(json: source)] : try YAMLDocuments.all(source)
    }

    func after(_ given: Edit.Change) throws(Failure) -> EditState {
        let change = given.makingParents(in: self)
        let index = try EditTarget.document(for: change, in: self)
        let target = try EditTarget(change, document: documents[index], state: self)
        let splice = try EditSplice(target, change: change, state: self).made()
        let bytes = source.replacing(splice.range, with: splice.text.utf8)
        let result: EditState
        do {
            result = try EditState(SourceText(bytes, path: source.path), isJSON: isJSON)
        } catch {
            throw refuse(
                change, at: target.offset, reason: "the result would no longer parse (\(error.reason))")
        }
        let parts = ArraySlice(change.path.parts)
        let asMeant =
            documents.count == result.documents.count
            && documents.indices.allSatisfy { number in
                let before = EditTree(documents[number].root)
                let expected = number == index ? before.applying(change, parts: parts) : before
                return expected == EditTree(result.documents[number].root)
            }
        guard asMeant else {
            throw refuse(change, at: target.offset, reason: "other values would change with it")
        }
        return result
    }

    private func refuse(_ change: Edit.Change, at offset: Int, reason: String) -> Failure {
        Failure(
            .configuration, "edit", "\(change.path) in \(source.place(offset))", because: reason,
            remedy: "write that part of the file in block style, one key a line, and try again")
    }
}

/// What a document says, without how it is written: the measure of an edit.
indirect enum EditTree: Equatable {
    case scalar(String, YAMLScalarType)
    case sequence([EditTree])
    case mapping([Pair])
    case alias(String)

    struct Pair: Equatable {
        var key: EditTree
        var value: EditTree
    }

    init(_ node: YAMLNode) {
        switch node.content {
        case .scalar(let text, _): self = .scalar(text, node.scalarType ?? .string)
        case .sequence(let items, _): self = .sequence(items.map(EditTree.init))
        case .mapping(let entries, _):
            self = .mapping(entries.map { Pair(key: EditTree($0.key), value: EditTree($0.value)) })
        case .alias(let name, _): self = .alias(name)
        }
    }

    init(_ value: Edit.Value) {
        switch value {
        case .text(let text): self = .scalar(text, .string)
        case .literal(let text): self = .scalar(text, YAMLScalarType(plain: text))
        case .json(let text):
            let document = try? YAMLDocument(json: SourceText(Array(text.utf8), path: "a value"))
            self = document.map { EditTree($0.root) } ?? .scalar(text, .string)
        }
    }

    /// The tree with the change made at `parts`; unchanged where they lead nowhere.
    func applying(_ change: Edit.Change, parts: ArraySlice<FieldPath.Part>) -> EditTree {
        guard let part = parts.first else {
            switch (change, self) {
            case (.set(_, let value), _): return EditTree(value)
            case (.append(_, let value), .sequence(let items)): return .sequence(items + [EditTree(value)])
            case (.append(_, let value), .scalar(_, .null)): return .sequence([EditTree(value)])
            default: return self
            }
        }
        let rest = parts.dropFirst()
        switch (self, part) {
        case (.sequence(var items), .index(let index)) where index < items.count:
            items[index] = items[index].applying(change, parts: rest)
            return .sequence(items)
        case (.mapping(var pairs), .key(let key)):
            if let at = pairs.firstIndex(where: { $0.key.text == key }) {
                if rest.isEmpty, case .remove = change {
                    pairs.remove(at: at)
                } else {
                    pairs[at].value = pairs[at].value.applying(change, parts: rest)
                }
            } else if rest.isEmpty, case .set(_, let value) = change {
                pairs.append(Pair(key: .scalar(key, .string), value: EditTree(value)))
            } else if rest.isEmpty, case .append(_, let value) = change {
                pairs.append(Pair(key: .scalar(key, .string), value: .sequence([EditTree(value)])))
            }
            return .mapping(pairs)
        case (.scalar(_, .null), .key):
            return EditTree.mapping([]).applying(change, parts: parts)
        default: return self
        }
    }

    private var text: String? {
        if case .scalar(let text, _) = self { text } else { nil }
    }
}
