// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer

/// A lite build: a Kubefile and a context become layers, the container images that they name are saved as
/// distribution storage below `registry/`, and the image is listed in the store.
///
/// Equal inputs give equal layer and image ids on every host, as root: copied files keep owner, mode and
/// time; folders that no source has, and all of `registry/`, get ``time``. So the times of the context's own
/// files and folders are an input: who assembles it sets them. No layer that exists is changed; it is shared.
///
/// Nothing is in the store before everything is whole: after a failure it is as it was.
package struct LiteBuild: Sendable {
    /// What to build.
    package var kubefile: Kubefile
    /// The name of the image.
    package var name: Reference
    /// The folder that COPY copies from.
    package var context: String
    /// What to build for; an image of the base for it must be in the store.
    package var platform: Platform
    /// `--build-arg`: these come over the Kubefile's ARG. sealer keeps them in the image, and so do images built
    /// here: they are no place for a password.
    package var arguments: [String: String] = [:]
    /// The container images that may be saved.
    package var images: [RegistryImage] = []
    /// Where their blobs are.
    package var content: any ContentSource
    /// The registry that the cluster pulls from: `sea.hub:5000/calico/node:v3` means whichever of
    /// ``images`` has that path.
    package var registry: String?
    /// Layers of another image of the store whose container images the built one shall have as well.
    ///
    /// A guide's context is assembled from one layer of the published base and built FROM scratch: the
    /// images in the base's other `registry/` layers would be lost. They are named here, usually what
    /// ``Store/registryLayers(of:)`` says of the base less what the context has. A layer that holds nothing
    /// but `registry/` is shared, with the id and the words it has; of any other one only its `registry/` is
    /// taken, as a new layer. They lie above the base and below what the Kubefile copies: so where both have
    /// a tag, the build's own wins, and blobs are the same wherever they come from.
    package var carried: [SealerImage.Layer] = []
    /// Whether ``context`` may be used up: then `COPY . .` moves its files, if it is the last COPY, and their
    /// data is not written again.
    package var consumesContext = false
    /// The time of folders that no source has, and of all of `registry/`: seconds since 1970.
    package var time: Int64 = 0

    /// The most layers that sealer accepts in an image.
    package static let mostLayers = 128

    /// Creates a build.
    package init(
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
    package struct Outcome: Sendable {
        /// The image, which is in the store.
        package var image: SealerImage
        /// What the store's list says of it.
        package var entry: StoredImage
        /// The container images that were saved below `registry/`.
        package var saved: [Reference]
        /// What a person should look at, a sentence each.
        package var notes: [String]
    }

    /// Builds and registers the image.
    /// - Throws: a ``Failure``: of kind `configuration` for a Kubefile that cannot be built or a RUN that failed,
    ///   `input` where the base, a source or a container image is missing: all missing images are named at
    ///   once, before anything is built. `denied` where this user may not do what RUN needs.
    package func run(in writer: StoreWriter) throws(Failure) -> Outcome {
        var staged: [StagedLayer] = []
        do throws(Failure) { return try run(in: writer, &staged) } catch {
            for layer in staged { try? writer.discard(layer.folder) }
            throw error
        }
    }

    private func run(in writer: StoreWriter, _ staged: inout [StagedLayer]) throws(Failure) -> Outcome {
        let base = try baseImage(in: writer.store)
        try checkInstructions(base: base)
        let context = try Folder.open(context)
        let listed = try AuthImageList(in: context)
        try preview(listed.mentions, of: context, in: writer)
        var notes = kubefile.warnings
        if !listed.mentions.isEmpty {
            notes.append(
                "imageListWithAuth.yaml holds passwords and is in no layer; its images come from the bundle")
        }
        var layers = base.layers
        var folders: [Digest: String] = [:]
        for layer in carried { layers.append(try carry(layer, in: writer, &staged)) }
        var own: [String] = []
        for instruction in kubefile.instructions.dropFirst() {
            for layer in staged { folders[layer.id] = layer.files }
            let lower = Self.distinct(layers.compactMap(\.id)).map {
                folders[$0] ?? writer.store.layerFolder($0)
            }
            let made =
                instruction.keyword == .run
                ? try execute(instruction, over: lower, in: writer, &notes)
                : try copy(instruction, in: writer)
            guard let layer = made else { continue }
            staged.append(layer)
            own.append(layer.files)
            layers.append(
                .init(id: layer.id, type: instruction.keyword.rawValue, value: instruction.value))
        }
        let scan = try ImageScan(layers: own)
        let (found, open) = try resolve(listed.mentions + scan.mentions)
        notes += open
        let metadata = try metadata(
            for: scan.kubeVersion, own: own, base: base.layers, in: writer.store, &notes)
        if let cache = try save(found, metadata, in: writer) {
            staged.append(cache)
            layers.append(
                .init(id: cache.id, type: SealerImage.cacheLayer.type, value: SealerImage.cacheLayer.value))
        }
        let (image, entry) = try writer.register(assembled(layers, base: base), with: staged)
        notes += scan.templated.map {
            "\($0.place): the image '\($0.text)' is known only once the template is rendered; "
                + "name it in manifests/imageList"
        }
        return Outcome(image: image, entry: entry, saved: found.map(\.reference), notes: notes)
    }

    /// Each layer once, where it is topmost: an overlay takes none twice.
    private static func distinct(_ ids: [Digest]) -> [Digest] {
        var seen: Set<Digest> = []
        return ids.reversed().filter { seen.insert($0).inserted }.reversed()
    }

    func refuse(_ reason: String, remedy: String) -> Failure {
        Failure(.configuration, "build", name.description, because: reason, remedy: remedy)
    }

    func baseImage(in store: Store) throws(Failure) -> SealerImage {
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

    func checkInstructions(base: SealerImage) throws(Failure) {
        let count = base.layers.count + kubefile.instructions.count - 1
        guard count <= Self.mostLayers else {
            throw refuse(
                "it would have \(count) layers, and sealer takes \(Self.mostLayers)",
                remedy: "copy more with fewer instructions")
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
