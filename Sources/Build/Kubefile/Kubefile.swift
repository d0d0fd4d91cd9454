// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer

/// A Kubefile, parsed as sealer 0.8 parses it. Source: sealer rules 5.1 and 5.2.
package struct Kubefile: Sendable, Equatable {
    /// What an instruction does.
    package enum Keyword: String, Sendable {
        /// Names the base.
        case from = "FROM"
        /// Copies files of the context into a layer.
        case copy = "COPY"
        /// Runs a program and keeps what it changed as a layer.
        case run = "RUN"
    }

    /// One instruction that may make a layer.
    package struct Instruction: Sendable, Equatable {
        /// What it does.
        package var keyword: Keyword
        /// What follows the keyword.
        package var value: String
        /// The line it begins on, from 1.
        package var line: Int
    }

    /// FROM, COPY and RUN, in order.
    package private(set) var instructions: [Instruction] = []
    /// What the CMD lines hold, split at their commas.
    package private(set) var commands: [String] = []
    /// What the ARG lines hold.
    package private(set) var arguments: [String: String] = [:]
    /// What sealer would pass over in silence, a sentence each.
    package private(set) var warnings: [String] = []

    /// Parses `text`.
    /// - Throws: a ``Failure`` of kind `configuration` in sealer's own words for a line that is none of
    ///   `FROM`, `COPY`, `RUN`, `CMD` and `ARG`, or has nothing after its keyword.
    /// - Parameter fault: takes what is wrong with a line, and the line, which is then passed over.
    package init(
        parsing text: String, artifact: String = "Kubefile",
        fault: (Failure, Int) throws(Failure) -> Void = { (failure, _) throws(Failure) in throw failure }
    ) throws(Failure) {
        var lines = PhysicalLines(text)
        while let line = lines.nextInstruction() {
            let (keyword, value): (String, String)
            do throws(Failure) {
                (keyword, value) = try Self.split(line.text, line: line.number, artifact: artifact)
            } catch {
                try fault(error, line.number)
                continue
            }
            switch keyword {
            case "CMD": commands += value.split(separator: ",").map { $0.trimmed }
            case "ARG": addArguments(value, line: line.number)
            default:
                let keyword = Keyword(rawValue: keyword)!
                instructions.append(Instruction(keyword: keyword, value: value, line: line.number))
            }
        }
    }

    /// What `FROM` names: `scratch`, or a sealer image.
    /// - Throws: a ``Failure`` of kind `configuration` where the first instruction is not FROM, or a later
    ///   one is.
    package func base(artifact: String = "Kubefile") throws(Failure) -> String {
        guard let first = instructions.first, first.keyword == .from else {
            throw Failure(
                .configuration, "build from", artifact,
                because: "first line of Kubefile must start with FROM",
                remedy: "begin it with FROM and a sealer image, or FROM scratch")
        }
        if let second = instructions.dropFirst().first(where: { $0.keyword == .from }) {
            throw Failure(
                .configuration, "build from", artifact,
                because: "line \(second.line) is a second FROM; sealer has no build stages")
        }
        return first.value
    }

    /// Whether an ARG gives `name` a default, or a RUN uses it.
    package func mentions(_ name: String) -> Bool {
        arguments[name] != nil
            || instructions.contains { instruction in
                instruction.keyword == .run
                    && ["$\(name)", "${\(name)"].contains { instruction.value.contains($0) }
            }
    }

    private mutating func addArguments(_ value: String, line: Int) {
        for element in value.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = element.firstIndex(of: "=") else {
                warnings.append("line \(line): ARG '\(element)' is not KEY=VALUE and is passed over")
                return
            }
            let key = element[..<equals].trimmed
            let wellFormed = key.unicodeScalars.allSatisfy {
                $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil
            }
            guard wellFormed else {
                warnings.append("line \(line): the ARG key '\(key)' is not a word and is passed over")
                return
            }
            arguments[key] = element[element.index(after: equals)...].trimmed
        }
    }

    private static func split(
        _ text: String, line: Int, artifact: String
    ) throws(Failure) -> (keyword: String, value: String) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "read", artifact,
                because: "failed to decode line \(line) of Kubefile: \(reason)",
                remedy: "write an instruction and its arguments on each line, like 'COPY etc .'")
        }
        let blanks: Set<Unicode.Scalar> = ["\t", "\u{B}", "\u{C}", "\r", " "]
        let scalars = text.trimmed.unicodeScalars
        guard let blank = scalars.firstIndex(where: blanks.contains) else {
            throw refuse("invalid command line \(text)")
        }
        let word = String(scalars[..<blank])
        let keyword = word.uppercased()
        guard ["RUN", "CMD", "COPY", "FROM", "ARG"].contains(keyword) else {
            throw refuse(
                "invalid command type(\(word)) in \(text): only RUN, CMD, COPY, FROM, ARGS supported")
        }
        return (keyword, String(scalars[blank...].drop(while: blanks.contains)))
    }
}

/// Joins continued lines, passes over comments and empty lines.
private struct PhysicalLines {
    private let lines: [Substring.UnicodeScalarView]
    private var at = 0

    init(_ text: String) {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0[$0.startIndex..<($0.lastIndex { $0 != "\r" }.map($0.index(after:)) ?? $0.startIndex)]
        }
        if lines.first?.first == "\u{FEFF}" { lines[0] = lines[0].dropFirst() }
        self.lines = lines
    }

    /// The next instruction, its continuation lines appended, and the line it begins on.
    mutating func nextInstruction() -> (text: String, number: Int)? {
        while at < lines.count {
            let number = at + 1
            let raw = lines[at]
            at += 1
            if raw.first == "#" { continue }
            var (text, goesOn) = Self.withoutContinuation(
                String(Substring(raw.drop { $0.properties.isWhitespace })))
            if !goesOn && text.isEmpty { continue }
            while goesOn, at < lines.count {
                let next = lines[at]
                at += 1
                if next.first == "#" || next.allSatisfy(\.properties.isWhitespace) { continue }
                let (more, continues) = Self.withoutContinuation(String(Substring(next)))
                text += more
                goesOn = continues
            }
            return (text, number)
        }
        return nil
    }

    /// Takes off one backslash that ends the line, blanks after it included; two are text.
    private static func withoutContinuation(_ line: String) -> (text: String, continues: Bool) {
        let scalars = line.unicodeScalars
        let end = scalars.lastIndex { $0 != " " && $0 != "\t" }
        guard let end, scalars[end] == "\\" else { return (line, false) }
        if end > scalars.startIndex, scalars[scalars.index(before: end)] == "\\" { return (line, false) }
        return (String(scalars[..<end]), true)
    }
}

extension StringProtocol {
    /// The text without white space (Unicode's) at either end.
    var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[first...last]))
    }
}
