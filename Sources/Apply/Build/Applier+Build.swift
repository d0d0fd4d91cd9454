// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Sealer
internal import Spec
internal import YAML

/// The builds of a spec, one at a time: the context, then the builder.
extension Applier {
    /// The builds, their layers written by `maker`.
    func session(_ source: ObservedSource, maker: StoreLayerMaker) throws(Failure) -> BuildSession {
        let events = events
        let base = try base.flatMap { (base) throws(Failure) in
            try store.image(named: base.name, for: platform)
        }
        let inputs = try BuildInputs(
            spec: bundle.spec, platform: platform,
            files: bundle.files.map { ($0.name, $0.platform, .init(descriptor: $0.descriptor, url: $0.url)) }
                + bundle.images.chartFiles(of: bundle.spec).map {
                    ($0.name, nil, .init(descriptor: $0.descriptor, url: ""))
                },
            images: bundle.images.map { ($0.reference, $0.manifests(leadingTo: platform)) }, content: source)
        return BuildSession(
            inputs, base: base, maker: maker,
            problems: BuildProblems(gathering: false), note: { events(.note($0)) })
    }

    /// Builds and lists an image.
    func build(
        _ number: Int, by session: BuildSession, maker: StoreLayerMaker
    ) throws(Failure) -> SealerImage {
        do throws(Failure) {
            let lite = try session.prepare(number, arguments: settings.arguments)
            if let sealer = settings.sealer {
                let outcome = try sealer.run(lite, in: maker.writer)
                for text in outcome.notes { events(.note(text)) }
                try maker.discard()
                if bundle.outcome?.image(lite.name, for: platform)?.id != nil {
                    events(
                        .note(
                            "\(lite.name.path): sealer's ids contain the time of the build, so they are not compared with those that the bundle records"
                        ))
                }
                return outcome.image
            }
            let image = try session.run(lite, number: number).image
            try checkOutcome(image, named: lite.name)
            return try maker.register(image).image
        } catch {
            try? maker.discard()
            throw error
        }
    }

    /// How many bytes of the bundle a build reads: its files, and the images that it saves.
    func bytes(of build: Spec.Build) -> Int64 {
        var sizes: [Int64] = []
        func size(_ image: BundleImage) -> Int64 {
            image.instance(for: platform)?.children.clampedTotal(\.size) ?? 0
        }
        for step in build.context {
            switch step {
            case .putFile(_, let name, _), .putRepacked(_, let name, _), .unpack(_, let name, _, _):
                sizes.append(bundle.file(name, for: platform)?.size ?? 0)
            case .putSaved(_, let reference, _):
                sizes.append(bundle.image(reference).map(size) ?? 0)
            case .imageList(let patterns):
                let listed = Set(
                    ImagePattern.select(bundle.spec.filled(for: platform).images, matching: patterns))
                sizes += bundle.images.filter { listed.contains($0.reference) }.map(size)
            case .layer, .remove, .edit, .rewrite: break
            }
        }
        return sizes.clampedTotal { $0 }
    }
}
