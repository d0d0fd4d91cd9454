// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension YAMLNode {
    /// The value as JSON, aliases written out; `nil` where it has more than 10,000 values, a key that is no text, or one
    /// key twice.
    package func json() -> String? {
        var left = 10_000
        return json(&left)
    }

    // The depth is bounded: a document is nested at most 200 levels, aliases included.
    private func json(_ left: inout Int) -> String? {
        left -= 1
        guard left >= 0 else { return nil }
        let node = resolved
        switch node.content {
        case .sequence(let items, _):
            var parts: [String] = []
            for item in items {
                guard let part = item.json(&left) else { return nil }
                parts.append(part)
            }
            return "[" + parts.joined(separator: ", ") + "]"
        case .mapping(let entries, _):
            var parts: [String] = []
            guard node.doubledKeys.isEmpty else { return nil }
            for entry in entries {
                guard let key = entry.key.text, let part = entry.value.json(&left) else { return nil }
                parts.append(ScalarWriter.json(key) + ": " + part)
            }
            return "{" + parts.joined(separator: ", ") + "}"
        default: return node.scalarJSON
        }
    }

    private var scalarJSON: String? {
        guard let text else { return nil }
        switch scalarType {
        case .null: return "null"
        case .bool: return ["true", "yes", "on", "y"].contains(text.lowercased()) ? "true" : "false"
        case .int, .float: return isJSONNumber(text) ? text : nil
        default: return ScalarWriter.json(text)
        }
    }
}

/// Whether JSON has the number in that spelling.
private func isJSONNumber(_ text: String) -> Bool {
    guard let node = try? JSONNode(Array(text.utf8), within: JSONBounds(depth: 0)),
        case .scalar(.number) = node.content
    else { return false }
    return node.range.count == text.utf8.count
}
