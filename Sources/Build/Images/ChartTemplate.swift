// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import YAML

/// What a line of a chart's template says once the chart is rendered with its own values, as far as that can be known
/// without running templates: values, chart fields, text, and the few functions by which charts put an
/// image's name together.
///
/// sealer renders with helm's engine and the release name `dryrun`. What needs more than this (`include`, `tpl`, a
/// loop's own variable, …) is reported as unknown, never guessed.
struct ChartTemplate {
    private let values: Field
    private let chart: Field
    /// A library speaks of the values of the chart that takes it.
    private let isLibrary: Bool

    /// - Parameters:
    ///   - values: the chart's `values.yaml`; null where they are not known.
    ///   - chart: its `Chart.yaml`.
    init(values: Tree, chart: Tree) {
        self.values = Field(values)
        self.chart = Field(chart)
        isLibrary = chart["type"]?.string == "library"
    }

    /// A value whose fields are found at once: a chart may have as many as lines that ask for them.
    private final class Field {
        let tree: Tree
        private lazy var fields: [String: Field] = .init(
            tree.members.map { ($0.key, Field($0.value)) }, uniquingKeysWith: { $1 })

        init(_ tree: Tree) { self.tree = tree }

        subscript(key: String) -> Field? { fields[key] }
    }

    /// Needs more than is known here.
    private struct Unknown: Error {}

    /// `line` with its actions replaced; `nil` where one of them is beyond this.
    func rendered(_ line: String) -> String? {
        if isLibrary, line.contains("{{") { return nil }
        var result = ""
        var rest = line[...]
        while let open = rest.firstRange(of: "{{") {
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else { return nil }
            var action = rest[open.upperBound..<close.lowerBound]
            result += rest[..<open.lowerBound]
            rest = rest[close.upperBound...]
            if action.first == "-" {
                action = action.dropFirst()
                while result.last?.isWhitespace == true { result.removeLast() }
            }
            if action.last == "-" {
                action = action.dropLast()
                rest = rest.drop(while: \.isWhitespace)
            }
            guard let value = try? evaluate(Self.words(action)) else { return nil }
            result += value
        }
        return result + rest
    }

    // MARK: lines

    /// What a line has as its value where that is a block below it.
    static let blockHeaders: Set<String> = [">", ">-", ">+", "|", "|-", "|+"]

    /// The lines with comments taken out, and nothing in place of those that have nothing else.
    static func withoutComments(_ lines: [String]) -> [String] {
        var isOpen = false
        return lines.map { line in
            var (kept, rest) = ("", line[...])
            while true {
                if isOpen {
                    guard let end = rest.firstRange(of: "*/") else { return kept }
                    rest = rest[end.upperBound...]
                    rest = rest.firstRange(of: "}}").map { rest[$0.upperBound...] } ?? ""
                    isOpen = false
                }
                guard let start = rest.firstRange(of: "/*"),
                    let open = rest[..<start.lowerBound].lastIndex(of: "{"),
                    rest[rest.index(after: open)..<start.lowerBound].allSatisfy({ "- ".contains($0) })
                else { return kept + rest }
                kept += rest[..<open].dropLast()
                (rest, isOpen) = (rest[start.upperBound...], true)
            }
        }
    }

    /// Whether a line is an action that gives a value, rather than one that decides on lines.
    static func isValue(_ line: String) -> Bool {
        guard line.hasPrefix("{{") else { return false }
        let action = line.dropFirst(2).drop { $0 == "-" || $0 == " " }
        let word = action.prefix { $0.isLetter }
        return !action.hasPrefix("/*") && !action.contains("=")
            && !["if", "else", "range", "with", "define", "block", "end", "break", "continue"].contains(word)
    }

    /// The line of a template whose key is not one of an image, where it may name one all the same: an action in its
    /// value speaks of images, and nothing says that it comes to less than a name.
    func mayNameImage(_ line: String) -> String? {
        let text = line.trimmed
        guard !text.hasPrefix("{{"), !text.hasPrefix("#"), let open = text.firstRange(of: "{{") else {
            return nil
        }
        guard text[..<open.lowerBound].contains(where: { ":=-".contains($0) }) else { return nil }
        let words = text[open.lowerBound...].lowercased().split(separator: "{{")
            .flatMap { part in
                (part.firstRange(of: "}}").map { part[..<$0.lowerBound] } ?? part)
                    .split { !($0.isLetter || $0.isNumber || "._-".contains($0)) }
            }
        let isNamed = words.contains { word in
            let last = word.split(separator: ".").last ?? ""
            return last.hasSuffix("image") || last.hasSuffix("images")
                || word.contains("image") && ["registry", "repository", "hub", "name"].contains(last)
        }
        let before = text[..<open.lowerBound].lowercased().split { ":=\"' ".contains($0) }
        guard isNamed || before.last?.hasSuffix("image") == true else { return nil }
        guard let known = rendered(text) else { return text }
        return known.contains("/") || known.dropFirst(open.lowerBound.utf16Offset(in: text)).contains(":")
            ? known : nil
    }

    /// How many blocks (`if`, `range`, `with`, `define`, `block`) a line opens, less those that it ends.
    static func blocks(_ line: String) -> Int {
        var depth = 0
        var rest = line[...]
        while let open = rest.firstRange(of: "{{") {
            rest = rest[open.upperBound...]
            let word = rest.drop { $0 == "-" || $0 == " " }.prefix { $0.isLetter }
            if ["if", "range", "with", "define", "block"].contains(word) { depth += 1 }
            if word == "end" { depth -= 1 }
        }
        return depth
    }

    // MARK: expressions

    /// The words of an action: text in quotes keeps its opening quote, a pipe and parentheses are words.
    private static func words(_ action: Substring) throws(Unknown) -> [String] {
        var words: [String] = []
        var rest = action[...]
        while let first = rest.first {
            if first.isWhitespace {
                rest = rest.dropFirst()
            } else if first == "\"" || first == "`" {
                guard let end = rest.dropFirst().firstIndex(of: first) else { throw Unknown() }
                let text = rest[rest.index(after: rest.startIndex)..<end]
                if first == "\"", text.contains("\\") { throw Unknown() }
                words.append("\"" + text)
                rest = rest[rest.index(after: end)...]
            } else if "|()".contains(first) {
                words.append(String(first))
                rest = rest.dropFirst()
            } else {
                let word = rest.prefix { !$0.isWhitespace && !"|()\"`".contains($0) }
                words.append(String(word))
                rest = rest.dropFirst(word.count)
            }
        }
        return words
    }

    /// The value of a pipeline; `nil` for a key that is not there.
    private func evaluate(_ words: [String]) throws(Unknown) -> String? {
        var at = 0
        // Parentheses nest no deeper than a person writes them.
        guard words.count(where: { $0 == "(" }) <= 32 else { throw Unknown() }
        let value = try pipeline(words, at: &at)
        guard at == words.count else { throw Unknown() }
        return value
    }

    private func pipeline(_ words: [String], at: inout Int) throws(Unknown) -> String? {
        var value: String??
        repeat {
            var stage: [String?] = []
            var function: String?
            while at < words.count, words[at] != "|", words[at] != ")" {
                let word = words[at]
                at += 1
                if word == "(" {
                    stage.append(try pipeline(words, at: &at))
                    guard at < words.count, words[at] == ")" else { throw Unknown() }
                    at += 1
                } else if word.hasPrefix("\"") {
                    stage.append(String(word.dropFirst()))
                } else if word.hasPrefix(".") || word.hasPrefix("$.") {
                    stage.append(try field(word.hasPrefix("$") ? word.dropFirst() : word[...]))
                } else {
                    guard function == nil, stage.isEmpty else { throw Unknown() }
                    function = word
                }
            }
            if let value { stage.append(value) }
            value = .some(try Self.call(function, arguments: stage))
            guard at < words.count, words[at] == "|" else { break }
            at += 1
        } while true
        return value ?? nil
    }

    private static func call(_ function: String?, arguments: [String?]) throws(Unknown) -> String? {
        switch (function, arguments.count) {
        case (nil, 1), ("quote", 1), ("squote", 1), ("toString", 1): return arguments[0]
        case ("trim", 1): return arguments[0]?.trimmed
        case ("lower", 1): return arguments[0]?.lowercased()
        case ("required", 2):
            guard let value = arguments[1], !value.isEmpty else { throw Unknown() }
            return value
        case ("default", 2):
            guard let value = arguments[1], !value.isEmpty else { return arguments[0] }
            return value
        case ("printf", 2...):
            guard let format = arguments[0] else { throw Unknown() }
            let parts = format.split(separator: "%s", omittingEmptySubsequences: false)
            guard parts.count == arguments.count, !parts.contains(where: { $0.contains("%") }) else {
                throw Unknown()
            }
            var result = String(parts[0])
            for (part, value) in zip(parts.dropFirst(), arguments.dropFirst()) {
                guard let value else { throw Unknown() }
                result += value + part
            }
            return result
        default: throw Unknown()
        }
    }

    private func field(_ path: Substring) throws(Unknown) -> String? {
        let keys = path.split(separator: ".").map(String.init)
        guard let root = keys.first else { throw Unknown() }
        if root == "Release", keys.dropFirst() == ["Name"] { return "dryrun" }
        var field: Field
        switch root {
        case "Values" where values.tree == .null: throw Unknown()
        case "Values": field = values
        case "Chart": field = chart
        default: throw Unknown()
        }
        for (depth, key) in keys.enumerated().dropFirst() {
            // The fields of Chart are Go's: AppVersion for appVersion.
            let name = root == "Chart" && depth == 1 ? key.prefix(1).lowercased() + key.dropFirst() : key
            guard let next = field[name] else { return nil }
            field = next
        }
        switch field.tree {
        case .null: return nil
        case .string(let text):
            // The tree does not say what was in quotes; only numbers differ then.
            let isNumber = [.int, .float].contains(YAMLScalarType(plain: text))
            guard !isNumber || YAMLScalarType.isPrintedAsWritten(plain: text) else { throw Unknown() }
            return text
        default: throw Unknown()
        }
    }
}
