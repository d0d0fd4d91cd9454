// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import Collect
internal import OCI
internal import Spec

struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Fetch all that a spec names into one verified bundle.",
        discussion: """
            Killed or cut off, the same command resumes where it stopped. With a lock, a collect \
            of what has not changed fetches nothing.

            EXAMPLES:
              sealift collect k8s.yaml --dry-run          # what would be fetched
              sealift collect k8s.yaml -o /media/usb/k8s.sealift --volume-size 4GB
              sealift collect k8s.yaml -o 2.sealift --since 1.sealift --reuse 1.sealift
              sealift collect k8s.yaml --mirror docker.io=hub.site --ca site-ca.pem
            """)

    @Argument(
        help: ArgumentHelp("What to carry and build.", valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var spec: String
    @Option(
        name: [.short, .long], help: "Where the bundle goes. (default: NAME.sealift)", completion: .file())
    var output: String?
    @Option(
        help: "Carry only this platform; may be repeated. (default: all of the spec)",
        completion: BundleCompletion.platforms, transform: { try Platform($0) })
    var platform: [Platform] = []
    @Option(
        help: ArgumentHelp(
            "Split the bundle into files of this size at most, BUNDLE.001 and so on: 4GB, 700MiB, a number of bytes.",
            valueName: "size"), transform: { try ByteSize($0).bytes })
    var volumeSize: Int64?
    @Option(
        help: ArgumentHelp(
            "Leave out what this bundle, or this inventory of an isolated host, has already; may be repeated.",
            valueName: "old"), completion: .file())
    var since: [String] = []
    @Option(
        help: ArgumentHelp(
            "Copy from this bundle what it has, in place of the network; may be repeated. The bundle that is renewed always serves so.",
            valueName: "bundle"), completion: .file())
    var reuse: [String] = []
    @OptionGroup var charts: ChartOptions
    @OptionGroup var tools: ToolOptions
    @OptionGroup var keys: KeyOptions
    @OptionGroup var network: NetworkOptions
    @Flag(
        help:
            "Execute the RUN of builds for this host's platform, confined as by apply, so that the bundle records what they make. Needs root."
    )
    var rehearseRun = false
    @Flag(
        help:
            "Fetch layers that registries may not distribute, as those of Windows, from the URLs in their manifests where the registry lacks them."
    )
    var foreignLayers = false
    @Flag(help: "Take what the lock does not have as it is now, and say so, in place of refusing it.")
    var unlocked = false
    @Flag(help: "Show what would be fetched, and fetch no layer and no file.")
    var dryRun = false
    @Flag(
        help:
            "Do not write BUNDLE.provenance.json: which server answered for what, when, with which certificate."
    )
    var noProvenance = false
    @Flag(help: "Write BUNDLE.spdx.json: which software the bundle carries, as an SPDX document.")
    var sbom = false
    @Flag(help: "Print the outcome as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let parsed = try SpecReader.readInSpiteOfMistakes(path: spec).checkedForContent()
        var options = CollectOptions(spec: parsed)
        options.output = output
        options.platforms = platform
        options.volumeSize = volumeSize
        options.since = since
        options.reuse = reuse
        options.helm = charts.helm
        options.trust = try keys.trust()
        options.tools = try await onThread { [tools] () throws(Failure) in try tools.files() }
        options.takesUnlocked = unlocked
        options.fetchesForeignLayers = foreignLayers
        options.rehearsesRun = rehearseRun
        options.fileMirrors = network.fileMirrors
        let display = CollectDisplay()
        let log = options.log
        let collector = Collector(
            options,
            client: try network.client(parsed.spec.registries) { event in
                log.take(event)
                display.transfers.show(event)
            },
            events: { display.show($0) }
        )
        if dryRun { return try await PlanRenderer(collector.plan()).print(json: json) }
        let collected = try await collector.run()
        display.finish()
        // Of a bundle that was there already the record stays.
        if sbom {
            let bundle = try await onThread { () throws(Failure) in try Bundle(opening: collected.path) }
            _ = try await SBOMFile(path: SBOMFile.path(of: collected.path)).write(of: bundle)
        }
        if !noProvenance, let record = collected.provenance { try ProvenanceFile.write(record) }
        if json { return try Console.printJSON(collected, schema: "collect/1") }
        Console.say(describe(collected))
        Console.print("\(collected.digest)  \(collected.path)")
    }

    private func describe(_ collected: Collected) -> String {
        let delta =
            collected.required == 0
            ? "" : "; a delta without \(collected.required) blobs of \(collected.requiredBytes.asBytes)"
        if collected.unchanged {
            let path = collected.path
            return "\(path) is up to date\(delta); its blobs were not read: `sealift verify \(path)` reads "
                + "them. To repair one that is damaged: move it to OLD, and collect again with --reuse OLD"
        }
        let tools =
            collected.tools.isEmpty
            ? ""
            : "; it carries \(collected.tools.map(Self.name).joined(separator: ", "))"
        let copied = collected.copied > 0 ? ", \(collected.copied.asBytes) copied" : ""
        return
            "\(collected.path): \(collected.blobs) blobs, \(collected.size.asBytes), \(collected.fetched.asBytes) fetched\(copied), every byte verified\(delta)\(tools)"
    }

    /// How a carried tool is named: with its version where that is not this one's.
    private static func name(_ tool: CarriedTool) -> String {
        let version =
            tool.version == Sealift.version ? "" : ", version \(tool.version); this is \(Sealift.version)"
        return "\(tool.name) (\(tool.platform)\(version))"
    }
}
