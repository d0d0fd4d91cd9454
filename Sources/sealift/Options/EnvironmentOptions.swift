// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// Options that the environment gives: `SEALIFT_VOLUME_SIZE=4GB` is `--volume-size 4GB` for every command that
/// has this option, unless the command line has it. Several values are parted by white space; a flag is
/// set by `1`, `true` or `yes`.
struct EnvironmentOptions {
    /// The arguments with what the environment adds to them.
    private(set) var arguments: [String]
    /// The variables that were used.
    private(set) var used: [String] = []
    /// The variables that no command has an option for.
    private(set) var unknown: [String] = []

    fileprivate static let prefix = "SEALIFT_"

    /// Looks the options of the command that `arguments` name up in `environment`.
    init(_ root: any ParsableCommand.Type, arguments: [String], environment: [String: String]) {
        self.arguments = arguments
        let variables = environment.filter { $0.key.hasPrefix(Self.prefix) && !$0.value.isEmpty }
        guard !variables.isEmpty, let tool = try? CommandHelp(of: root) else { return }
        let names = Set(tool.allOptions.map(\.variable))
        unknown = variables.keys.filter { !names.contains($0) }.sorted()
        var command = tool
        for word in arguments {
            guard let next = command.subcommands?.first(where: { $0.commandName == word }) else { break }
            command = next
        }
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        var added: [String] = []
        for option in command.options {
            guard let value = variables[option.variable], !option.isGiven(in: arguments[..<end]) else {
                continue
            }
            added += option.arguments(for: value)
            used.append(option.variable)
        }
        self.arguments.insert(contentsOf: added, at: end)
    }
}

extension CommandHelp {
    fileprivate var options: [Entry] {
        (arguments ?? []).filter { $0.kind != "positional" && !["help", "version"].contains($0.name) }
    }
    fileprivate var allOptions: [Entry] { options + (subcommands ?? []).flatMap(\.allOptions) }
}

extension CommandHelp.Entry {
    fileprivate var name: String { names?.first { $0.kind == "long" }?.name ?? "" }
    fileprivate var variable: String {
        EnvironmentOptions.prefix + name.uppercased().replacing("-", with: "_")
    }

    fileprivate func isGiven(in arguments: ArraySlice<String>) -> Bool {
        arguments.contains { argument in
            (names ?? []).contains { name in
                let written = name.kind == "short" ? "-\(name.name)" : "--\(name.name)"
                return argument == written || argument.hasPrefix(written + "=")
                    || (name.kind == "short" && argument.hasPrefix(written))
            }
        }
    }

    fileprivate func arguments(for value: String) -> [String] {
        if kind == "flag" {
            return ["1", "true", "yes"].contains(value.lowercased()) ? ["--\(name)"] : []
        }
        let values = isRepeating ? value.split(whereSeparator: \.isWhitespace).map(String.init) : [value]
        return values.map { "--\(name)=\($0)" }
    }
}
