// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension Edit.Change {
    /// The change as one that makes the parents which the file lacks: the outermost of them is set to a mapping with the rest
    /// in it. The same where nothing is lacking, where several documents could be meant, and where a key that is there is
    /// almost the missing one: that is probably a slip.
    func makingParents(in state: EditState) -> Edit.Change {
        guard let value = newValue else { return self }
        let documents = state.documents.filter(path.admits)
        let depths = documents.map { EditTarget.reach(path.parts, root: $0.root) }
        guard let depth = depths.max(), depth + 1 < path.parts.count,
            depths.count(where: { $0 == depth }) == 1,
            let document = zip(documents, depths).first(where: { $0.1 == depth })?.0
        else { return self }
        let keys = path.parts[depth...].compactMap(\.key)
        let parent = path.parts[..<depth].reduce(document.root) { EditTarget.child(of: $0, $1) ?? $0 }
        guard keys.count == path.parts.count - depth, let entries = parent.entries,
            !Suggestion.isSlip(keys[0], of: entries.compactMap(\.key.text))
        else { return self }
        let json = keys.dropFirst().reversed().reduce(value) { "{\(ScalarWriter.json($1)): \($0)}" }
        return .set(path.prefix(depth + 1), .json(json))
    }

    /// What a field that is made gets, as JSON; `nil` for a removal, and for a number that JSON does not have.
    private var newValue: String? {
        switch self {
        case .remove: nil
        case .set(_, let value): value.json
        case .append(_, let value): value.json.map { "[\($0)]" }
        }
    }
}

extension Edit.Value {
    /// The value as JSON; `nil` for a number that JSON does not have.
    fileprivate var json: String? {
        switch self {
        case .json(let text): return text
        case .text(let text): return ScalarWriter.json(text)
        case .literal(let text):
            switch YAMLScalarType(plain: text) {
            case .null: return "null"
            case .bool: return ["true", "yes", "on", "y"].contains(text.lowercased()) ? "true" : "false"
            default:
                return (try? YAMLDocument(json: SourceText(Array(text.utf8), path: "a value"))) == nil
                    ? nil : text
            }
        }
    }
}

extension Suggestion {
    /// Whether a key of at least three letters that is missing is almost one that is there.
    static func isSlip(_ key: String, of keys: [String]) -> Bool {
        key.utf8.count > 2 && nearest(to: key, among: keys) != nil
    }
}
