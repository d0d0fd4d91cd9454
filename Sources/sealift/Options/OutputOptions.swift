// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// How much a command says on standard error. Every command has these options; ``Console`` looks them up by itself, since
/// it speaks before any command is parsed.
struct OutputOptions: ParsableArguments {
    @Flag(
        name: [.short, .long],
        help: "Say nothing but errors and questions; data still goes to standard output.")
    var quiet = false
    @Flag(
        name: [.short, .long], help: "Also say when each artifact begins and ends, and the class of an error."
    )
    var verbose = false

    func validate() throws {
        if quiet, verbose { throw ValidationError("--quiet and --verbose exclude each other") }
    }

    /// Whether a flag of these is in `arguments`, by itself or in a group as `-qv`.
    static func isGiven(_ name: String, in arguments: [String]) -> Bool {
        let letter = name.prefix(1)
        return arguments.prefix { $0 != "--" }.contains { argument in
            argument == "--\(name)"
                || argument.hasPrefix("-") && argument.count > 1
                    && argument.dropFirst().allSatisfy { "qv".contains($0) }
                    && argument.contains(letter)
        }
    }
}
