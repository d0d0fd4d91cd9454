// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// The text of a RUN as sealer hands it to the shell: quotes and backslashes are taken off and `$NAME`,
/// `${NAME}`, `${NAME:-WORD}`, `${NAME:+WORD}` and `${NAME:?WORD}` replaced by build arguments, before any
/// shell sees it. A name that is no argument becomes nothing, shell variables included.
///
/// Source: sealer 0.8.6, `build/buildinstruction/cmd.go`, which uses buildkit's `shell.Lex`.
struct ShellLexer {
    private let values: [String: String]
    private var rest: Substring.UnicodeScalarView
    /// Names that were looked for and are no arguments.
    private(set) var unknown: [String] = []

    private init(_ text: String, values: [String: String]) {
        self.values = values
        rest = Substring(text).unicodeScalars
    }

    /// Replaces and unquotes `text`.
    /// - Returns: the text for the shell, and the names in it that are no arguments.
    /// - Throws: a ``Failure`` of kind `configuration` for an open quote or brace, or an argument that `?` asks for.
    static func expand(
        _ text: String, values: [String: String]
    ) throws(Failure) -> (text: String, unknown: [String]) {
        var word = ShellLexer(text, values: values)
        let result = try word.process(until: nil)
        return (result, word.unknown)
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .configuration, "replace the arguments in", "a RUN", because: reason,
            remedy:
                "sealer reads quotes, backslashes and $ in RUN before the shell does: write what it shall see"
        )
    }

    /// How deep `${A:-${B:-…}}` may be nested.
    private static let deepest = 64
    private var depth = 0

    private mutating func process(until stop: Unicode.Scalar?) throws(Failure) -> String {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw refuse("'${' is nested more than \(Self.deepest) deep") }
        var result = ""
        while let scalar = rest.first {
            if scalar == stop {
                rest.removeFirst()
                return result
            }
            switch scalar {
            case "'": result += try single()
            case "\"": result += try double()
            case "$": result += try dollar()
            case "\\":
                rest.removeFirst()
                if let escaped = rest.popFirst() { result.unicodeScalars.append(escaped) }
            default:
                result.unicodeScalars.append(scalar)
                rest.removeFirst()
            }
        }
        if stop != nil { throw refuse("a '}' is missing") }
        return result
    }

    private mutating func single() throws(Failure) -> String {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: "'") else { throw refuse("a single quote is not closed") }
        let inner = String(Substring(rest[..<end]))
        rest = rest[rest.index(after: end)...]
        return inner
    }

    private mutating func double() throws(Failure) -> String {
        rest.removeFirst()
        var result = ""
        while let scalar = rest.first {
            if scalar == "$" {
                result += try dollar()
                continue
            }
            rest.removeFirst()
            if scalar == "\"" { return result }
            guard scalar == "\\" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            guard let next = rest.first else { break }
            if ["\"", "$", "\\"].contains(next) {
                result.unicodeScalars.append(next)
                rest.removeFirst()
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        throw refuse("a double quote is not closed")
    }

    private mutating func dollar() throws(Failure) -> String {
        rest.removeFirst()
        guard rest.first == "{" else {
            let name = name()
            return name.isEmpty ? "$" : value(of: name) ?? ""
        }
        rest.removeFirst()
        guard let first = rest.first else { throw refuse("a '}' is missing") }
        if ["{", "}", ":"].contains(first) { throw refuse("'${\(first)' names no argument") }
        let name = name()
        switch rest.popFirst() {
        case "}": return value(of: name) ?? ""
        case "?":
            let word = try process(until: "}")
            guard let value = value(of: name) else { throw demanded(name, word: word) }
            return value
        case ":":
            let modifier = rest.popFirst()
            let word = try process(until: "}")
            let value = value(of: name)
            switch modifier {
            case "-": return value.flatMap { $0.isEmpty ? nil : $0 } ?? word
            case "+": return value.flatMap { $0.isEmpty ? nil : word } ?? ""
            case "?":
                guard let value, !value.isEmpty else { throw demanded(name, word: word) }
                return value
            default: throw refuse("sealer knows only ${NAME:-…}, ${NAME:+…} and ${NAME:?…}")
            }
        default: throw refuse("'${\(name)' is not closed, or has a form that sealer does not know")
        }
    }

    private func demanded(_ name: String, word: String) -> Failure {
        var failure = refuse("\(name): \(word.isEmpty ? "it has no value" : word)")
        failure.remedy = "give it with --build-arg \(name)=VALUE"
        return failure
    }

    /// A name at the front: digits alone, one special character, or letters, digits and `_`.
    private mutating func name() -> String {
        func isWord(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic
                || scalar.properties.generalCategory == .decimalNumber
        }
        guard let first = rest.first else { return "" }
        let isDigit: (Unicode.Scalar) -> Bool = { $0.properties.generalCategory == .decimalNumber }
        let special: Set<Unicode.Scalar> = ["@", "*", "#", "?", "-", "$", "!"]
        let end =
            isDigit(first)
            ? rest.firstIndex { !isDigit($0) }
            : special.contains(first) ? rest.index(after: rest.startIndex) : rest.firstIndex { !isWord($0) }
        let name = String(Substring(rest[..<(end ?? rest.endIndex)]))
        rest = rest[(end ?? rest.endIndex)...]
        return name
    }

    private mutating func value(of name: String) -> String? {
        if let value = values[name] { return value }
        unknown.append(name)
        return nil
    }
}
