// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// A chart's archive as the OCI artifact that `helm push` makes of it: config, one layer, annotations.
///
/// Equal archives give equal artifacts, to the byte.
struct ChartArtifact: ContentSource {
    let manifest: Manifest
    let name: String
    let version: String
    private let config: (descriptor: Descriptor, bytes: [UInt8])
    private let layer: Descriptor
    /// Where the archive is.
    private let path: String

    /// The largest archive that is carried, as it is and unpacked. Helm refuses a chart of more than 100 MiB.
    static let largest: Int64 = 100 << 20
    private static let largestFile = 5 << 20

    /// Reads the archive at `path`, whose content is `digest` and has `size` bytes. Blocking.
    /// - Throws: a ``Failure`` of kind `data` for what is not the gzipped tar of a chart.
    init(archive path: String, digest: Digest, size: Int64, named artifact: String) throws(Failure) {
        let file = try File.open(path)
        var reader = TarReader(
            try decompressed(file.stream(count: size), limit: Self.largest, artifact: artifact),
            artifact: artifact)
        var found: (chart: [UInt8], time: Int64)?
        var requirements: [UInt8]?
        while let entry = try reader.next() {
            // The folder above is called like the chart, or not.
            let parts = String(decoding: entry.header.name, as: UTF8.self).split(separator: "/").filter {
                $0 != "."
            }
            guard entry.header.kind == .file, parts.count == 2 else { continue }
            if parts[1] == "Chart.yaml", found == nil {
                found = (try reader.readAll(limit: Self.largestFile, artifact: artifact), entry.header.mtime)
            } else if parts[1] == "requirements.yaml" {
                requirements = try reader.readAll(limit: Self.largestFile, artifact: artifact)
            }
        }
        guard let found else {
            throw Failure(
                .data, "read the chart", artifact, because: "it holds no NAME/Chart.yaml",
                remedy: "check the URL that the repository's index gives for it")
        }
        let metadata = try ChartMetadata(parsing: found.chart, requirements: requirements, artifact: artifact)
        (name, version) = (metadata.name, metadata.version)
        self.path = path
        config = (Descriptor(mediaType: MediaType.helmConfig, of: metadata.config), metadata.config)
        layer = Descriptor(mediaType: MediaType.helmChart, digest: digest, size: size)
        let annotations = metadata.annotations(created: found.time)
        let raw = Tree.fields([
            "schemaVersion": .number("2"), "config": config.descriptor.short,
            "layers": .array([layer.short]), "annotations": .map(annotations),
        ]).json()
        manifest = try Manifest(parsing: raw, type: MediaType.manifest, artifact: artifact)
    }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        switch descriptor.digest {
        case manifest.descriptor.digest: return MemoryStream(manifest.raw)
        case config.descriptor.digest: return MemoryStream(config.bytes)
        case layer.digest:
            return VerifyingStream(
                try File.open(path).stream(count: layer.size), descriptor: layer, artifact: path)
        default:
            throw Failure(.input, "read", "\(descriptor.digest)", because: "it is not of the chart \(name)")
        }
    }
}

extension Descriptor {
    /// Type, digest and size, in the order of Go's struct.
    fileprivate var short: Tree {
        .fields([
            "mediaType": .string(mediaType), "digest": .string("\(digest)"), "size": .number("\(size)"),
        ])
    }
}
