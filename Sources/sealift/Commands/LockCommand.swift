// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import Collect
internal import OCI

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Resolve every reference and URL of a spec to digest and size.",
        discussion: """
            Writes NAME.lock.json beside the spec. What is locked already stays; --update NAME resolves that \
            entry anew, --update-all all of them. `collect` obeys the lock: what has changed upstream is an error.
            """)

    @Argument(
        help: ArgumentHelp("The spec.", valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var spec: String
    @Option(help: ArgumentHelp("Resolve this image or file anew; may be repeated.", valueName: "name"))
    var update: [String] = []
    @Flag(help: "Resolve everything anew.")
    var updateAll = false
    @OptionGroup var network: NetworkOptions
    @Flag(help: "Print the lock as JSON.")
    var json = false

    func run() async throws {
        let parsed = try SpecReader.read(path: spec)
        let display = CollectDisplay()
        let locker = Locker(
            spec: parsed, client: try network.client(parsed.spec.registries) { display.transfers.show($0) },
            fileMirrors: network.fileMirrors,
            note: { Console.say($0) })
        let outcome = try await locker.run(update: updateAll ? [] : update.isEmpty ? nil : update)
        if json { return try Console.printJSON(outcome.after) }
        let changes = outcome.after.changes(from: outcome.before ?? Lock(images: [], files: []))
        for change in changes { Console.print("\(change)") }
        Console.say(changes.isEmpty ? "\(outcome.path) is up to date" : "\(outcome.path) written")
    }
}
