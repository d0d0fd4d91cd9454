// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Collect
internal import OCI
internal import Spec

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Prove the builds of a spec, and report all of its mistakes.",
        discussion: """
            Fetches the base's layers, the files and the configs of images, and runs every build in memory for each \
            platform: steps, edits, paths, Kubefiles, image names. No layer of an image is fetched, no bundle is \
            written, and a RUN is executed only where --rehearse-run asks for it. `collect` proves the same before it fetches \
            images.

            EXAMPLES:
              sealift check k8s.yaml
              sealift check k8s.yaml --platform linux/arm64
              sealift check k8s.yaml --json
            """)

    @Argument(
        help: ArgumentHelp("The spec.", valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var spec: String
    @Option(
        help: "Prove for this platform only; may be repeated. (default: all of the spec)",
        completion: BundleCompletion.platforms, transform: { try Platform($0) })
    var platform: [Platform] = []
    @OptionGroup var charts: ChartOptions
    @Flag(
        help:
            "Execute the RUN of builds for this host's platform, confined as by apply, where it needs no layer of an image. Needs root."
    )
    var rehearseRun = false
    @OptionGroup var network: NetworkOptions
    @Flag(help: "Print what was proved as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let parsed = try SpecReader.readInSpiteOfMistakes(path: spec).checkedForContent()
        var options = CollectOptions(spec: parsed)
        options.platforms = platform
        options.helm = charts.helm
        options.rehearsesRun = rehearseRun
        options.fileMirrors = network.fileMirrors
        let display = CollectDisplay()
        let collector = Collector(
            options, client: try network.client(parsed.spec.registries) { display.transfers.show($0) },
            events: { display.show($0) })
        try await collector.check()
        display.finish()
        let platforms = platform.isEmpty ? parsed.spec.platforms : platform
        if json { return try Console.printJSON(Proved(spec, parsed.spec, platforms), schema: "check/1") }
        let builds = parsed.spec.builds.count
        let proof =
            builds == 0
            ? "" : builds == 1 ? ", and its build is proved" : ", and its \(builds) builds are proved"
        Console.say("\(spec): all that it names is there\(proof)")
    }

    /// What `--json` prints.
    private struct Proved: Encodable {
        let spec: String
        let name: String
        let platforms: [String]
        /// The names of the images that the builds make.
        let builds: [String]

        init(_ path: String, _ parsed: Spec, _ platforms: [Platform]) {
            spec = path
            name = parsed.name
            self.platforms = platforms.map(\.description)
            builds = parsed.builds.map { "\($0.tag)" }
        }
    }
}
