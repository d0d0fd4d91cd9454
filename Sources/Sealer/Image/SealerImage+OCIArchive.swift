// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Store {
    /// Writes `image` as an OCI image layout in a tar, the archive that sealer 0.9 and later loads: an image
    /// for buildah, whose manifest says in an annotation what sealer shall start.
    ///
    /// The layers are the store's own, uncompressed, so their digests are their ids; each is verified against its id
    /// while it is read, once. Equal images give equal archives.
    /// - Parameters:
    ///   - path: the archive appears whole or not at all.
    ///   - progress: receives the archive's length so far, in bytes.
    /// - Throws: a ``Failure`` of kind `data` where a layer is not what its id says, `input` where it is missing.
    package func writeArchive(
        of image: SealerImage, to path: String, progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        try AtomicWrite.write(to: path) { (file) throws(Failure) in
            var archive = TarWriter(file, progress: progress)
            try archive.file("oci-layout", bytes: Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
            try archive.folder("blobs")
            try archive.folder("blobs/sha256")
            var sizes: [Digest: Int64] = [:]
            for id in image.layerIDs where sizes[id] == nil {
                sizes[id] = try add(id, to: &archive)
            }
            let layout = ArchivedImage(image, sizes: sizes, runtime: containerRuntime(of: image))
            for blob in [layout.config, layout.manifest] {
                try archive.file("blobs/sha256/\(Digest(of: blob).hex)", bytes: blob)
            }
            try archive.file("index.json", bytes: layout.index)
            try archive.finish()
        }
    }

    /// The container runtime that the image's nodes get: sealer 0.9 and later takes docker where no label names it. The
    /// topmost layer with packages of one in `cri/` says; `nil` where none has any.
    func containerRuntime(of image: SealerImage) -> String? {
        let packages = [("docker", ["docker"]), ("containerd", ["containerd", "cri-containerd", "nerdctl"])]
        for id in image.layerIDs.reversed() {
            guard let layer = try? Folder.open(layerFolder(id)),
                let names = try? layer.folder(Array("cri".utf8)).names()
            else { continue }
            let found = names.map { String(decoding: $0, as: UTF8.self) }
            for (runtime, starts) in packages
            where found.contains(where: { name in starts.contains(where: name.hasPrefix) }) {
                return runtime
            }
        }
        return nil
    }

    /// Adds the tar of a layer and returns its size.
    private func add(_ id: Digest, to archive: inout TarWriter) throws(Failure) -> Int64 {
        guard hasLayer(id) else {
            throw Failure(
                .input, "archive", "the layer \(id)", because: "the store has no such layer",
                remedy: "apply the bundle again")
        }
        var last: MeasuredStream?
        try archive.file("blobs/sha256/\(id.hex)") { () throws(Failure) in
            let stream = MeasuredStream(ReadAhead(try tar(ofLayer: id)))
            last = stream
            return stream
        }
        guard let last, last.digest == id else {
            throw Failure(
                .data, "archive", "the layer \(id)", because: "its files make another layer than its id says",
                remedy: "somebody has changed them: run `sealift store check`, then repair")
        }
        return last.count
    }
}

/// Config, manifest and index of a sealer image in the form of sealer 0.9.
struct ArchivedImage {
    let config: [UInt8]
    let manifest: [UInt8]
    let index: [UInt8]

    /// The label by which sealer 0.9 and later knows the container runtime (`pkg/cluster-runtime/utils.go`).
    static let runtimeKey = "cluster.alpha.sealer.io/container-runtime-type"

    init(_ image: SealerImage, sizes: [Digest: Int64], runtime: String? = nil) {
        let platform: Tree = .fields([
            "architecture": .string(image.platform.architecture), "os": .string(image.platform.os),
            "variant": .text(image.platform.variant),
        ])
        config = Self.config(of: image, platform: platform, runtime: runtime)
        let layers = image.layerIDs.map { id -> Tree in
            .fields([
                "mediaType": .string("application/vnd.oci.image.layer.v1.tar"),
                "digest": .string(id.description), "size": .number("\(sizes[id] ?? 0)"),
            ])
        }
        manifest = Tree.fields([
            "schemaVersion": .number("2"), "mediaType": .string(MediaType.manifest),
            "config": Self.descriptor(MediaType.config, bytes: config), "layers": .array(layers),
            "annotations": .fields([
                "sealer.image.extension": .string(String(decoding: Self.extension(of: image), as: UTF8.self))
            ]),
        ]).json()
        var entry = Self.descriptor(MediaType.manifest, bytes: manifest).members
        entry.append(.init(key: "platform", value: platform))
        entry.append(
            .init(
                key: "annotations", value: .fields(["org.opencontainers.image.ref.name": .string(image.name)])
            ))
        index = Tree.fields([
            "schemaVersion": .number("2"), "mediaType": .string(MediaType.index),
            "manifests": .array([.object(entry)]),
        ]).json()
    }

    private static func config(of image: SealerImage, platform: Tree, runtime: String?) -> [UInt8] {
        var labels = image.labels
        labels["io.sealer.version"] = image.sealerVersion
        if let runtime, labels[runtimeKey] == nil { labels[runtimeKey] = runtime }
        // A moment would make each archive another one.
        let created: Tree = .string("1970-01-01T00:00:00Z")
        let history = image.layers.filter { $0.id != nil }.map { layer -> Tree in
            .fields(["created": created, "created_by": .string("\(layer.type) \(layer.value)")])
        }
        let ids = image.layerIDs.map { Tree.string($0.description) }
        return Tree.object(
            [.init(key: "created", value: created)] + platform.members
                + Tree.fields([
                    "config": .fields(["Labels": .map(labels)]),
                    "rootfs": .fields(["type": .string("layers"), "diff_ids": .array(ids)]),
                    "history": .array(history),
                ]).members
        ).json()
    }

    /// What sealer 0.9 reads from the manifest (`pkg/define/image/v1/sealer_image.go`): who built it, and what
    /// runs once the cluster is up: the base's commands, then the image's own.
    static func `extension`(of image: SealerImage) -> [UInt8] {
        Tree.fields([
            "buildClient": .fields([
                "sealerVersion": .string(image.sealerVersion), "buildahVersion": .string(""),
            ]),
            "schemaVersion": .string("v1alpha1"), "type": .string("kube-installer"),
            "launch": .fields(["cmds": .list(image.commands.parent + image.commands.current)]),
        ]).json()
    }

    private static func descriptor(_ type: String, bytes: [UInt8]) -> Tree {
        .fields([
            "mediaType": .string(type), "digest": .string(Digest(of: bytes).description),
            "size": .number("\(bytes.count)"),
        ])
    }
}
