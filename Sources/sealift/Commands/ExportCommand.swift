// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI
internal import Serve

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Take images or a file out of a bundle, in a form that other tools load.",
        discussion: "sealift export BUNDLE registry:2.7.1 -o - | docker load")

    @OptionGroup var source: BundleOptions
    @Argument(help: "Image references, or the name of one file with --format file.")
    var names: [String]
    @Option(name: [.short, .long], help: "Where it goes; - is stdout.", completion: .file())
    var output: String
    @Option(help: "docker-archive, oci-archive, oci (a folder) or file.")
    var format = "docker-archive"
    @Option(help: "Take this platform's image. (default: that of this host)", transform: { try Platform($0) })
    var platform: Platform?

    func validate() throws {
        guard Export.Format(rawValue: format) != nil else {
            let known = Export.Format.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--format takes one of \(known)")
        }
    }

    func run() async throws {
        let bundle = try await source.open()
        let format = Export.Format(rawValue: format) ?? .dockerArchive
        try await onThread { () throws(Failure) in
            if format == .file { return try Export.file(try file(in: bundle), from: bundle, to: output) }
            let images = try images(of: bundle)
            switch format {
            case .ociArchive: try Export.ociArchive(images, from: bundle, to: output)
            case .oci: try Export.ociFolder(images, from: bundle, to: output)
            default:
                let platform = platform ?? .host
                try Export.dockerArchive(images, platform: platform, from: bundle, to: output)
            }
        }
    }

    private func images(of bundle: Bundle) throws(Failure) -> [ServedImage] {
        var images: [ServedImage] = []
        for name in names {
            let reference = try Reference(name)
            let base = try Reference(name, defaults: .sealer)
            // Inside the air gap names are known without the registry that they came from.
            let sameName = bundle.images.first { $0.reference.path == reference.path }
            guard let image = bundle.image(reference) ?? bundle.image(base) ?? sameName else {
                throw missing(name, bundle.images.map(\.reference.familiar))
            }
            images.append(ServedImage(reference: image.reference, descriptor: image.top.descriptor))
        }
        return images
    }

    private func file(in bundle: Bundle) throws(Failure) -> ServedFile {
        let files = BundleShelf(bundle: bundle).files
        let wanted = names.count == 1 ? names[0] : ""
        let chosen = bundle.file(wanted, for: platform ?? .host)
        guard let file = files.first(where: { $0.name == wanted || $0.digest == chosen?.digest }) else {
            throw missing(names.joined(separator: " "), files.map(\.name))
        }
        return file
    }

    private func missing(_ name: String, _ there: [String]) -> Failure {
        Failure(
            .input, "export", name, because: "the bundle has no such thing",
            remedy: "name one of: \(there.joined(separator: ", "))")
    }
}
