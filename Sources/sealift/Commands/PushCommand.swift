// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI
internal import Push
internal import Registry

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Push the images and files of a bundle into a registry that the site runs already.",
        discussion: """
            Names keep their path and tag and lose their domain: docker.io/calico/node:v3.19.1 becomes \
            REGISTRY/PREFIX/calico/node:v3.19.1, and a file REGISTRY/PREFIX/files/NAME:RELEASE, an OCI artifact \
            for `oras pull`. What the registry has is not sent: a tag that points to the image answers for all below it, \
            unless --check-all asks for everything. What is attached to an image (signatures, SBOMs) goes along with it; \
            where the registry has no referrers API, a tag lists it. Logins are those of `docker login` and `podman login`.

            Where the bundle carries some platforms of an image and the registry takes no index with gaps, the tag \
            points to an index of the carried platforms; its digest is another then, and a line says so.

            EXAMPLES:
              sealift push demo.sealift --to harbor.site/mirror
              sealift push demo.sealift --to harbor.site --only 'calico/*' 'files/*'
              sealift push demo.sealift --to harbor.site --rewrite quay.io/tigera=operators
            """)

    @OptionGroup var source: BundleOptions
    @Option(
        help: ArgumentHelp("The registry, and a prefix for each name.", valueName: "registry[/prefix]"))
    var to: String
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Push only what matches: calico/*, files/*.", valueName: "pattern"),
        completion: BundleCompletion.images)
    var only: [String] = []
    @Option(
        help: ArgumentHelp(
            "Rename FROM, and everything below it, to TO: quay.io/tigera=operators; may be repeated.",
            valueName: "from=to"), transform: { try NameMapping.Rule($0) })
    var rewrite: [NameMapping.Rule] = []
    @Option(
        help: "Push only this platform; may be repeated. (default: all that are carried)",
        completion: BundleCompletion.platforms, transform: { try Platform($0) })
    var platform: [Platform] = []
    @Flag(help: "Fail where the registry does not take an index as it is.")
    var exact = false
    @Option(
        help: ArgumentHelp(
            "The most bytes in one request, for proxies that allow no more. (default: 64MiB)",
            valueName: "size"), transform: { try ByteSize($0).bytes })
    var chunkSize: Int64?
    @Flag(help: "Ask for every manifest and blob, for a registry that may have lost some.")
    var checkAll = false
    @OptionGroup var proof: ProofOptions
    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Ask the registry what it has, show what would be sent, and send nothing.")
    var dryRun = false
    @Flag(help: "Print the outcome as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        var options = PushOptions(try NameMapping(to: to, rules: rewrite))
        options.only = only
        options.platforms = platform
        options.isExact = exact
        options.asksForAll = checkAll
        let bundle = try await source.open()
        try await proof.prove(bundle)
        let display = TransferDisplay("survey")
        defer { display.finish() }
        var settings = connection.settings(display.show)
        if let chunkSize { settings.chunk = max(1, chunkSize) }
        let pusher = try Pusher(bundle, options: options, client: try RegistryClient(settings)) { event in
            switch event {
            case .note(let text): Console.say(text)
            case .planned(let uploads, let bytes, let names):
                display.next("push", total: bytes, names: names)
                Console.say(
                    uploads == 0 ? "no blobs to send" : "at most \(uploads) blobs to send, \(bytes.asBytes)")
            case .present(let bytes): display.running.add(bytes)
            }
        }
        if dryRun {
            let survey = try await pusher.survey()
            display.finish()
            return try show(survey)
        }
        let pushed = try await pusher.run()
        display.finish()
        if json { return try Console.printJSON(pushed, schema: "push/1") }
        for item in pushed.items + pushed.referrers { Console.print("\(item.digest)  \(item.reference)") }
        let new = pushed.items.count { $0.state != .present }
        Console.say(
            "\(to): \(pushed.items.count) images and files, \(new) of them new; \(pushed.uploaded) blobs sent, \(pushed.bytes.asBytes), \(pushed.mounted) mounted, \(pushed.present) there already"
        )
    }

    private func show(_ survey: PushSurvey) throws {
        if json { return try Console.printJSON(survey, schema: "push-plan/1") }
        for item in survey.items {
            Console.print("\(item.name) → \(item.reference)\(item.isPresent ? "  there already" : "")")
        }
        Console.print(
            "\(survey.uploads) blobs to send, \(survey.bytes.asBytes); \(survey.mounts) to mount, \(survey.present) there already"
        )
    }
}
