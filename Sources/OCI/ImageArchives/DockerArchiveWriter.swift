// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// The tar that `docker save` writes and `docker load` reads: `manifest.json`, the configs verbatim, and
/// each layer as an uncompressed tar.
///
/// Source: moby `image/spec/v1.2.md`, "Combined Image JSON + Filesystem Changeset Format". The older
/// `repositories` file and the `VERSION` and `json` files of a layer are left out: every docker since 1.10
/// reads `manifest.json` alone.
package enum DockerArchive {
    /// One image of an archive.
    package struct Image: Sendable {
        /// The names it is loaded under. Those without a tag count for nothing: docker cannot load them.
        package var references: [Reference]
        /// The manifest of one platform.
        package var manifest: Manifest

        /// Creates an image from its names and its manifest.
        package init(references: [Reference], manifest: Manifest) {
            self.references = references
            self.manifest = manifest
        }
    }

    /// Writes an archive of `images` to `output`, a file or a pipe, at its current offset. The same images give
    /// the same bytes. Every config and layer is verified against the manifest, and every uncompressed
    /// layer against the config; a layer that several images share is there once.
    /// - Parameters:
    ///   - images: what to write, in this order.
    ///   - source: has their manifests, configs and layers.
    ///   - output: where the archive begins.
    ///   - progress: given the archive's length so far, in bytes, after each piece.
    /// - Throws: a ``Failure`` of kind `data` for an index, an artifact or a sealer image, none of which
    ///   docker can load, and for content that fails to verify; of kind `input` for a blob that `source`
    ///   does not have. What was written up to then is not an archive.
    package static func write(
        _ images: [Image], from source: any ContentSource, to output: File,
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        var plans: [Plan] = []
        for image in images {
            let plan = try Plan(image, from: source)
            if let same = plans.firstIndex(where: { $0.config.digest == plan.config.digest }) {
                plans[same].tags += plan.tags.filter { !plans[same].tags.contains($0) }
            } else {
                plans.append(plan)
            }
        }
        var archive = TarWriter(output, progress: progress)
        try archive.file("manifest.json", bytes: try CompactJSON.encode(plans.map(\.entry)))
        for plan in plans { try archive.file(plan.configName, bytes: plan.configBytes) }
        var written: Set<Digest> = []
        for (layer, diffID) in plans.flatMap(\.layers) where written.insert(diffID).inserted {
            try archive.folder(diffID.hex)
            try archive.file(Plan.layerName(diffID)) { () throws(Failure) in
                try uncompressed(layer, diffID: diffID, from: source)
            }
        }
        try archive.finish()
    }

    /// Refuses what ``write(_:from:to:progress:)`` could not write, as far as manifest and config show it.
    /// - Throws: a ``Failure`` of kind `data`, as there.
    package static func check(_ image: Image, from source: any ContentSource) throws(Failure) {
        _ = try Plan(image, from: source)
    }

    /// The layer's uncompressed tar, verified against `diffID`.
    private static func uncompressed(
        _ layer: Descriptor, diffID: Digest, from source: any ContentSource
    ) throws(Failure) -> any ByteStream {
        let artifact = "the layer \(layer.digest)"
        let tar = try decompressed(source.open(layer), limit: nil, isPromised: true, artifact: artifact)
        return VerifyingStream(tar, digest: diffID, artifact: artifact)
    }

    /// A member of `manifest.json`.
    private struct Entry: Encodable {
        var Config: String
        var RepoTags: [String]?
        var Layers: [String]
    }

    /// What is to be written of one image.
    private struct Plan {
        var config: Descriptor
        var configBytes: [UInt8]
        var tags: [String]
        var layers: [(Descriptor, diffID: Digest)]

        var configName: String { config.digest.hex + ".json" }
        static func layerName(_ diffID: Digest) -> String { diffID.hex + "/layer.tar" }

        var entry: Entry {
            Entry(
                Config: configName, RepoTags: tags.isEmpty ? nil : tags,
                Layers: layers.map { Self.layerName($0.diffID) })
        }

        init(_ image: Image, from source: any ContentSource) throws(Failure) {
            let name = image.references.first?.description ?? "\(image.manifest.descriptor.digest)"
            guard case .image(let config, let layers) = image.manifest.content else {
                throw Failure(
                    .data, "archive", name, because: "it is an index of several platforms",
                    remedy: "choose one platform")
            }
            self.config = config
            configBytes = try source.bytes(of: config)
            let diffIDs = try DockerArchive.diffIDs(of: configBytes, name: name)
            guard diffIDs.count == layers.count else {
                throw Failure(
                    .data, "archive", name,
                    because: "its config names \(diffIDs.count) layers and its manifest \(layers.count)",
                    remedy: "ask its publisher to build it again")
            }
            self.layers = Array(zip(layers, diffIDs))
            tags = image.references.compactMap { reference in
                reference.tag.map {
                    Reference(domain: reference.domain, repository: reference.repository, tag: $0).familiar
                }
            }
        }
    }

    /// The digests of the uncompressed layers, from the bottom to the top, that the config names.
    package static func diffIDs(of config: [UInt8], name: String) throws(Failure) -> [Digest] {
        struct Config: Decodable {
            struct RootFS: Decodable { var diff_ids: [Digest] }
            var rootfs: RootFS
        }
        do {
            return try JSONText.decode(Config.self, from: config).rootfs.diff_ids
        } catch {
            throw Failure(
                .data, "archive", name,
                because: "its config is not that of a container image (\(Manifest.explain(error)))",
                remedy: "sealer images and artifacts cannot be loaded into docker: export them as oci")
        }
    }
}
