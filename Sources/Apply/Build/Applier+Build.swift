// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import YAML
internal import Build
internal import OCI
internal import Sealer
internal import Spec

/// The builds of a spec, one at a time: the context, then the builder.
extension Applier {
    func build(
        _ build: Spec.Build, base: SealerImage?, _ source: ObservedSource, in writer: StoreWriter
    ) throws(Failure) -> SealerImage {
        let path = try writer.stagingFolder()
        do throws(Failure) {
            let context = Context(
                bundle: bundle, source: source, store: store, base: base, platform: platform,
                files: try BuildContext(at: path), note: { events(.note($0)) })
            try context.assemble(build)
            let kubefile = try kubefile(build)
            var lite = LiteBuild(kubefile, as: build.tag, context: path, platform: platform, content: source)
            lite.arguments = arguments(for: kubefile)
            lite.images = try images()
            lite.consumesContext = true
            lite.registry = bundle.spec.registry
            lite.carried = try carried(build, kubefile, context)
            let outcome =
                if let sealer = settings.sealer { try sealer.run(lite, in: writer) } else {
                    try lite.run(in: writer)
                }
            for text in outcome.notes { events(.note(text)) }
            try writer.discard(path)
            return outcome.image
        } catch {
            try? writer.discard(path)
            throw error
        }
    }

    /// The layers of the base that hold container images and that a build from nothing would lose, because
    /// its context takes only some layers of the base (sealer rule 6.3).
    private func carried(
        _ build: Spec.Build, _ kubefile: Kubefile, _ context: Context
    ) throws(Failure) -> [SealerImage.Layer] {
        guard let base = context.base, try kubefile.base() == "scratch" else { return [] }
        var taken: Set<Digest> = []
        for case .layer(let role, nil) in build.context { taken.insert(try context.layer(role)) }
        if taken.isEmpty { return [] }
        let lost = store.registryLayers(of: base).filter { layer in
            layer.id.map { !taken.contains($0) } ?? false
        }
        if !lost.isEmpty {
            events(
                .note(
                    "\(build.tag.path): \(lost.count == 1 ? "another layer" : "\(lost.count) other layers") of the base also hold container images: carried on"
                ))
        }
        return lost
    }

    /// The images of the bundle, as far as they are for the platform.
    private func images() throws(Failure) -> [RegistryImage] {
        var images: [RegistryImage] = []
        for image in bundle.images where image.reference != bundle.spec.base?.image {
            guard let instance = image.instance(for: platform) else { continue }
            let isWhole = instance.descriptor.digest == image.top.descriptor.digest
            images.append(
                try RegistryImage(
                    reference: image.reference, manifests: isWhole ? [instance] : [image.top, instance]))
        }
        return images
    }

    /// How many bytes of the bundle a build reads: its files, and the images that it saves.
    func bytes(of build: Spec.Build) -> Int64 {
        var sum: Int64 = 0
        func size(_ image: BundleImage) -> Int64 {
            image.instance(for: platform)?.children.reduce(0) { $0 + $1.size } ?? 0
        }
        for step in build.context {
            switch step {
            case .putFile(_, let name), .putRepacked(_, let name):
                sum += bundle.file(name, for: platform)?.size ?? 0
            case .putSaved(_, let reference):
                sum += bundle.image(reference).map(size) ?? 0
            case .imageList(let patterns):
                let listed = Set(ImagePattern.select(bundle.spec.images, matching: patterns))
                sum += bundle.images.filter { listed.contains($0.reference) }.reduce(0) { $0 + size($1) }
            case .layer, .edit, .rewrite: break
            }
        }
        return sum
    }
}
