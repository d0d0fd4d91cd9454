// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import Collect
internal import OCI
internal import Spec

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Resolve every reference and URL of a spec to digest and size.",
        discussion: """
            Writes NAME.lock.json beside the spec. What is locked already stays, and what was attached to it since \
            is added; `lock SPEC --update NAME…` resolves these entries again, without a name all of them. \
            `collect` obeys the lock: what has changed upstream is an error.

            EXAMPLES:
              sealift lock k8s.yaml                             # k8s.lock.json beside it
              sealift lock k8s.yaml --update calico/node:v3.19.1
            """)

    @Argument(
        help: ArgumentHelp("The spec.", valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var spec: String
    @Argument(help: ArgumentHelp("Images and files to update, as the spec calls them.", valueName: "name"))
    var names: [String] = []
    @Flag(help: "Resolve the named images and files again; all of them if none is named.")
    var update = false
    @OptionGroup var charts: ChartOptions
    @OptionGroup var network: NetworkOptions
    @Flag(help: "Print the lock as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func validate() throws {
        guard names.isEmpty || update else {
            throw ValidationError("a name after the spec needs --update: lock \(spec) --update \(names[0])")
        }
    }

    func run() async throws {
        let parsed = try SpecReader.read(path: spec).checkedForContent()
        let display = CollectDisplay()
        let locker = Locker(
            spec: parsed, client: try network.client(parsed.spec.registries) { display.transfers.show($0) },
            fileMirrors: network.fileMirrors, helm: charts.helm,
            note: { Console.say($0) })
        let outcome = try await locker.run(update: update ? names : nil)
        if json { return try Console.printJSON(outcome.after) }
        let changes = outcome.after.changes(from: outcome.before ?? Lock(images: [], files: []))
        var table = DiffTable()
        for change in changes { table.add(change) }
        table.lines.forEach(Console.print)
        Console.say(
            outcome.after == outcome.before
                ? "\(outcome.path) is up to date" : "\(outcome.path) written: \(table.summary)")
    }
}
