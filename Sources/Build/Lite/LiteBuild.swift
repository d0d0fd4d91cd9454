// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer
package import Spec

/// A lite build: a Kubefile and a context become layers, the container images that they name are saved as
/// distribution storage below `registry/`, and the image is listed in the store.
///
/// Equal inputs give equal layer and image ids on every host, as root: copied files keep owner, mode and
/// time; folders that no source has, and all of `registry/`, get ``time``. So the times of the context's own
/// files and folders are an input: who assembles it sets them. No layer that exists is changed; it is shared.
///
/// Nothing is in the store before everything is whole: after a failure it is as it was.
package struct LiteBuild {
    /// What to build.
    package var kubefile: Kubefile
    /// The name of the image.
    package var name: Reference
    /// The tree that COPY copies from.
    package var context: FileNode
    /// What to build for; an image of the base for it must be in the store.
    package var platform: Platform
    /// `--build-arg`: these come over the Kubefile's ARG. sealer keeps them in the image, and so do images built
    /// here: they are no place for a password.
    package var arguments: [String: String] = [:]
    /// The container images that may be saved.
    package var images: [RegistryImage] = []
    /// Those that are named and missing, which is reported elsewhere.
    package var absent = AbsentParts()
    /// Whether what it is built from is not known, which is reported elsewhere too.
    package var isBaseUnknown = false
    /// Where their blobs are.
    package var content: any ContentSource
    /// The registry that the cluster pulls from: `sea.hub:5000/calico/node:v3` means whichever of
    /// ``images`` has that path.
    package var registry: String?
    /// Whether a text in a place where an image is named names none.
    package var isNoImage: (String) -> Bool = { _ in false }
    /// Layers of another image of the store whose container images the built one shall have as well.
    ///
    /// A guide's context is assembled from one layer of the published base and built FROM scratch: the
    /// images in the base's other `registry/` layers would be lost. They are named here, usually what
    /// ``Store/registryLayers(of:)`` says of the base less what the context has. A layer that holds nothing
    /// but `registry/` is shared, with the id and the words it has; of any other one only its `registry/` is
    /// taken, as a new layer. They are above the base and below what the Kubefile copies: so where both have
    /// a tag, the build's own wins, and blobs are the same wherever they come from.
    package var carried: [SealerImage.Layer] = []
    /// The time of folders that no source has, and of all of `registry/`: seconds since 1970.
    package var time: Int64 = 0

    /// The most layers that sealer accepts in an image.
    package static let mostLayers = 128

    /// Creates a build.
    package init(
        _ kubefile: Kubefile, as name: Reference, context: FileNode, platform: Platform,
        content: any ContentSource
    ) {
        self.kubefile = kubefile
        self.name = name
        self.context = context
        self.platform = platform
        self.content = content
    }

    /// What was built.
    package struct Outcome {
        /// The image, which has its id; the maker of the layers lists it.
        package var image: SealerImage
        /// The container images that were saved below `registry/`.
        package var saved: [Reference]
        /// What a person should look at, a sentence each.
        package var notes: [String]
    }

    /// Builds the image, its layers by `maker`.
    /// - Parameters:
    ///   - problems: takes the mistakes; what can be judged in spite of them is.
    ///   - place: the build in the spec.
    /// - Throws: a ``Failure``: of kind `configuration` for a Kubefile that cannot be built or a RUN that failed,
    ///   `input` where the base, a source or a container image is missing: before any layer is made. `denied` where
    ///   this user may not do what RUN needs.
    package func run(
        by maker: any LayerMaker, problems: BuildProblems, at place: SpecPath
    ) throws(Failure) -> Outcome {
        var run = LiteBuildRun(self, maker: maker, problems: problems, place: place)
        return try run.run()
    }

    /// Builds the image into the store of `writer` and lists it there.
    package func run(in writer: StoreWriter) throws(Failure) -> (outcome: Outcome, entry: StoredImage) {
        let maker = StoreLayerMaker(writer)
        do throws(Failure) {
            var outcome = try run(by: maker, problems: BuildProblems(gathering: false), at: .build(0))
            let (image, entry) = try maker.register(outcome.image)
            outcome.image = image
            return (outcome, entry)
        } catch {
            try? maker.discard()
            throw error
        }
    }

    func refuse(_ reason: String, remedy: String) -> Failure {
        Failure(.configuration, "build", name.description, because: reason, remedy: remedy)
    }

    /// The image that FROM names; an empty one for `scratch`.
    func baseImage(
        _ find: (Reference) throws(Failure) -> SealerImage?
    ) throws(Failure) -> SealerImage {
        if isBaseUnknown { return SealerImage() }
        let text = try kubefile.base(artifact: "the Kubefile of \(name)")
        if text == "scratch" { return SealerImage() }
        let reference = try Reference(text, defaults: .sealer)
        guard let base = try find(reference.unpinned) else {
            throw Failure(
                .input, "build", name.description,
                because: "its base \(reference) for \(platform) is not there",
                remedy: "build or import the base first; `sealer images` lists what a store has")
        }
        return base
    }

    /// Refuses more layers than sealer takes in an image.
    func checkCount(_ count: Int) throws(Failure) {
        guard count <= Self.mostLayers else {
            throw refuse(
                "it would have \(count) layers, and sealer takes \(Self.mostLayers)",
                remedy: "copy more with fewer instructions")
        }
    }

    /// The image that `layers` make, in sealer's words, without an id.
    func assembled(_ layers: [SealerImage.Layer], base: SealerImage) -> SealerImage {
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
