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
            Lists each image once, one a line. Of a folder, the YAML and JSON files and imageLists at any depth; what Helm renders: \
            helm template CHART | sealift images -
            """)

    @Argument(help: "Files and folders to look into; - for standard input.", completion: .file())
    var paths: [String]
    @Option(
        help: ArgumentHelp(
            "List only what this spec does not carry, and end with 78 if there is any.",
            valueName: "spec.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var check: String?
    @Flag(help: "Print the references with their places as JSON.")
    var json = false
    @OptionGroup var rewriting: ImagesRewrite

    func validate() throws {
        if rewriting.rewrite != nil, check != nil || json || paths.contains("-") {
            throw ValidationError("--rewrite takes files and folders, and neither --check nor --json")
        }
    }

    /// A reference in its place.
    private struct Place: Encodable {
        let reference: Reference, path: String, line: Int, column: Int
    }

    func run() async throws {
        if let registry = rewriting.rewrite {
            return try await onThread { () throws(Failure) in try rewriting.run(paths, to: registry) }
        }
        let (scans, failure) = try await onThread { () throws(Failure) in try scan() }
        if let check {
            try report(SpecImageCheck.missing(from: try SpecReader.read(path: check), neededBy: scans))
        } else if json {
            try Console.printJSON(
                scans.flatMap { scan in
                    scan.references.map {
                        Place(
                            reference: $0.reference, path: scan.source.path, line: $0.position.line,
                            column: $0.position.column)
                    }
                })
        } else {
            printOnce(scans.flatMap { $0.references.map(\.reference) })
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
                scans.append(try ImageFiles.scan(file, known: known))
            } catch {
                if first == nil { first = error } else { Console.report(error) }
            }
        }
        return (scans, first)
    }

    private func printOnce(_ references: [Reference]) {
        var seen: Set<Reference> = []
        for reference in references where seen.insert(reference).inserted { Console.print("\(reference)") }
    }

    private func report(_ outcome: (missing: [Reference], findings: [SpecFinding])) throws {
        for finding in outcome.findings where finding.severity != .error { Console.say("\(finding)") }
        if json { try Console.printJSON(outcome.missing) } else { printOnce(outcome.missing) }
        let errors = outcome.findings.filter { $0.severity == .error }
        guard !errors.isEmpty else { return }
        throw Failure(
            .configuration, "carry all images with", check ?? "",
            because: "it misses some:\n" + errors.map { "  \($0)" }.joined(separator: "\n"))
    }
}
