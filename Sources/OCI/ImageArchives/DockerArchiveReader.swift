// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// What `docker save` has written, read as ``DockerArchive`` writes it. Source: moby `image/spec/v1.2.md`.
///
/// Such an archive has no registry manifest, so one is made: docker schema 2 over the config and the layers
/// as they are there, uncompressed or not; the same archive gives the same bytes. It is what skopeo and
/// podman make of the archive but for the type of uncompressed layers, which they call gzip.
struct DockerArchiveReader {
    private struct Entry: Decodable {
        var Config: String
        var RepoTags: [String]?
        var Layers: [String]
    }
    /// The largest config that is read.
    private static let largestConfig = 8 << 20

    private let files: ArchiveFiles
    private let entries: [Entry]

    /// Reads `manifest.json`.
    init(_ files: ArchiveFiles) throws(Failure) {
        self.files = files
        let bytes = try files.bytes("manifest.json", limit: Int(Manifest.largestSize))
        do { entries = try JSONText.decode([Entry].self, from: bytes) } catch {
            throw files.refuse("its manifest.json: \(Manifest.explain(error))")
        }
    }

    /// As ``ImageArchive/image(_:for:)``.
    func image(_ name: String?, for reference: Reference) throws(Failure) -> ArchivedImage {
        let found = entries.filter { entry in
            entry.RepoTags?.contains { ImageLayout.means($0, name: name, reference: reference) } ?? false
        }
        if found.count == 1 { return try image(found[0]) }
        if name == nil, entries.count == 1 { return try image(entries[0]) }
        throw files.choice(name, reference: reference, there: entries.flatMap { $0.RepoTags ?? [] }.sorted())
    }

    private func image(_ entry: Entry) throws(Failure) -> ArchivedImage {
        let bytes = try files.bytes(entry.Config, limit: Self.largestConfig)
        let config = Descriptor(mediaType: MediaType.dockerConfig, of: bytes)
        let stem = entry.Config.split(separator: "/").last.map { $0.prefix { $0 != "." } } ?? ""
        if let promised = Digest(hex: stem), promised != config.digest {
            throw files.refuse("its config \(entry.Config.prefix(200)) is \(config.digest)")
        }
        let diffIDs = try DockerArchive.diffIDs(of: bytes, name: files.path)
        guard diffIDs.count == entry.Layers.count else {
            throw files.refuse(
                "the config names \(diffIDs.count) layers and manifest.json \(entry.Layers.count)")
        }
        var names = [config.digest: entry.Config]
        var layers: [Descriptor] = []
        for (name, diffID) in zip(entry.Layers, diffIDs) {
            let layer = try layer(name, diffID: diffID)
            names[layer.digest] = name
            layers.append(layer)
        }
        let raw = Self.manifest(config, layers: layers)
        let manifest = try Manifest(parsing: raw, type: MediaType.dockerManifest, artifact: files.path)
        return ArchivedImage(
            manifest.descriptor, in: files, names: names, made: [manifest.descriptor.digest: raw])
    }

    /// The layer as it is there. Uncompressed, its digest is the `diff_id`, against which it is verified when it is
    /// read; compressed, it is read here and what it unpacks to is verified against the `diff_id`.
    private func layer(_ name: String, diffID: Digest) throws(Failure) -> Descriptor {
        let region = try files.region(name, followingLink: true)
        func stream() -> FileStream { region.file.stream(at: region.offset, count: region.count) }
        var head = region.file.stream(at: region.offset, count: min(10, region.count))
        let form = Compression(try head.readAll(limit: 10, artifact: files.path))
        guard let form else {
            return Descriptor(mediaType: MediaType.dockerLayer, digest: diffID, size: region.count)
        }
        guard form == .gzip else {
            throw files.refuse(
                "its layer \(name.prefix(200)) is compressed by \(form), which docker has no type for")
        }
        var hash = SHA256()
        var compressed = stream()
        try compressed.forEachChunk { (bytes) throws(Failure) in hash.update(bytes) }
        let artifact = "the layer \(name.prefix(200)) in \(files.path)"
        var plain = VerifyingStream(
            try decompressed(stream(), limit: nil, isPromised: true, artifact: artifact), digest: diffID,
            artifact: artifact)
        try plain.forEachChunk { _ in }
        return Descriptor(mediaType: MediaType.dockerLayerGzip, digest: hash.digest(), size: region.count)
    }

    /// The manifest as Go's tools write it: members in this order, no spaces.
    private static func manifest(_ config: Descriptor, layers: [Descriptor]) -> [UInt8] {
        func text(_ blob: Descriptor) -> String {
            #"{"mediaType":"\#(blob.mediaType)","size":\#(blob.size),"digest":"\#(blob.digest)"}"#
        }
        let list = layers.map(text).joined(separator: ",")
        return Array(
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerManifest)","config":\#(text(config)),"layers":[\#(list)]}"#
                .utf8)
    }
}
