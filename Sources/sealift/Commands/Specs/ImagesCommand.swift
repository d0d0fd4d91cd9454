// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Collect
internal import YAML
internal import OCI
internal import Spec

struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "List the image references in Kubernetes YAML and imageLists, or rewrite them.",
        discussion: """
            Lists each image once, one a line. Of a folder, the YAML and JSON files and imageLists at any depth; templates of \
            charts are passed over. Of a packed chart, what it lists itself or its templates say. What Helm renders: \
            helm template CHART | sealift images -

            What only may be an image (in env, arguments, annotations, text, or without a tag) is counted on stderr, and \
            listed with --possible.

            EXAMPLES:
              sealift images manifests/ chart.yaml
              helm template CHART | sealift images - --check k8s.yaml
              sealift images --rewrite sea.hub:5000 manifests/
            """)

    @Argument(help: "Files and folders to look into; - for standard input.", completion: .file())
    var paths: [String]
    @Option(
        help: ArgumentHelp(
            "List only what this spec does not carry, and end with 78 if there is any.",
            valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var check: String?
    @Flag(help: "List also what only may be an image; its places go to stderr.")
    var possible = false
    @Flag(help: "With --check: only warn of what may be an image.")
    var lenient = false
    @Flag(help: "Print the references with their places as JSON.")
    var json = false
    @OptionGroup var rewriting: ImagesRewrite
    @OptionGroup var words: OutputOptions

    func validate() throws {
        if rewriting.rewrite != nil, check != nil || json || possible || paths.contains("-") {
            throw ValidationError(
                "--rewrite takes files and folders, and none of --check, --possible and --json")
        }
        if lenient, check == nil { throw ValidationError("--lenient goes with --check") }
    }

    /// A reference at its place.
    fileprivate struct Place: Encodable {
        let reference: String, path: String, line: Int, column: Int
        /// Why it may be something else.
        var possible: String?
    }

    func run() async throws {
        if let registry = rewriting.rewrite {
            return try await onThread { () throws(Failure) in try rewriting.run(paths, to: registry) }
        }
        let (scans, failure) = try await onThread { () throws(Failure) in try scan() }
        if let check {
            try report(
                ImageListLint.missing(
                    from: try LockFile.completed(SpecReader.read(path: check)), neededBy: scans,
                    severityOfPossible: lenient ? .warning : .error))
        } else {
            list(scans)
        }
        if failure == nil, scans.allSatisfy(\.references.isEmpty) {
            Console.say("no image is named in \(paths.joined(separator: ", "))")
        }
        if let failure { throw failure }
    }

    /// What was found, and the first failure: what cannot be read must not hide what the others name.
    private func scan() throws(Failure) -> ([ImageScan], Failure?) {
        var scans: [ImageScan] = []
        var first: Failure?
        let known = try rewriting.known()
        try ImageFiles(paths).forEach { (file) throws(Failure) in
            do throws(Failure) {
                if file.isPacked {
                    scans += try ImageFiles.scans(ofChart: file)
                } else {
                    scans.append(try ImageFiles.scan(file, known: known))
                }
            } catch {
                if ImageFiles.isTemplate(file, anywhere: false) {
                    return ImageFiles.reportTemplate(file.path)
                }
                if first == nil { first = error } else { Console.report(error) }
            }
        }
        return (scans, first)
    }

    private func list(_ scans: [ImageScan]) {
        if json { try? Console.printJSON(scans.flatMap(places)) } else { printNames(scans) }
        let count = scans.reduce(0) { $0 + $1.possible.count }
        if !possible, count > 0 {
            Console.say(
                "\(count) more \(count == 1 ? "value may be an image" : "values may be images"); see --possible"
            )
        }
    }

    /// The images of a file where they stand, in its order.
    private func places(in scan: ImageScan) -> [Place] {
        let path = scan.source.path
        var places = scan.references.map { image in
            let place = Place(reference: "\(image.reference)", path: path, position: image.position)
            return (position: image.position, place: place)
        }
        guard possible else { return places.map(\.place) }
        places += scan.possible.map { image in
            let place = Place(
                reference: image.name, path: path, position: image.position, possible: image.reason)
            return (image.position, place)
        }
        return places.sorted { $0.position < $1.position }.map(\.place)
    }

    /// Each name once; of what only may be an image also why.
    private func printNames(_ scans: [ImageScan]) {
        var seen: Set<String> = []
        for scan in scans {
            for image in scan.references where seen.insert("\(image.reference)").inserted {
                Console.print("\(image.reference)")
            }
        }
        for scan in scans where possible {
            for image in scan.possible {
                Console.say(
                    "\(scan.source.path):\(image.position): '\(image.text)' may be an image: \(image.reason)"
                )
                if seen.insert(image.name).inserted { Console.print(image.name) }
            }
        }
    }

    private func report(_ outcome: (missing: [Reference], findings: [SpecFinding])) throws {
        for finding in outcome.findings where finding.severity != .error { Console.say("\(finding)") }
        if json {
            try Console.printJSON(outcome.missing)
        } else {
            var seen: Set<Reference> = []
            for reference in outcome.missing where seen.insert(reference).inserted {
                Console.print("\(reference)")
            }
        }
        let errors = outcome.findings.filter { $0.severity == .error }
        guard !errors.isEmpty else { return }
        throw Failure(
            .configuration, "carry all images with", check ?? "",
            because: "it misses some:\n" + errors.map { "  \($0)" }.joined(separator: "\n"))
    }
}

extension ImagesCommand.Place {
    fileprivate init(reference: String, path: String, position: SourcePosition, possible: String? = nil) {
        self.init(
            reference: reference, path: path, line: position.line, column: position.column, possible: possible
        )
    }
}
