// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI
internal import Sealer

struct StoreCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read every layer and hold it to its id; name what is damaged or orphaned.",
        discussion: """
            Changes nothing. Exits with 65 where a listed image is not whole; what nothing refers to is named, \
            and is no fault.

            EXAMPLES:
              sealift store check --store /var/lib/sealer
            """)

    @OptionGroup var store: StoreOption
    @Flag(help: "Print the findings as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let findings = try await store.open().checked()
        if json {
            try Console.printJSON(findings)
        } else {
            for line in findings.flatMap(\.lines) { Console.print(line) }
        }
        let faults = findings.filter { !$0.isHarmless }
        guard let first = faults.first else {
            return Console.say(
                "\(store.path): every listed image is whole"
                    + (findings.isEmpty ? "" : "; `sealift store gc` removes what nothing refers to"))
        }
        throw Failure(
            .data, "vouch for the store", store.path,
            because: faults.count == 1
                ? "\(first.artifact) is \(first.kind)" : "\(faults.count) things are wrong",
            remedy:
                "repair it with `sealift store repair BUNDLE --store \(store.path)`, BUNDLE being what was applied"
        )
    }
}

extension Store {
    /// ``check(layers:progress:)`` on a thread of its own, with its progress shown.
    func checked() async throws(Failure) -> [StoreFinding] {
        let total = try survey().layers.filter(\.isWhole).clampedTotal(\.size)
        let progress = Progress("check", total: total)
        defer { progress.finish() }
        return try await onThread { () throws(Failure) in try self.check { progress.add($0) } }
    }
}
