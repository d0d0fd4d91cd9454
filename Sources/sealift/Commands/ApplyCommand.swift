// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import OCI

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Fill a sealer layer store from a bundle and build its images there.",
        discussion: """
            Nothing is fetched. A failed or killed apply leaves what was there before; the same command finishes \
            it, and does only what is missing.
            """)

    @OptionGroup var source: BundleOptions
    @Option(help: "The layer store of sealer.", completion: .directory)
    var store = "/var/lib/sealer"
    @Option(help: "Build for this platform. (default: that of this host)", transform: { try Platform($0) })
    var platform: Platform?
    @Option(
        name: .customLong("build-arg"),
        help: ArgumentHelp(
            "Set an ARG of the Kubefiles; it is kept in the image, so no place for a password.",
            valueName: "name=value"))
    var buildArguments: [String] = []
    @Option(
        help: ArgumentHelp(
            "Also write each built image as an archive that sealer 0.9 and later loads, into this folder or here.",
            valueName: "oci-archive[:folder]"))
    var output: String?
    @Flag(help: "Print the plan and change nothing.")
    var dryRun = false
    @Flag(help: "Print the plan or the receipt as JSON.")
    var json = false

    func validate() throws {
        guard buildArguments.allSatisfy({ ($0.firstIndex(of: "=") ?? $0.startIndex) > $0.startIndex }) else {
            throw ValidationError("--build-arg takes NAME=VALUE")
        }
        guard output == nil || archiveFolder != nil else {
            throw ValidationError("--output takes oci-archive or oci-archive:FOLDER")
        }
    }

    /// Where the archives go.
    private var archiveFolder: String? {
        guard let output, output == "oci-archive" || output.hasPrefix("oci-archive:") else { return nil }
        let folder = output.dropFirst(12)
        return folder.isEmpty ? "." : String(folder)
    }

    private var settings: BuildSettings {
        var settings = BuildSettings()
        for argument in buildArguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            settings.arguments[String(parts[0])] = String(parts[1])
        }
        return settings
    }

    func run() async throws {
        let bundle = try await source.open()
        let display = ApplyDisplay()
        let applier = try Applier(
            bundle, store: store, platform: platform, settings: settings, events: display.show)
        let plan = try await onThread { () throws(Failure) in try applier.plan() }
        if dryRun {
            if json { try Console.printJSON(plan) } else { describe(plan).forEach(Console.print) }
            return try applier.checkComplete(plan)
        }
        let receipt = try await onThread { () throws(Failure) in try applier.run() }
        if let archiveFolder {
            let paths = try await onThread { () throws(Failure) in
                try applier.writeArchives(of: receipt, to: archiveFolder)
            }
            for path in paths { Console.say("archive: \(path)") }
        }
        display.finish()
        if json { return try Console.printJSON(receipt) }
        for image in receipt.images {
            let layers = image.layers.map { Tree("\($0.id.short)  \($0.type) \($0.value)") }
            for line in Tree(Console.bold(image.name) + "  \(image.id)  \(image.platform)", layers).lines {
                Console.print(line)
            }
        }
        Console.say("receipt: \(receipt.path)")
    }

    private func describe(_ plan: ApplyPlan) -> [String] {
        let steps = plan.steps.enumerated().map { index, step in
            Tree(
                "\(index + 1). \(step.title)" + (step.bytes > 0 ? "  \(step.bytes.asBytes)" : "")
                    + (step.isDone ? "  done already" : ""))
        }
        return Tree("apply \(plan.bundle) to \(plan.store) for \(plan.platform)", steps).lines
    }
}
