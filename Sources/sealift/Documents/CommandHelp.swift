// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import FoundationEssentials
internal import OCI

/// A command as the argument parser describes it: the one source of --help, of manual pages and of the environment's
/// options.
struct CommandHelp: Decodable {
    let commandName: String
    let abstract: String?
    let discussion: String?
    let shouldDisplay: Bool?
    let subcommands: [CommandHelp]?
    let arguments: [Entry]?

    /// An argument, an option or a flag.
    struct Entry: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }
        let kind: String
        let isRepeating: Bool
        let isOptional: Bool
        let shouldDisplay: Bool?
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?
        let allValues: [String]?
    }

    /// What the parser says of `root` and all below it.
    /// - Throws: a ``Failure`` of kind `fault` where its form is not known.
    init(of root: any ParsableCommand.Type) throws(Failure) {
        struct Tool: Decodable { let command: CommandHelp }
        do { self = try JSONDecoder().decode(Tool.self, from: Data(root._dumpHelp().utf8)).command } catch {
            throw Failure(
                .fault, "describe the commands of", "sealift", because: "\(error)", remedy: "report it")
        }
    }

    /// The manual pages of the command and of each one below it.
    var pages: [(name: String, text: String)] { pages(of: []) }

    private func pages(of parents: [String]) -> [(name: String, text: String)] {
        let path = parents + [commandName]
        let shown = (subcommands ?? []).filter { $0.commandName != "help" && $0.shouldDisplay != false }
        return [(path.joined(separator: "-"), ManualPage(self, path: path, commands: shown).text)]
            + shown.flatMap { $0.pages(of: path) }
    }
}

/// A page in the macros of man(7).
private struct ManualPage {
    private var lines: [String] = []

    var text: String { lines.joined(separator: "\n") + "\n" }

    init(_ command: CommandHelp, path: [String], commands: [CommandHelp]) {
        let (name, title) = (path.joined(separator: " "), path.joined(separator: "-"))
        lines = [
            ".TH \(Self.argument(title.uppercased())) 1 \"\" \(Self.argument("sealift \(Sealift.version)"))",
            ".nh",
            ".SH NAME", "\(Self.escaped(title)) \\- \(Self.escaped(command.abstract ?? ""))", ".SH SYNOPSIS",
        ]
        let entries = (command.arguments ?? []).filter { $0.shouldDisplay != false }
        let (positional, options) = (
            entries.filter { $0.kind == "positional" }, entries.filter { $0.kind != "positional" }
        )
        let operands = positional.map { entry -> String in
            let word = "<\(entry.valueName ?? "value")>" + (entry.isRepeating ? " ..." : "")
            return entry.isOptional ? "[\(word)]" : word
        }
        let words = (commands.isEmpty ? ["[options]"] : ["<command>"]) + operands
        lines += [".B \(Self.escaped(name))", Self.escaped(words.joined(separator: " "))]
        if let discussion = command.discussion, !discussion.isEmpty { describe(discussion) }
        if !commands.isEmpty {
            lines.append(".SH COMMANDS")
            for command in commands {
                lines += [
                    ".TP", ".B \(Self.escaped(command.commandName))", Self.escaped(command.abstract ?? ""),
                ]
            }
        }
        for (heading, entries) in [("ARGUMENTS", positional), ("OPTIONS", options)] where !entries.isEmpty {
            lines.append(".SH \(heading)")
            for entry in entries { describe(entry) }
        }
        lines += [".SH SEE ALSO"]
        let related =
            path.count > 1
            ? [path.dropLast().joined(separator: "-")] : commands.map { "sealift-\($0.commandName)" }
        lines.append(related.map { Self.escaped("\($0)(1)") }.joined(separator: ",\n"))
    }

    /// Text in paragraphs; what follows EXAMPLES is kept as it is.
    private mutating func describe(_ discussion: String) {
        lines.append(".SH DESCRIPTION")
        var isLiteral = false
        for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "EXAMPLES:" {
                if isLiteral { lines.append(".fi") }
                lines += [".SH EXAMPLES", ".nf"]
                isLiteral = true
            } else if line.isEmpty {
                lines.append(isLiteral ? "" : ".PP")
            } else {
                lines.append(Self.escaped(String(isLiteral ? line.drop { $0 == " " } : line)))
            }
        }
        if isLiteral { lines.append(".fi") }
    }

    private mutating func describe(_ entry: CommandHelp.Entry) {
        let value = entry.kind == "flag" ? "" : " <\(entry.valueName ?? "value")>"
        let names = (entry.names ?? []).map {
            ($0.kind == "short" ? "-" : $0.kind == "longWithSingleDash" ? "-" : "--") + $0.name
        }
        let title = names.isEmpty ? "<\(entry.valueName ?? "value")>" : names.joined(separator: ", ") + value
        var text = entry.abstract ?? ""
        if let usual = entry.defaultValue, !usual.isEmpty { text += " (default: \(usual))" }
        if let values = entry.allValues, !values.isEmpty {
            text += " (one of: \(values.joined(separator: ", ")))"
        }
        lines += [".TP", ".B \(Self.escaped(title))", Self.escaped(text)]
    }

    /// Text as roff prints it: no escape, no request at the begin of a line, hyphens that can be copied.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix(".") || line.hasPrefix("'") ? "\\&\(line)" : String(line)
        }.joined(separator: "\n")
    }

    private static func argument(_ text: String) -> String {
        "\"\(escaped(text).replacing("\"", with: "\\(dq"))\""
    }
}
