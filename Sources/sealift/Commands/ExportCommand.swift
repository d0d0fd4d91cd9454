// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import Glibc
internal import YAML
internal import OCI
internal import Export

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Take images or a file out of a bundle, in a form that other tools load.",
        discussion: """
            A file that is there is replaced once the new one is whole; a folder must be new or empty. In a \
            docker-archive a layer that several images share is there once. Artifacts (charts, signatures) go into oci and \
            oci-archive; for docker they are left out.

            EXAMPLES:
              sealift export demo.sealift registry:2.7.1 -o - | docker load
              sealift export demo.sealift 'calico/*' 'tigera/*' -o images.tar
              sealift export demo.sealift --format oci -o layout
              sealift export demo.sealift docker --format file -o docker.tgz
            """)

    @OptionGroup var source: BundleOptions
    @Argument(
        help: ArgumentHelp(
            "Images, by reference or pattern; or the name of one file with --format file. (default: all images)",
            valueName: "name"), completion: BundleCompletion.names)
    var names: [String] = []
    @Option(name: [.short, .long], help: "Where it goes; - is stdout.", completion: .file())
    var output: String
    @Option(
        help: "docker-archive (one platform), oci-archive, oci (a folder) or file. (default: docker-archive)",
        completion: .list(ImageExporter.Format.allCases.map(\.rawValue)),
        transform: { try ExportCommand.format(named: $0) })
    var format = ImageExporter.Format.dockerArchive
    @Option(
        help: "Take this platform's image. (default: that of this host; all of them for oci-archive and oci)",
        completion: BundleCompletion.platforms, transform: { try Platform($0) })
    var platform: Platform?
    @OptionGroup var proof: ProofOptions
    @Flag(help: "Print what was written as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    private static func format(named name: String) throws -> ImageExporter.Format {
        if let format = ImageExporter.Format(rawValue: name) { return format }
        let known = ImageExporter.Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--format takes one of \(known)")
    }

    func validate() throws {
        if output == "-", format == .oci {
            throw ValidationError("--format oci writes a folder: name one with -o")
        }
        if output == "-", json {
            throw ValidationError("--json and -o - both need standard output: name a file with -o")
        }
        if output == "-", isatty(STDOUT_FILENO) == 1 {
            throw ValidationError("an archive is nothing for a terminal: redirect it, or name a file with -o")
        }
        if format == .file, names.count != 1 {
            throw ValidationError("--format file takes the name of one file")
        }
    }

    func run() async throws {
        let bundle = try await source.open()
        try await proof.prove(bundle)
        if output != "-" { SignalHandling.discard(AtomicWrite.temporaryPath(for: output)) }
        let progress = Progress("export", total: nil)
        defer { progress.finish() }
        let written = try await onThread { () throws(Failure) in
            do throws(Failure) { return try export(bundle, progress: progress) } catch {
                throw bundle.explained(error, operation: "export")
            }
        }
        progress.finish()
        if json {
            let outcome = Outcome(path: output, format: format.rawValue, written: written)
            try Console.printJSON(outcome, schema: "export/1")
        }
    }

    /// What `--json` prints.
    private struct Outcome: Encodable {
        struct Item: Encodable, Sendable { let name: String, digest: Digest }
        let path: String
        let format: String
        /// The images, or the file, with the digest that the bundle has of each.
        let written: [Item]
    }

    /// - Returns: what was written.
    private func export(_ bundle: Bundle, progress: Progress) throws(Failure) -> [Outcome.Item] {
        if format == .file {
            let file = try file(in: bundle)
            try ImageExporter.file(file, from: bundle, to: output) { progress.reach($0) }
            return [.init(name: file.name, digest: file.digest)]
        }
        let images = try images(of: bundle)
        try export(images, of: bundle, progress: progress)
        return images.map { .init(name: "\($0.reference)", digest: $0.descriptor.digest) }
    }

    private func export(_ images: [NamedImage], of bundle: Bundle, progress: Progress) throws(Failure) {
        switch format {
        case .ociArchive:
            try ImageExporter.ociArchive(images, platform: platform, from: bundle, to: output) {
                progress.reach($0)
            }
        case .oci:
            try ImageExporter.ociFolder(images, platform: platform, from: bundle, to: output) {
                progress.reach($0)
            }
        default:
            try ImageExporter.dockerArchive(images, platform: platform ?? .host, from: bundle, to: output) {
                progress.reach($0)
            }
        }
    }

    private func images(of bundle: Bundle) throws(Failure) -> [NamedImage] {
        var chosen: [BundleImage] = []
        for name in names {
            let isPattern = name.contains("*")
            var found = isPattern ? bundle.images(matching: name) : try bundle.image(named: name)
            guard !found.isEmpty else { throw missing(name, there: bundle.images.map(\.reference.familiar)) }
            if isPattern { found.removeAll(where: isLeftOut) }
            chosen += found.filter { image in !chosen.contains { $0.reference == image.reference } }
        }
        // The base is a sealer image, which docker cannot load.
        if names.isEmpty {
            chosen = bundle.images.filter { image in
                format != .dockerArchive || image.reference != bundle.spec.base?.image && !isLeftOut(image)
            }
        }
        guard !chosen.isEmpty else {
            throw Failure(
                .input, "export", bundle.path, because: "it has no image that docker loads",
                remedy: "take its artifacts with --format oci-archive")
        }
        return chosen.map { NamedImage(reference: $0.reference, descriptor: $0.top.descriptor) }
    }

    /// Whether it is an artifact, which docker cannot load.
    private func isLeftOut(_ image: BundleImage) -> Bool {
        format == .dockerArchive && image.locked.platforms.isEmpty
    }

    private func file(in bundle: Bundle) throws(Failure) -> NamedFile {
        let files = bundle.namedFiles
        let wanted = names.count == 1 ? names[0] : ""
        let chosen = bundle.file(wanted, for: platform ?? .host)
        guard let file = files.first(where: { $0.name == wanted || $0.digest == chosen?.digest }) else {
            throw missing(names.joined(separator: " "), there: files.map(\.name))
        }
        return file
    }

    private func missing(_ name: String, there: [String]) -> Failure {
        Failure(
            .input, "export", name, because: "the bundle has no such thing",
            remedy: "name one of: \(there.joined(separator: ", "))")
    }
}

extension Bundle {
    /// The image of that name; inside the air gap it is known without the registry that it came from, too.
    fileprivate func image(named name: String) throws(Failure) -> [BundleImage] {
        let reference = try Reference(name)
        let base = try Reference(name, defaults: .sealer)
        let sameName = images.first {
            reference.moved(to: $0.reference.domain).means($0.reference, content: $0.locked.digests)
        }
        return [image(reference) ?? image(base) ?? sameName].compactMap(\.self)
    }

    fileprivate func images(matching pattern: String) -> [BundleImage] {
        images.filter { ImagePattern(pattern).matches($0.reference) }
    }
}
