// SPDX-License-Identifier: Apache-2.0
package import OCI

/// The place of a field in a JSON, YAML or TOML file: `spec.registry`, `Installation/default:spec.registry`,
/// `spec.containers[0].image`.
///
/// Parts are separated by dots; a backslash takes the meaning from the character after it
/// (`metadata.annotations.example\.org/kind`), and quotes around a part from all in it
/// (`plugins."io.containerd.grpc.v1.cri".registry`). `KIND:` or `KIND/NAME:` before it chooses among the
/// documents of a Kubernetes file, as kubectl writes it.
package struct FieldPath: Sendable, Hashable {
    /// One step down.
    package enum Part: Sendable, Hashable {
        /// Into a mapping, by key.
        case key(String)
        /// Into a list, by place from 0.
        case index(Int)
    }

    /// `kind` of the documents that are meant; `nil` for any.
    package let kind: String?
    /// `metadata.name` of the document that is meant; `nil` for any.
    package let name: String?
    /// The steps from the root; at least one.
    package let parts: [Part]
    private let text: String

    /// Parses a path.
    /// - Throws: a ``Failure`` of kind `configuration` that shows the text and what is wrong in it.
    package init(_ text: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "read the field path", "'\(text.prefix(100))'", because: reason,
                remedy: "write it like spec.registry, spec.items[0].image or Installation:spec.registry")
        }
        self.text = text
        var rest = text[...]
        var selector: Substring?
        var parts: [Part] = []
        while true {
            do throws(PartFault) { parts.append(try Self.part(&rest)) } catch { throw refuse(error.reason) }
            guard let next = rest.first else { break }
            switch next {
            case "[": continue
            case ".": rest = rest.dropFirst()
            case ":" where selector == nil:
                selector = text[..<rest.startIndex]
                parts = []
                rest = rest.dropFirst()
            default: throw refuse("'\(next)' where a '.' or '[' is expected")
            }
            if rest.first == "[", next == "." { throw refuse("a part of it is empty") }
        }
        let halves = selector?.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false) ?? []
        if halves.contains(where: \.isEmpty) { throw refuse("expected KIND: or KIND/NAME: before the path") }
        kind = halves.first.map(String.init)
        name = halves.count > 1 ? String(halves[1]) : nil
        self.parts = parts
    }

    private struct PartFault: Error {
        let reason: String
    }

    /// Takes one part from the front of `rest`.
    private static func part(_ rest: inout Substring) throws(PartFault) -> Part {
        guard rest.first == "[" else {
            guard let key = key(&rest) else { throw PartFault(reason: "a quote is not closed") }
            guard !key.isEmpty else { throw PartFault(reason: "a part of it is empty") }
            return .key(key)
        }
        let digits = rest.dropFirst().prefix { $0 != "]" }
        guard let index = Int(digits), index >= 0, digits.count + 2 <= rest.count else {
            throw PartFault(reason: "'\(digits)' in brackets is no place in a list")
        }
        rest = rest.dropFirst(digits.count + 2)
        return .index(index)
    }

    /// Takes one key from the front of `rest`, its backslashes resolved; `nil` for one in quotes that are not closed.
    private static func key(_ rest: inout Substring) -> String? {
        var key = ""
        if let quote = rest.first, quote == "\"" || quote == "'" {
            rest = rest.dropFirst()
            while let character = rest.popFirst() {
                if character == quote { return key }
                key.append(character == "\\" && quote == "\"" ? rest.popFirst() ?? "\\" : character)
            }
            return nil
        }
        while let character = rest.first, !".[:".contains(character) {
            rest = rest.dropFirst()
            key.append(character == "\\" ? rest.popFirst() ?? "\\" : character)
        }
        return key
    }

    private init(_ path: FieldPath, parts: [Part]) {
        (kind, name, text) = (path.kind, path.name, path.text)
        self.parts = parts
    }

    /// The place of the first `count` steps.
    func prefix(_ count: Int) -> FieldPath { FieldPath(self, parts: Array(parts.prefix(count))) }

    /// Whether the document is one that the path may mean.
    func admits(_ document: YAMLDocument) -> Bool {
        (kind == nil || kind == document.kind) && (name == nil || name == document.name)
    }
}

extension FieldPath: CustomStringConvertible {
    /// The text that it was read from.
    package var description: String { text }
}
