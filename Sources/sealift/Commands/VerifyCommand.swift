// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte of a bundle, and its signature where a key is given.",
        discussion: """
            What the system keeps of the bundle in memory is dropped first, so that the bytes are read from the medium. With \
            a trusted key (--key, --keys, or /etc/sealift/keys.d) the signature is verified before anything else.

            EXAMPLES:
              sealift verify /media/usb/k8s.sealift
              sealift verify k8s.sealift --key ops.pub --report k8s-report   # to be filed
              sealift verify k8s.sealift --key ops.pub --sbom k8s.spdx.json
              sealift verify k8s-2.sealift --with k8s-1.sealift --json
            """)

    @OptionGroup var source: BundleOptions
    @Flag(help: "Print the outcome as JSON.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Write what was checked against what to FILE.json and, as a text to be filed, FILE.txt; also of a bundle that is refused.",
            valueName: "file"), completion: .file())
    var report: String?
    @Option(
        help: ArgumentHelp(
            "Also verify that this file is the bundle's SBOM, to the byte, so that the bundle's signature vouches for it.",
            valueName: "file"), completion: .file(extensions: ["json"]))
    var sbom: String?
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let bundle: Bundle
        do { bundle = try await source.open() } catch {
            try file(VerifyReport(source.bundle, refusedBecause: error))
            throw error
        }
        let (isFresh, damages) = try await bundle.verifyFromMedium()
        let report = VerifyReport(source.bundle, of: bundle, damages: damages, fromMedium: isFresh)
        try file(report)
        if json { try Console.printJSON(report.summary, schema: "verify/1") }
        try damages.throwFirst()
        if let sbom {
            try await SBOMFile(path: sbom).verify(against: bundle)
            Console.say("\(sbom): the SBOM of \(source.bundle)")
        }
        if !json { tell(bundle, isFresh: isFresh) }
    }

    /// Writes the report, if one is wanted.
    private func file(_ outcome: VerifyReport) throws {
        guard let report else { return }
        for path in try outcome.write(to: report) { Console.say("report: \(path)") }
    }

    private func tell(_ bundle: Bundle, isFresh: Bool) {
        let (left, missing) = (bundle.required, bundle.missing)
        Console.say(
            "\(source.bundle): \(bundle.blobs.count) blobs, \(bundle.size.asBytes), every byte as promised"
                + (isFresh
                    ? ", read from the medium"
                    : "; some of it may have come from memory, not from the medium"))
        if !left.isEmpty {
            Console.say(
                "it is a delta without \(left.count) blobs, \(left.bytes.asBytes); "
                    + (missing.isEmpty
                        ? "all of them were read from what --with names"
                        : "\(missing.count) of them, \(missing.bytes.asBytes), are not here to be read"))
        }
        Console.say("\(source.bundle): \(bundle.signatureSummary)")
        Console.print("\(bundle.indexDigest)  \(source.bundle)")
    }
}

/// The bundle that a command reads, and what it is verified against.
struct BundleOptions: ParsableArguments {
    @Argument(help: "The bundle, or the first of its volumes.", completion: .file())
    var bundle: String
    @OptionGroup var access: BundleAccess

    /// Opens the bundle.
    func open() async throws(Failure) -> Bundle { try await access.open(bundle) }
}

/// How bundles are opened.
struct BundleAccess: ParsableArguments {
    @Option(
        name: .customLong("with"), help: "A bundle that holds what this one leaves out; may be repeated.",
        completion: .file())
    var with: [String] = []
    @OptionGroup var keys: KeyOptions

    /// Opens the bundle at `path`, once a trusted key has signed it and those of `--with`, where there is any key.
    func open(_ path: String) async throws(Failure) -> Bundle {
        try await onThread { () throws(Failure) in
            let trust = try keys.trust()
            var overlays: [Bundle] = []
            for path in with { overlays.append(try Bundle(opening: path, trusting: trust)) }
            return try Bundle(opening: path, with: overlays, trusting: trust)
        }
    }
}
