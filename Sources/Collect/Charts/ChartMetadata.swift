// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import YAML

/// What a chart's `Chart.yaml` says, as Helm reads it and writes it into the config and the annotations of an artifact.
/// Source: Helm 4.2, `pkg/chart/v2/metadata.go` and `pkg/registry/chart.go`.
struct ChartMetadata {
    let name: String
    let version: String
    /// The config's bytes: equal to those that `helm push` writes.
    let config: [UInt8]
    private let fields: YAMLNode

    /// - Parameter requirements: `requirements.yaml`, which lists the dependencies of a chart of `apiVersion: v1`.
    /// - Throws: a ``Failure`` of kind `data` for what is not one YAML mapping with a name and a version.
    init(parsing bytes: [UInt8], requirements: [UInt8]?, artifact: String) throws(Failure) {
        func root(_ bytes: [UInt8], _ name: String) throws(Failure) -> YAMLNode? {
            try YAMLDocuments.all(SourceText(bytes, path: "\(name) of \(artifact)")).first?.root
        }
        guard let fields = try root(bytes, "Chart.yaml"), let name = fields["name"]?.goText, !name.isEmpty,
            let version = fields["version"]?.goText, !version.isEmpty
        else {
            throw Failure(
                .data, "read the chart", artifact, because: "its Chart.yaml has no name or no version",
                remedy: "ask the chart's publisher: Helm refuses it too")
        }
        var dependencies = fields["dependencies"]
        if fields["apiVersion"]?.goText ?? "v1" == "v1", let requirements {
            dependencies = try root(requirements, "requirements.yaml")?["dependencies"] ?? dependencies
        }
        self.name = name.clean
        self.version = version
        self.fields = fields
        config = Self.config(fields, dependencies).json()
    }

    /// The annotations that `helm push` gives the manifest. The time is that of the archive, so that equal archives give
    /// equal manifests.
    func annotations(created: Int64) -> [String: String] {
        var all: [String: String] = [:]
        let own = "org.opencontainers.image."
        func put(_ key: String, _ value: String?) { if let value, !value.isEmpty { all[own + key] = value } }
        put("description", fields["description"]?.cleanText)
        put("title", name)
        put("version", version)
        put("url", fields["home"]?.cleanText)
        put("created", UTCTime.text(created))
        put("source", fields["sources"]?.items?.first?.cleanText)
        let authors = (fields["maintainers"]?.items ?? []).map { maintainer in
            let email = maintainer["email"]?.cleanText ?? ""
            return (maintainer["name"]?.cleanText ?? "") + (email.isEmpty ? "" : " (\(email))")
        }
        put("authors", authors.joined(separator: ", "))
        for entry in fields["annotations"]?.entries ?? [] {
            guard let key = entry.key.text, ![own + "title", own + "version"].contains(key) else { continue }
            all[key] = entry.value.goText ?? ""
        }
        return all
    }

    private static func text(_ key: String, in node: YAMLNode) -> Tree? {
        node[key]?.cleanText.flatMap(Tree.text)
    }

    private static func list(_ key: String, in node: YAMLNode) -> Tree? {
        Tree.list((node[key]?.items ?? []).map { $0.cleanText ?? "" })
    }

    private static func many(_ node: YAMLNode?, _ one: (YAMLNode) -> Tree) -> Tree? {
        let all = (node?.items ?? []).map(one)
        return all.isEmpty ? nil : .array(all)
    }

    private static func config(_ fields: YAMLNode, _ dependencies: YAMLNode?) -> Tree {
        let annotations = (fields["annotations"]?.entries ?? []).reduce(into: [String: String]()) {
            if let key = $1.key.text { $0[key] = $1.value.goText ?? "" }
        }
        return .fields([
            "name": text("name", in: fields), "home": text("home", in: fields),
            "sources": list("sources", in: fields),
            "version": fields["version"]?.goText.flatMap(Tree.text),
            "description": text("description", in: fields), "keywords": list("keywords", in: fields),
            "maintainers": many(fields["maintainers"]) { one in
                .fields([
                    "name": text("name", in: one), "email": text("email", in: one),
                    "url": text("url", in: one),
                ])
            },
            "icon": text("icon", in: fields),
            "apiVersion": fields["apiVersion"]?.goText.flatMap(Tree.text) ?? .string("v1"),
            "condition": text("condition", in: fields), "tags": text("tags", in: fields),
            "appVersion": text("appVersion", in: fields),
            "deprecated": fields["deprecated"]?.isTrue == true ? .bool(true) : nil,
            "annotations": Tree.map(annotations), "kubeVersion": text("kubeVersion", in: fields),
            "dependencies": many(dependencies, dependency),
            "type": text("type", in: fields),
        ])
    }

    private static func dependency(_ fields: YAMLNode) -> Tree {
        .fields([
            "name": .string(fields["name"]?.cleanText ?? ""), "version": text("version", in: fields),
            "repository": .string(fields["repository"]?.cleanText ?? ""),
            "condition": text("condition", in: fields), "tags": list("tags", in: fields),
            "enabled": fields["enabled"]?.isTrue == true ? .bool(true) : nil,
            "import-values": many(fields["import-values"]) { $0.tree }, "alias": text("alias", in: fields),
        ])
    }
}

extension YAMLNode {
    /// The text that Go puts into a string: plain numbers and truth values in Go's own spelling; `nil` for nothing.
    fileprivate var goText: String? {
        guard let text else { return nil }
        switch scalarType {
        case .null: return nil
        case .bool: return isTrue ? "true" : "false"
        case .int: return text.goInt.map(String.init) ?? text
        case .float:
            guard let value = Double(text), value.magnitude < 1e6, value.magnitude >= 1e-4 || value == 0
            else {
                return text
            }
            let shortest = "\(value)"
            return shortest.hasSuffix(".0") ? String(shortest.dropLast(2)) : shortest
        default: return text
        }
    }

    fileprivate var cleanText: String? { goText?.clean }

    fileprivate var isTrue: Bool {
        scalarType == .bool && ["y", "yes", "on", "true"].contains(text?.lowercased() ?? "")
    }

    /// The value as Go's JSON writes a document of any form: keys sorted. As deep as YAML may be nested at most.
    fileprivate var tree: Tree {
        if let items { return .array(items.map(\.tree)) }
        if let entries {
            let members = entries.map { Tree.Member(key: $0.key.text ?? "", value: $0.value.tree) }
            return .object(members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        }
        guard let text = goText else { return .null }
        return switch scalarType {
        case .bool: .bool(isTrue)
        case .int, .float: Double(text) == nil ? .string(text) : .number(text)
        default: .string(text)
        }
    }
}

extension String {
    /// A whole number as Go's YAML reads it: decimal, or by the prefixes `0x`, `0b`, `0o` and `0`, which is octal.
    fileprivate var goInt: Int64? {
        let isNegative = hasPrefix("-")
        let digits = (isNegative || hasPrefix("+") ? dropFirst() : self[...]).replacing("_", with: "")
            .lowercased()
        let radixes: [(prefix: String, radix: Int)] = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8), ("", 10)]
        guard digits != "0", let (prefix, radix) = radixes.first(where: { digits.hasPrefix($0.prefix) })
        else {
            return digits == "0" ? 0 : nil
        }
        return Int64(digits.dropFirst(prefix.count), radix: radix).map { isNegative ? -$0 : $0 }
    }

    /// White space made a space, and what is not printable left out, as Helm cleans what it shows.
    fileprivate var clean: String {
        var cleaned = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.properties.isWhitespace {
                cleaned.append(" ")
            } else if !Self.unprintable.contains(scalar.properties.generalCategory) {
                cleaned.append(scalar)
            }
        }
        return String(cleaned)
    }

    private static let unprintable: Set<Unicode.GeneralCategory> = [
        .control, .format, .surrogate, .privateUse, .unassigned,
    ]
}
