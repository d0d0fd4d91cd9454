// SPDX-License-Identifier: Apache-2.0
public import OCI

/// A lite build: a Kubefile and a context become layers, the container images that they name are saved as
/// distribution storage below `registry/`, and the image is listed in the store.
///
/// Equal inputs give equal layer and image ids on every host, as root: copied files keep owner, mode and
/// time; folders that no source has, and all of `registry/`, get ``time``. So the times of the context's own
/// files and folders are an input: who assembles it sets them. No layer that exists is changed; it is shared.
///
/// Nothing is in the store before everything is whole: after a failure it is as it was.
public struct LiteBuild: Sendable {
    /// What to build.
    public var kubefile: Kubefile
    /// The name of the image.
    public var name: Reference
    /// The folder that COPY copies from.
    public var context: String
    /// What to build for; an image of the base for it must be in the store.
    public var platform: Platform
    /// `--build-arg`: these come over the Kubefile's ARG.
    public var arguments: [String: String] = [:]
    /// The container images that may be saved.
    public var images: [RegistryImage] = []
    /// Where their blobs are.
    public var content: any ContentSource
    /// The registry that the cluster pulls from: `sea.hub:5000/calico/node:v3` means whichever of
    /// ``images`` has that path.
    public var registry: String?
    /// Layers of another image of the store whose container images the built one shall have as well.
    ///
    /// A guide's context is assembled from one layer of the published base and built FROM scratch: the
    /// images in the base's other `registry/` layers would be lost. They are named here, usually what
    /// ``Store/registryLayers(of:)`` says of the base less what the context has. A layer that holds nothing
    /// but `registry/` is shared, with the id and the words it has; of any other one only its `registry/` is
    /// taken, as a new layer. They lie above the base and below what the Kubefile copies: so where both have
    /// a tag, the build's own wins, and blobs are the same wherever they come from.
    public var carried: [SealerImage.Layer] = []
    /// The time of folders that no source has, and of all of `registry/`: seconds since 1970.
    public var time: Int64 = 0

    /// The most layers that sealer accepts in an image.
    public static let mostLayers = 128

    /// Creates a build.
    public init(
        _ kubefile: Kubefile, as name: Reference, context: String, platform: Platform,
        content: any ContentSource
    ) {
        self.kubefile = kubefile
        self.name = name
        self.context = context
        self.platform = platform
        self.content = content
    }

    /// What was built.
    public struct Outcome: Sendable {
        /// The image, which is in the store.
        public var image: SealerImage
        /// What the store's list says of it.
        public var entry: StoredImage
        /// The container images that were saved below `registry/`.
        public var saved: [Reference]
        /// What a person should look at, a sentence each.
        public var notes: [String]
    }

    /// Builds and registers the image.
    /// - Throws: a ``Failure``: of kind `configuration` for a Kubefile that cannot be built, `input` where
    ///   the base, a source or a container image is missing; all missing images are named at once.
    public func run(in writer: StoreWriter) throws(Failure) -> Outcome {
        var staged: [StagedLayer] = []
        do throws(Failure) { return try run(in: writer, &staged) } catch {
            for layer in staged { try? writer.discard(layer.folder) }
            throw error
        }
    }

    private func run(in writer: StoreWriter, _ staged: inout [StagedLayer]) throws(Failure) -> Outcome {
        let base = try baseImage(in: writer.store)
        try checkInstructions(base: base)
        var layers = base.layers
        for layer in carried { layers.append(try carry(layer, in: writer, &staged)) }
        var own: [String] = []
        for instruction in kubefile.instructions.dropFirst() {
            guard let layer = try copy(instruction, in: writer) else { continue }
            staged.append(layer)
            own.append(layer.files)
            layers.append(
                .init(id: layer.id, type: instruction.keyword.rawValue, value: instruction.value))
        }
        let scan = try ImageScan(layers: own)
        let found = try resolve(scan)
        if let cache = try save(found, in: writer) {
            staged.append(cache)
            layers.append(
                .init(id: cache.id, type: SealerImage.cacheLayer.type, value: SealerImage.cacheLayer.value))
        }
        let (image, entry) = try writer.register(assembled(layers, base: base), with: staged)
        let notes = scan.templated.map {
            "\($0.place): the image '\($0.text)' is known only once the template is rendered; "
                + "name it in manifests/imageList"
        }
        return Outcome(
            image: image, entry: entry, saved: found.map(\.reference), notes: kubefile.warnings + notes)
    }

    private func refuse(_ reason: String, remedy: String) -> Failure {
        Failure(.configuration, "build", name.description, because: reason, remedy: remedy)
    }

    private func baseImage(in store: Store) throws(Failure) -> SealerImage {
        let text = try kubefile.base(artifact: "the Kubefile of \(name)")
        if text == "scratch" { return SealerImage() }
        let reference = try Reference(text, defaults: .sealer)
        guard let base = try store.image(named: reference, for: platform) else {
            throw Failure(
                .input, "build", name.description,
                because: "its base \(reference) for \(platform) is not in the store \(store.path)",
                remedy: "build or import the base first; `sealer images` lists what is there")
        }
        return base
    }

    private func checkInstructions(base: SealerImage) throws(Failure) {
        if let run = kubefile.instructions.first(where: { $0.keyword == .run }) {
            throw refuse(
                "line \(run.line): RUN \(run.value): this builder cannot run programs yet",
                remedy: "build it with --builder sealer, or do what it does in the context")
        }
        let count = base.layers.count + kubefile.instructions.count - 1
        guard count <= Self.mostLayers else {
            throw refuse(
                "it would have \(count) layers, and sealer takes \(Self.mostLayers)",
                remedy: "copy more with fewer instructions")
        }
        // sealer pulls what this file names with the passwords in it, and `COPY . .` would ship them.
        let secrets = "imageListWithAuth.yaml"
        if try Folder.open(context).names().contains(Array(secrets.utf8)) {
            throw refuse(
                "the context holds \(secrets), and its passwords would become part of the image",
                remedy: "list its images in the spec and in manifests/imageList, and remove the file")
        }
    }

    private func copy(
        _ instruction: Kubefile.Instruction, in writer: StoreWriter
    ) throws(Failure) -> StagedLayer? {
        let plan = try CopySources(
            instruction, architecture: platform.architecture, artifact: "the Kubefile of \(name)")
        let context = try Folder.open(context)
        var paths: [[UInt8]] = []
        for source in plan.sources { paths += try CopySources.resolve(source, in: context) }
        let cacheID: (Digest) throws(Failure) -> Digest? = { (id) throws(Failure) in
            try self.cacheID(of: paths, to: plan.destination, in: context, layer: id)
        }
        return try writer.stageLayer(cacheID: cacheID) { (files) throws(Failure) in
            let tree = CopyTree(into: try Folder.open(files), time: time)
            for path in paths { try tree.copy(path, of: context, to: plan.destination) }
            try tree.finish()
        }
    }

    /// sealer's digest of the sources of a COPY: the layer id of the folder copied. Never read again, so it is
    /// left out where it would need a reading of its own kind, for a file or several sources.
    private func cacheID(
        of paths: [[UInt8]], to destination: String, in context: Folder, layer: Digest
    ) throws(Failure) -> Digest? {
        guard paths.count == 1, let path = paths.first else { return nil }
        if path.isEmpty && destination.isEmpty { return layer }
        let folder = path.isEmpty ? context.path : context.shown(path)
        guard path.isEmpty || (try? context.folder(path)) != nil else { return nil }
        return try Layer.measure(folder: folder, tarSplit: nil).id
    }

    private func carry(
        _ layer: SealerImage.Layer, in writer: StoreWriter, _ staged: inout [StagedLayer]
    ) throws(Failure) -> SealerImage.Layer {
        guard let id = layer.id, writer.store.hasLayer(id) else {
            throw Failure(
                .input, "carry the images of", "\(layer.type) \(layer.value)",
                because: "the store has no such layer", remedy: "import all layers of the base first")
        }
        let source = try Folder.open(writer.store.layerFolder(id))
        let names = try source.names()
        if names == [Array("registry".utf8)] { return layer }
        let made = try writer.stageLayer { (files) throws(Failure) in
            let tree = CopyTree(into: try Folder.open(files), time: time)
            try tree.copy(Array("registry".utf8), of: source, to: "")
        }
        if let made { staged.append(made) }
        return .init(
            id: made?.id, type: SealerImage.cacheLayer.type, value: SealerImage.cacheLayer.value)
    }

    /// The images that the scan found, each once.
    private func resolve(_ scan: ImageScan) throws(Failure) -> [RegistryImage] {
        let catalog = RegistryCatalog(images, registry: registry)
        var found: [Reference: RegistryImage] = [:]
        var missing: [String] = []
        for mention in scan.mentions {
            do throws(Failure) {
                let reference = try Self.reference(mention)
                if let image = try catalog.image(reference) {
                    found[image.reference] = image
                } else {
                    let near = catalog.near(reference).map(\.familiar)
                    let hint = near.isEmpty ? "" : " (there is \(near.joined(separator: ", ")))"
                    missing.append("\(mention.place): \(mention.text)\(hint)")
                }
            } catch {
                if error.operation == "save the images" { throw error }
                missing.append("\(mention.place): \(error.reason) ('\(mention.text.prefix(80))')")
            }
        }
        guard missing.isEmpty else {
            throw Failure(
                .input, "build", name.description,
                because: "images that its files name are not at hand:\n    "
                    + missing.joined(separator: "\n    "),
                remedy: "add them to `images` of the spec and collect again, or correct the names")
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func reference(_ mention: ImageScan.Mention) throws(Failure) -> Reference {
        let reference = try Reference(mention.text)
        guard reference.tag != nil, reference.digest == nil else {
            throw Failure(
                .configuration, "read the image reference", mention.text,
                because: "sealer saves images by tag, and this one has a digest")
        }
        return reference
    }

    private func save(
        _ images: [RegistryImage], in writer: StoreWriter
    ) throws(Failure) -> StagedLayer? {
        if images.isEmpty { return nil }
        let tree = try RegistryTree(images)
        return try writer.stageLayer { (files) throws(Failure) in
            try tree.write(below: files, from: content, time: time)
        }
    }

    /// The image that `layers` make, in sealer's words, without an id.
    private func assembled(_ layers: [SealerImage.Layer], base: SealerImage) -> SealerImage {
        var image = SealerImage()
        image.layers = layers.filter { $0.id != nil || base.layers.contains($0) }
        image.sealerVersion = SealerImage.writtenVersion
        image.platform = .init(platform)
        image.commands.current = kubefile.commands
        // sealer keeps the parent's list as it is and appends what is not in it.
        image.commands.parent = base.commands.parent
        for command in base.commands.current where !image.commands.parent.contains(command) {
            image.commands.parent.append(command)
        }
        image.arguments.current = kubefile.arguments.merging(arguments) { $1 }
        image.arguments.parent = base.arguments.parent.merging(base.arguments.current) { $1 }
        return image.renamed(to: name)
    }
}
