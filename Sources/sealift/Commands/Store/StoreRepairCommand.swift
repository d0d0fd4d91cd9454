// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import BundleFormat
internal import OCI
internal import Sealer

struct StoreRepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Repair what a check finds damaged or missing, from the bundles it came in.",
        discussion: """
            The store is checked first. Damaged layers are made again next to the store, verified, and put in place \
            one at a time; whatever is sound stays as it is.

            EXAMPLES:
              sealift store repair k8s.sealift
            """)

    @Argument(help: "Bundles that were applied to the store.", completion: .file())
    var bundles: [String] = []
    @OptionGroup var access: BundleAccess
    @OptionGroup var store: StoreOption
    @OptionGroup var consent: RunConsent
    @Flag(help: "Print what was repaired and what was not as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        var opened: [Bundle] = []
        for path in bundles { opened.append(try await access.open(path)) }
        let sources = opened
        let store = try store.open()
        let findings = try await store.checked()
        let display = ApplyDisplay()
        let outcome = try await onThread { () throws(Failure) in
            var settings = BuildSettings()
            settings.allowsRun = consent.allowRun
            return try StoreRepair(store, settings: settings, events: display.show).run(
                findings, from: sources)
        }
        display.finish()
        if json {
            try Console.printJSON(outcome, schema: "store-repair/1")
        } else {
            for finding in outcome.repaired { Console.print("repaired  \(finding.artifact)") }
            for line in outcome.left.flatMap(\.lines) { Console.print(line) }
        }
        guard outcome.left.isEmpty else {
            throw Failure(
                .data, "repair the store", store.path,
                because:
                    "\(outcome.left.count) things are wrong still, and no bundle that was given makes them",
                remedy: "name the bundle that they came in; what sealer itself built is to be built again")
        }
        Console.say(outcome.repaired.isEmpty ? "\(store.path): nothing is wrong" : "\(store.path): repaired")
    }
}
