// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Fill a sealer layer store from a bundle and build its images there.",
        discussion: """
            Nothing is fetched. A failed or killed apply leaves what was there before; the same command finishes \
            it, and does only what is missing.

            EXAMPLES:
              sealift apply k8s.sealift --dry-run  # the plan, with RUN
              sealift apply k8s.sealift
              sealift apply k8s-2.sealift --with k8s-1.sealift --store /data/sealer
              sealift apply --rollback                      # undo the last one
            """)

    @Argument(help: "The bundle, or the first of its volumes.", completion: .file())
    var bundle: String?
    @OptionGroup var access: BundleAccess
    @Option(help: "The layer store of sealer.", completion: .directory)
    var store = "/var/lib/sealer"
    @Option(
        help: "Build for this platform. (default: that of this host)", completion: BundleCompletion.platforms,
        transform: { try Platform($0) })
    var platform: Platform?
    @OptionGroup var building: BuildOptions
    @Flag(help: "Print the plan, with the times to be expected, and change nothing.")
    var dryRun = false
    @Flag(help: "Afterwards read all layers of the images again and hold them to their ids.")
    var verify = false
    @Flag(help: "Undo the last apply to the store, or that of the bundle, where nothing else depends on it.")
    var rollback = false
    @Flag(help: "Print the plan or the receipt as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func validate() throws {
        if bundle == nil, !rollback { throw ValidationError("Missing expected argument '<bundle>'") }
    }

    func run() async throws {
        if rollback { return try await undo() }
        try building.checkArchiveFolder()
        let bundle = try await access.open(bundle ?? "")
        let display = ApplyDisplay()
        var settings = try building.settings(for: bundle)
        func prepare() throws(Failure) -> Applier {
            try Applier(bundle, store: store, platform: platform, settings: settings, events: display.show)
        }
        var applier = try prepare()
        if !bundle.signers.isEmpty { Console.say("\(bundle.path): \(bundle.signatureSummary)") }
        for warning in try await onThread({ [applier] () throws(Failure) in try applier.warnings() }) {
            Console.say(warning)
        }
        if bundle.spec.base == nil, bundle.spec.builds.isEmpty {
            Console.say(
                "\(bundle.path) has no base and no builds, so the store gets nothing: `sealift serve` or `sealift push` brings its images to a cluster"
            )
        }
        if dryRun { return try await showPlan(of: applier) }
        if applier.needsConsent, try await agrees(to: applier) {
            settings.allowsRun = true
            applier = try prepare()
        }
        let (receipt, builder) = try await onThread { [applier] () throws(Failure) in
            (try applier.run(), applier)
        }
        if let folder = building.archiveFolder {
            let paths = try await onThread { () throws(Failure) in
                try builder.writeArchives(of: receipt, to: folder)
            }
            for path in paths { Console.say("archive: \(path)") }
        }
        display.finish()
        if verify { try await prove(receipt, by: builder) }
        if json { return try Console.printJSON(receipt) }
        for line in receipt.lines { Console.print(line) }
        Console.say("receipt: \(receipt.path)")
    }

    private func showPlan(of applier: Applier) async throws {
        let plan = try await onThread { () throws(Failure) in try applier.estimated(applier.plan()) }
        if json {
            try Console.printJSON(plan, schema: "apply-plan/1")
        } else {
            plan.lines.forEach(Console.print)
        }
        try await onThread { () throws(Failure) in try applier.checkComplete(plan) }
    }

    /// Shows the commands that the builds run and asks whether they may; `false` where there is no one to ask, or no
    /// command.
    private func agrees(to applier: Applier) async throws(Failure) -> Bool {
        let commands = try await onThread { () throws(Failure) in try applier.commands() }
        guard !commands.isEmpty, Console.isInteractive else { return false }
        for command in commands { Console.say(command, isNeeded: true) }
        let answer = try await onThread { () throws(Failure) in
            Console.ask(
                "run \(commands.count == 1 ? "this command" : "these \(commands.count) commands") on this host? [y/N] "
            )
        }
        return ["y", "yes"].contains(answer?.lowercased() ?? "")
    }

    private func prove(_ receipt: Receipt, by applier: Applier) async throws(Failure) {
        let total = try applier.bytesToVerify(receipt)
        let progress = Progress("verify", total: total)
        defer { progress.finish() }
        try await onThread { () throws(Failure) in try applier.verify(receipt) { progress.add($0) } }
        progress.finish()
        Console.say("verified: every layer of these images is what its id says")
    }

    private func undo() async throws {
        let digest = bundle == nil ? nil : try await access.open(bundle!).indexDigest
        // A mistyped store must not look like one without an apply.
        _ = try Folder.open(store)
        guard let rollback = try Rollback(store: store, bundle: digest, platform: platform) else {
            return Console.say("\(store): there is no apply to undo")
        }
        let outcome = try await onThread { () throws(Failure) in try dryRun ? rollback.plan() : rollback.run()
        }
        if json { return try Console.printJSON(outcome, schema: "rollback/1") }
        for line in outcome.lines { Console.print(line) }
        for note in outcome.notes { Console.say(note) }
        Console.say(dryRun ? "nothing was changed" : "the apply of \(outcome.name) is undone")
    }
}
