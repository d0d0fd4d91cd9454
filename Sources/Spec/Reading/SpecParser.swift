// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The state of reading one spec: its mistakes, its line marks, and what later sections refer to.
struct SpecParser {
    /// What sections read earlier have defined.
    struct Context {
        var platforms: [Platform] = []
        var release: String?
        var base: Spec.Base?
        var files: [String: Spec.FileSource] = [:]
        var charts: [Spec.Chart] = []
        var images: [Reference] = []
        var imagePlatforms: [Spec.ImagePlatforms] = []
        /// Whether files name more images, which are read later.
        var hasMoreImages = false
        var archives: [Spec.Archive] = []
        var attached: [Spec.Attached] = []
        var built: [Reference] = []
    }

    /// No person reads more.
    private static let mostProblems = 500

    /// The file that is read, and where its relative paths begin, seen from the spec's folder.
    var source: SourceText
    var folder = ""
    /// The files of the spec, each after those that it includes, and the number of the one that is read.
    var parts: [SpecPart] = []
    var current = 0
    /// Whether an included file could not be read: then nothing of the rest is known.
    var lacksPart = false
    /// The mistakes so far, and what is not known because of them.
    var gaps = SpecGaps()
    var problems: [SpecDiagnostic] { gaps.problems }
    var marks: [SpecPath: FilePlace] = [:]
    /// The files that Kubefiles come from, by the numbers of their builds.
    var kubefiles: [Int: String] = [:]
    var context = Context()
    // Aliases may multiply what a short file says; a spec of a person stays far below.
    private var left = 50_000

    init(_ source: SourceText) { self.source = source }

    mutating func note(offset: Int, _ message: String) {
        guard problems.count < Self.mostProblems else { return }
        gaps.problems.append(
            SpecDiagnostic(path: source.path, position: source.position(of: offset), message: message))
    }

    mutating func note(_ node: YAMLNode, message: String) { note(offset: node.range.lowerBound, message) }

    /// Records where a part is.
    @discardableResult
    mutating func mark(_ node: YAMLNode, part: SpecPath) -> SourcePosition {
        let position = source.position(of: node.range.lowerBound)
        marks[part] = FilePlace(path: source.path, position: position)
        return position
    }

    /// A node in words that show it.
    func shown(_ node: YAMLNode) -> String {
        guard let text = node.text, !text.isEmpty else { return node.kindInWords }
        let first = text.prefix { !$0.isNewline }.prefix(60)
        return "\(node.kindInWords) ('\(first)')"
    }

    private mutating func spend(_ count: Int, node: YAMLNode) -> Bool {
        left -= count
        if left < 0, left + count >= 0 {
            gaps.problems.removeLast(problems.count == Self.mostProblems ? 1 : 0)
            note(node, message: "the spec's aliases multiply to over 50,000 values")
        }
        return left >= 0
    }

    // MARK: mappings and lists

    /// The values of a mapping whose keys are fixed; `nil` where it is no mapping. Unknown, doubled and missing
    /// keys are noted.
    mutating func mapping(
        _ node: YAMLNode, as what: String, keys: [String], required: [String] = []
    ) -> [String: YAMLNode]? {
        guard let entries = node.entries else {
            note(
                node,
                message:
                    "expected \(what) as a mapping with \(keys.joined(separator: ", ")); found \(shown(node))"
            )
            return nil
        }
        let present = Set(entries.compactMap(\.key.text))
        var fields: [String: YAMLNode] = [:]
        for (key, value) in uniqueEntries(entries, node: node, as: what) {
            if let name = key.text, keys.contains(name) {
                fields[name] = value
                continue
            }
            let meant = Suggestion.nearest(to: key.text ?? "", among: keys)
            let advice =
                meant.map { "did you mean '\($0)'?" } ?? "expected \(keys.joined(separator: ", "))"
            note(key, message: "unknown key '\(key.text ?? "?")' in \(what); \(advice)")
            // What is below it is read as what was meant: it may have mistakes of its own, and others refer to it.
            if let meant, !present.contains(meant), fields[meant] == nil { fields[meant] = value }
        }
        for key in required where fields[key] == nil && !present.contains(key) {
            note(node, message: "\(what) has no '\(key)'")
        }
        return fields
    }

    /// The entries of a mapping whose keys are names of the user's; none where there is no node.
    mutating func named(_ node: YAMLNode?, as what: String) -> [(key: YAMLNode, value: YAMLNode)] {
        guard let node else { return [] }
        guard let entries = node.entries else {
            note(node, message: "expected \(what) as a mapping; found \(shown(node))")
            return []
        }
        return uniqueEntries(entries, node: node, as: what)
    }

    private mutating func uniqueEntries(
        _ entries: [YAMLNode.Entry], node: YAMLNode, as what: String
    ) -> [(key: YAMLNode, value: YAMLNode)] {
        guard spend(entries.count, node: node) else { return [] }
        var first: [String: YAMLNode] = [:]
        var unique: [(key: YAMLNode, value: YAMLNode)] = []
        for entry in entries {
            guard let name = entry.key.text, entry.key.scalarType != .null else {
                note(entry.key, message: "expected a name as key in \(what); found \(shown(entry.key))")
                continue
            }
            if let before = first[name] {
                let line = source.position(of: before.range.lowerBound).line
                note(entry.key, message: "the key '\(name)' is in \(what) already, in line \(line)")
                continue
            }
            first[name] = entry.key
            unique.append((entry.key, entry.value))
        }
        return unique
    }

    /// The items of a list; none where there is no node.
    mutating func list(_ node: YAMLNode?, as what: String) -> [YAMLNode] {
        guard let node else { return [] }
        guard let items = node.items else {
            note(node, message: "expected \(what) as a list; found \(shown(node))")
            return []
        }
        return spend(items.count, node: node) ? items : []
    }

    /// The items of a list, or one item without a list; none at all is noted.
    mutating func oneOrMore(_ node: YAMLNode?, as what: String) -> [YAMLNode] {
        guard let node else { return [] }
        if node.entries == nil, node.items == nil, node.scalarType != .null { return [node] }
        let items = list(node, as: what)
        if node.items?.isEmpty == true { note(node, message: "expected at least one of \(what)") }
        return items
    }
}
