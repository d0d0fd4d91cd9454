// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI
internal import YAML

extension Sealift {
    /// What the argument parser refuses, in the form of every other failure: the command's name, the reason, its usage.
    static func usageFailure(_ error: any Error, arguments: [String]) -> Failure {
        var command: any ParsableCommand.Type = Sealift.self
        var path = ["sealift"]
        var rest = arguments[...]
        while let word = rest.first,
            let next = command.configuration.subcommands.first(where: { $0.configuration.commandName == word }
            )
        {
            command = next
            path.append(word)
            rest = rest.dropFirst()
        }
        let name = path.joined(separator: " ")
        // The reason of a value's own parser ends with its remedy.
        let parts = message(for: error).split(separator: "\n  → ", maxSplits: 1).map(String.init)
        var reason = parts.first ?? "they are wrong"
        if let first = reason.first, first.isUppercase { reason = first.lowercased() + reason.dropFirst() }
        // One sentence, as in every other error.
        for (theirs, ours) in [
            (". Did you mean", "; did you mean"), (". Please provide one of", "; it is one of"),
        ] {
            reason = reason.replacing(theirs, with: ours)
        }
        if reason.hasSuffix(".") { reason.removeLast() }
        var remedies = parts.dropFirst().map { String($0) }
        let commands = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            .compactMap { $0.configuration.commandName }
        if !commands.isEmpty, let word = rest.first(where: { !$0.hasPrefix("-") }) {
            reason = "'\(word.prefix(60))' is not a command"
            if ["completion", "completions"].contains(word) {
                remedies.append(
                    "`sealift --generate-completion-script bash` (zsh, fish) prints a completion script")
            } else if let meant = Suggestion.nearest(to: word, among: commands) {
                reason += "; did you mean '\(meant)'?"
            } else {
                remedies.append("the commands are \(commands.joined(separator: ", "))")
            }
        } else if commands.isEmpty {
            let usage = usageString(for: command).split(separator: "\n").joined(separator: " ")
            remedies.append("usage: " + usage.split(separator: " ").joined(separator: " "))
        }
        remedies.append("see `\(name) --help`")
        return Failure(
            .usage, "read the arguments of", name, because: reason, remedy: remedies.joined(separator: "\n"))
    }
}
