// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
internal import Glibc
internal import Build
package import OCI
internal import Sealer
internal import Spec

/// Brings a bundle into a sealer layer store: the base's layers, then the builds, then the receipt.
///
/// Each step is atomic, verified, and skipped when an earlier run has done it. What the store held before
/// stays, whatever happens. All methods block.
package struct Applier: Sendable {
    let bundle: Bundle
    let store: Store
    let platform: Platform
    let base: Base?
    let settings: BuildSettings
    let events: @Sendable (ApplyEvent) -> Void

    /// The base of the bundle for the platform.
    struct Base: Sendable {
        let reference: Reference
        let image: SealerImage
        /// What stores list it as: sealer knows no digests in names.
        var name: Reference { reference.unpinned }
        let layers: [(id: Digest, blob: Descriptor)]
    }

    /// Prepares to apply `bundle` to the store at `store`.
    /// - Parameter platform: `nil` for that of this host.
    /// - Throws: a ``Failure`` of kind `usage` for a platform that the bundle does not carry or an argument that
    ///   no Kubefile has, `data` where the base is not a sealer image of the 0.8 line.
    package init(
        _ bundle: Bundle, store: String, platform: Platform?, settings: BuildSettings = BuildSettings(),
        events: @escaping @Sendable (ApplyEvent) -> Void
    ) throws(Failure) {
        let carried = bundle.spec.platforms
        guard let chosen = carried.first(where: { $0 == platform ?? .host }) else {
            throw Failure(
                .usage, "apply for", "\(platform ?? .host)",
                because: "the bundle carries \(carried.map(\.description).joined(separator: ", "))",
                remedy: platform == nil
                    ? "pass --platform \(carried[0]) to build for another host"
                    : "name one of these, or collect the bundle with --platform")
        }
        self.bundle = bundle
        self.store = try Store(at: store)
        try self.store.refuseForeignFolder()
        self.platform = chosen
        self.settings = settings
        self.events = events
        base = try Self.base(of: bundle, chosen)
        try checkArguments()
    }

    private static func base(of bundle: Bundle, _ platform: Platform) throws(Failure) -> Base? {
        guard let reference = bundle.spec.base?.image else { return nil }
        guard let carried = bundle.image(reference),
            let manifest = carried.instance(for: platform),
            case .image(let config, let blobs) = manifest.content
        else {
            throw Failure(.data, "find the base", reference.familiar, because: "the bundle does not hold it")
        }
        let image = try SealerImage(config: bundle.bytes(of: config), artifact: reference.familiar)
        guard image.layerIDs.count == blobs.count else {
            throw Failure(
                .data, "read the base", reference.familiar,
                because: "its config names \(image.layerIDs.count) layers, its manifest \(blobs.count)",
                remedy: "name a sealer image of the 0.8 line as base.image")
        }
        return Base(reference: reference, image: image, layers: zip(image.layerIDs, blobs).map { ($0, $1) })
    }

    /// What ``run()`` would do now. Changes nothing.
    package func plan() throws(Failure) -> ApplyPlan {
        var steps: [ApplyPlan.Step] = []
        for (index, layer) in (base?.layers ?? []).enumerated() {
            steps.append(
                .init(
                    title: "base layer \(index + 1) of \(base!.layers.count)  \(layer.id.short)",
                    bytes: layer.blob.size, isDone: store.hasLayer(layer.id)))
        }
        let receipt = try doneBefore()
        for build in spec.builds {
            let isDone = receipt?.images.contains { $0.name == build.tag.description } ?? false
            steps.append(
                .init(
                    title: Self.title(of: build), bytes: isDone ? 0 : bytes(of: build), isDone: isDone,
                    details: try instructions(of: build)))
        }
        return ApplyPlan(bundle: bundle.spec.name, store: store.path, platform: platform, steps: steps)
    }

    /// Applies the bundle and returns the receipt, which then is next to the store.
    /// - Throws: a ``Failure``; of kind `busy` where another sealift is writing there. What the store held
    ///   before is still there, and a further run does what is missing.
    package func run() throws(Failure) -> Receipt {
        let plan = try plan()
        if plan.steps.allSatisfy(\.isDone), let receipt = try doneBefore() {
            events(.note("all of it has been applied before: nothing to do"))
            return receipt
        }
        try checkConsent()
        let source = try source()
        try checkComplete(plan, source: source)
        try checkSpace(for: plan, source: source)
        let writer = try store.writer()
        let record = try ApplyRecord(
            ApplyRecord.Identity(
                bundle: bundle.indexDigest, name: bundle.spec.name, platform: platform,
                signers: bundle.signers,
                builder: builder),
            store: store, names: names)
        return try writer.transaction { () throws(Failure) in
            do throws(Failure) {
                try record.begin()
                return try record.end(images: try take(plan, blobs: source, in: writer))
            } catch {
                try record.takeBack()
                throw error
            }
        }
    }

    /// Who builds, as a receipt names it.
    private var builder: String? { settings.sealer == nil ? nil : "sealer" }

    /// What is built, with the platform's placeholders filled in.
    var spec: Spec { bundle.spec.filled(for: platform) }

    /// The names that the run gives to images.
    private var names: [Reference] { (base.map { [$0.name] } ?? []) + spec.builds.map(\.tag) }

    /// Compares the free space with what is certainly needed: the bytes that are read, none of which shrink. A layer that
    /// is there and will be exchanged is there twice until the end.
    private func checkSpace(for plan: ApplyPlan, source: ApplySource) throws(Failure) {
        guard let free = store.freeSpace else { return }
        var needed = plan.steps.filter { !$0.isDone }.clampedTotal(\.bytes)
        let there = (base?.layers ?? []).filter { store.hasLayer($0.id) && source.contains($0.blob.digest) }
        // To know which are exchanged takes a look at all of their files: only where it decides.
        if free >= needed, free - needed < there.clampedTotal(\.blob.size) {
            let exchanged = there.filter { store.lacksAttributes($0.id) }
            needed += min(exchanged.clampedTotal(\.blob.size), .max - needed)
        }
        guard free < needed else { return }
        throw Failure(
            .space, "apply to", store.path,
            because: "at least \(needed) bytes are needed, and \(free) are free on its file system",
            remedy: "free some space, or name a store on another file system with --store")
    }

    /// Takes the steps of the plan and returns the images, the base first.
    private func take(
        _ plan: ApplyPlan, blobs: ApplySource, in writer: StoreWriter
    ) throws(Failure) -> [SealerImage] {
        let source = ObservedSource(inner: blobs) { events(.read(bytes: $0)) }
        var number = 0
        func step<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
            let step = plan.steps[number]
            number += 1
            events(.began(number: number, count: plan.steps.count, title: step.title, bytes: step.bytes))
            defer { events(.ended) }
            return try body()
        }
        var images: [SealerImage] = []
        for layer in base?.layers ?? [] {
            _ = try step { () throws(Failure) in
                try writer.importLayer(
                    layer.blob, from: source, id: layer.id, repository: base?.reference,
                    restores: blobs.contains(layer.blob.digest))
            }
        }
        if let base { images.append(try register(base, in: writer)) }
        let maker = StoreLayerMaker(writer)
        let session = try session(source, maker: maker)
        for number in spec.builds.indices {
            images.append(
                try step { () throws(Failure) in try build(number, by: session, maker: maker) })
        }
        return images
    }

    /// Lists the base under the name that the spec calls it, which with a mirror is not its own.
    private func register(_ base: Base, in writer: StoreWriter) throws(Failure) -> SealerImage {
        let name = base.name.description
        if base.image.name != name {
            events(.note("the base calls itself \(base.image.name); it is listed as \(name)"))
        }
        try refuseForeignID(of: base.image)
        let image = base.image.listed(as: base.name)
        try checkOutcome(image, named: base.name)
        return try writer.register(image).image
    }

    /// Compares the id that the base states with the one that its content has. `sealer tag` states ids that nothing but
    /// the image that was tagged can prove: such a base is listed under its own, and a note says so.
    /// - Throws: a ``Failure`` of kind `data` where the stated id is that of another image of the store.
    private func refuseForeignID(of image: SealerImage) throws(Failure) {
        let own = image.computedID
        guard !image.id.isEmpty, image.id != own else { return }
        let file = store.imageFile(image.id)
        if let there = try? File.open(file).bytes(limit: SealerImage.largestSize), there != image.storeYAML {
            throw Failure(
                .data, "list the base", image.name,
                because:
                    "it states the id \(image.id), which another image of the store has; its content has "
                    + "the id \(own)",
                remedy: "do not trust this bundle: collect it again from a registry that you trust")
        }
        events(.note("the base states the id \(image.id); its content has, and is listed under, \(own)"))
    }

    /// The receipt of this bundle and platform, if the store still has all that it lists.
    private func doneBefore() throws(Failure) -> Receipt? {
        let path = Receipt.path(store: store.path, bundle: bundle.indexDigest, platform: platform)
        guard let receipt = try Receipt.load(path), receipt.isDone, receipt.bundle == bundle.indexDigest,
            receipt.builder == builder
        else { return nil }
        for image in receipt.images {
            // One that is listed and cannot be read is made again.
            let stored = try? store.image(named: try Reference(image.name), for: platform)
            guard let stored, stored.id == image.id, try isCurrent(stored),
                image.layers.allSatisfy({ store.hasLayer($0.id) })
            else {
                return nil
            }
        }
        return receipt
    }

}
