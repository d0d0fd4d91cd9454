// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A value of an edit as TOML writes it.
struct TOMLValue {
    /// How it is written.
    let text: String
    /// What it says.
    let tree: TOMLTree

    /// - Throws: a ``Failure`` of kind `configuration` for what TOML has no value for: nothing, and numbers of YAML alone.
    init(_ value: Edit.Value) throws(Failure) {
        switch value {
        case .text(let text): self = Self(string: text)
        case .literal(let text): try self.init(literal: text)
        case .json(let text):
            try self.init(YAMLDocument(json: SourceText(Array(text.utf8), path: "the value")).root)
        }
    }

    private init(text: String, tree: TOMLTree) { (self.text, self.tree) = (text, tree) }

    private init(string: String) { self.init(text: ScalarWriter.json(string), tree: .string(string)) }

    private init(literal: String) throws(Failure) {
        let words = ["yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"]
        let lower = literal.lowercased()
        let isTruth = lower == "true" || lower == "false"
        let written = words[lower] ?? (isTruth ? lower : literal)
        guard TOMLLiteral.isOne(written) else {
            throw Failure(
                .configuration, "write as TOML", "'\(literal.prefix(60))'",
                because: lower == "null" || lower == "~" ? "TOML has no null" : "it is no number of TOML",
                remedy: lower == "null" || lower == "~"
                    ? "remove the key instead" : "put it in quotes where text is meant")
        }
        self.init(text: written, tree: .literal(written))
    }

    // The depth is bounded: a value of a spec is nested at most 200 levels.
    private init(_ node: YAMLNode) throws(Failure) {
        if let items = node.items {
            var values: [TOMLValue] = []
            for item in items { values.append(try TOMLValue(item)) }
            self.init(
                text: "[" + values.map(\.text).joined(separator: ", ") + "]", tree: .array(values.map(\.tree))
            )
        } else if let entries = node.entries {
            var (texts, fields) = ([String](), [String: TOMLTree]())
            for entry in entries {
                let (key, value) = (entry.key.text ?? "", try TOMLValue(entry.value))
                texts.append(TOMLEdit.key([key]) + " = " + value.text)
                fields[key] = value.tree
            }
            self.init(
                text: texts.isEmpty ? "{}" : "{ \(texts.joined(separator: ", ")) }", tree: .table(fields))
        } else if node.scalarType == .string {
            self.init(string: node.text ?? "")
        } else {
            try self.init(literal: node.text ?? "null")
        }
    }
}
