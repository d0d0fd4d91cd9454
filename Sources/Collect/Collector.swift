// SPDX-License-Identifier: Apache-2.0
internal import Build
package import BundleFormat
internal import Glibc
internal import OCI
package import Registry
internal import Spec

/// Collects a bundle: resolve, plan, fetch, verify, put in place.
package struct Collector: Sendable {
    let options: CollectOptions
    let client: RegistryClient
    let events: @Sendable (CollectEvent) -> Void

    /// A collector that fetches through `client` and tells `events` what happens.
    package init(
        _ options: CollectOptions, client: RegistryClient, events: @escaping @Sendable (CollectEvent) -> Void
    ) {
        self.options = options
        self.client = client
        self.events = events
    }

    /// All that is known before data is fetched.
    struct Prepared: Sendable {
        let parsed: ParsedSpec
        let lock: Lock
        let images: [ResolvedImage]
        let files: [ResolvedFile]
        let bundled: [BundleImage]
        /// The blobs that the isolated host has.
        let had: Set<Digest>
        let plan: BundlePlan
        let output: String
        /// Bundles at hand: blobs are copied out of them in place of the network.
        let known: [Bundle]
        /// The mistakes that were found before anything was fetched.
        let problems: [BuildProblems.Problem]
        /// The files whose digest only fetching shows, where none is fetched.
        let unknown: [(title: String, size: Int64?)]

        /// What must be at hand to prove the builds: the base's layers, the files, and the configs of images.
        var neededToProve: Set<Digest> {
            var needed = Set(files.map(\.locked.digest))
            for image in bundled {
                for case .image(let config, let layers) in image.instances.map(\.content) {
                    needed.insert(config.digest)
                    if image.reference == parsed.spec.base?.image { needed.formUnion(layers.map(\.digest)) }
                }
            }
            return needed
        }

        /// The builds, over what `writer` has so far.
        func rehearsal(
            over writer: BundleWriter, beside output: String,
            _ events: @escaping @Sendable (CollectEvent) -> Void
        ) throws(Failure) -> Rehearsal {
            let scratch = Scratch(beside: output).path
            try makeFolder(scratch)
            return Rehearsal(
                parsed, images: bundled, files: lock.files, content: FirstSource(sources: [writer] + known),
                scratch: scratch, known: problems, note: { events(.note($0)) })
        }

        /// The plan with its outcome: the same blobs at the same places.
        func plan(with outcome: BuildOutcome?, _ volumeSize: Int64?) throws(Failure) -> BundlePlan {
            try BundlePlan(
                spec: parsed.spec, lock: lock, images: bundled, have: had, volumeSize: volumeSize,
                outcome: outcome)
        }
    }

    /// What a collect would fetch, as far as it is known without fetching a layer or a file.
    package struct Preview: Sendable {
        /// The layout, without the files whose digest only fetching shows, and without the outcome.
        package let plan: BundlePlan
        /// The files whose digest is not known, by their titles, each with its size where the server states it.
        package let unknown: [(title: String, size: Int64?)]
    }

    /// Lays the bundle out without fetching any layer or file.
    /// - Throws: a ``Failure`` that lists the mistakes that show without them.
    package func plan() async throws -> Preview {
        let prepared = try await prepare(fetchingFiles: false)
        Scratch(beside: prepared.output).remove()
        try Mistakes(prepared.parsed, prepared.problems).report()
        return Preview(plan: prepared.plan, unknown: prepared.unknown)
    }

    /// Collects the bundle.
    ///
    /// Afterwards it lies at its path whole and verified, and nothing else of it is left. After a failure
    /// or a kill what lay there before is unchanged, and the next run goes on where this one stopped.
    package func run() async throws -> Collected {
        let prepared = try await prepare()
        defer { Scratch(beside: prepared.output).remove() }
        let (plan, output) = (prepared.plan, prepared.output)
        let writer = try await onThread { () throws(Failure) in try BundleWriter(plan, at: output) }
        if writer.isAlreadyThere {
            let there = try await onThread { () throws(Failure) in try Bundle(opening: output).plan() }
            return collected(prepared, there, unchanged: true)
        }
        if let first = writer.damaged.first {
            events(
                .note(
                    "\(output) is there and \(writer.damaged.count) of its blobs are damaged, the first of \(first): what is whole is copied, the rest is fetched again"
                ))
        }
        let sources = Sources(prepared)
        let pending = sources.spread(writer.pending)
        let present = plan.size - pending.clampedTotal { $0.size - writer.received(of: $0.digest) }
        events(.planned(size: plan.size, blobs: plan.blobs.count, present: present, names: sources.names))
        let first = prepared.neededToProve
        var came = try await bring(pending.filter { first.contains($0.digest) }, sources, into: writer)
        events(.proving)
        let rehearsal = try prepared.rehearsal(over: writer, beside: output, events)
        try await onThread { () throws(Failure) in try rehearsal.prove() }
        came += try await bring(pending.filter { !first.contains($0.digest) }, sources, into: writer)
        events(.deriving)
        let final = try await onThread { () throws(Failure) in
            let final = try prepared.plan(with: rehearsal.derive(), options.volumeSize)
            try writer.finish(as: final)
            return final
        }
        return collected(
            prepared, final, fetched: came.clampedTotal(\.fetched), copied: came.clampedTotal(\.copied))
    }

    func bring(
        _ blobs: [Descriptor], _ sources: Sources, into writer: BundleWriter
    ) async throws -> [Came] {
        try await inParallel(blobs, width: options.jobs) { blob in
            try await bring(blob, sources, into: writer)
        }
    }

    /// Prepares; what a failure leaves of scratch files is removed.
    func prepare(fetchingFiles: Bool = true) async throws -> Prepared {
        let parsed = try options.spec.narrowed(to: options.platforms)
        let output = options.output ?? "\(parsed.spec.name).sealift"
        do {
            return try await prepare(parsed, output, fetchingFiles: fetchingFiles)
        } catch {
            Scratch(beside: output).remove()
            throw error
        }
    }

    /// Resolves the spec, checks what can be checked without layers, and lays the bundle out.
    private func prepare(
        _ parsed: ParsedSpec, _ output: String, fetchingFiles: Bool
    ) async throws -> Prepared {
        let spec = parsed.spec
        let problems = BuildProblems(gathering: true)
        try StaticCheck.run(spec, problems)
        let lock = try LockFile(forSpec: parsed.path).load()
        if lock == nil {
            events(.note("no lock: tags are taken as they are now; `sealift lock \(parsed.path)` pins them"))
        }
        let content = try await KnownContent(
            client: client, bundles: options.reuse, trusting: options.trust, at: output)
        let scratch = Scratch(beside: output).path
        let local = try await LocalImages(spec, folder: parsed.folder, scratch: scratch)
        let resolver = Resolver(content: content, local: local, lock: lock, platforms: spec.platforms)
        var images: [ResolvedImage] = []
        if let base = spec.base {
            images = [try await resolver.image(base.image)]
            try await provePins(of: images[0], parsed, content, problems)
        }
        images += try await resolve(parsed, resolver, content, base: images.first, problems)
        let (files, unknown) = try await FileResolver(
            client: client, lock: lock, spec: spec, scratch: scratch, mirrors: options.fileMirrors,
            fetches: fetchingFiles
        ).known()
        let resolved = Lock(images: images.map(\.locked), files: files.map(\.locked))
        try resolved.checkPins(of: parsed)
        let bundled = try images.map { (image) throws(Failure) in try image.bundled }
        let had = try await had(base: spec.base == nil ? nil : images[0], content)
        let plan = try BundlePlan(
            spec: spec, lock: resolved, images: bundled, have: had, volumeSize: options.volumeSize)
        return Prepared(
            parsed: parsed, lock: resolved, images: images, files: files, bundled: bundled, had: had,
            plan: plan, output: output, known: content.bundles, problems: problems.found, unknown: unknown)
    }

    /// Proves that the base has the layers that the spec pins, which its configs show.
    private func provePins(
        of base: ResolvedImage, _ parsed: ParsedSpec, _ content: KnownContent, _ problems: BuildProblems
    ) async throws {
        let before = problems.found.count
        for (platform, manifest) in base.instances {
            guard case .image(let config, _) = manifest.content else { continue }
            let bytes = try await content.bytes(config, of: base.reference, limit: 8 << 20)
            let layers = try BaseLayers(base.reference, platform, manifest: manifest, config: bytes)
            for (role, selector) in (parsed.spec.base?.layers ?? [:]).sorted(by: { $0.key < $1.key }) {
                _ = try problems.attempt(at: .role(role)) { () throws(Failure) in
                    try layers.pinned(selector, role: role)
                }
            }
        }
        // A role that means nothing makes every further mistake doubtful.
        if problems.found.count > before { try Mistakes(parsed, problems.found).report() }
    }

    /// Resolves the container images, and reports all of them that cannot be resolved, with their places in the spec; what
    /// the base's YAML shows of their names is reported with them.
    private func resolve(
        _ parsed: ParsedSpec, _ resolver: Resolver, _ content: KnownContent, base: ResolvedImage?,
        _ problems: BuildProblems
    ) async throws -> [ResolvedImage] {
        let found = try await inParallel(parsed.spec.images, width: 8) { reference in
            do { return Result<ResolvedImage, Failure>.success(try await resolver.image(reference)) } catch {
                guard let failure = error as? Failure, failure.kind != .busy else { throw error }
                return .failure(failure)
            }
        }
        var (images, missing): ([ResolvedImage], [BuildProblems.Problem]) = ([], [])
        for (index, result) in found.enumerated() {
            switch result {
            case .success(let image): images.append(image)
            case .failure(let failure): missing.append(.init(place: .image(index), failure: failure))
            }
        }
        if missing.isEmpty { return images }
        var findings: [SpecFinding] = []
        if let base {
            let check = ImageListCheck(parsed: parsed, content: content) { events(.note($0)) }
            findings = (try? await check.findings(base: base)) ?? []
        }
        if missing.count == 1, findings.isEmpty, problems.found.isEmpty {
            var failure = missing[0].failure
            failure.artifact += " (\(parsed.place(of: missing[0].place)))"
            throw failure
        }
        try Mistakes(parsed, problems.found + missing, findings).report()
        return images
    }

    /// The blobs that the isolated host has, as `--since` tells: as they are, or unpacked as the base's layers.
    private func had(base: ResolvedImage?, _ content: KnownContent) async throws -> Set<Digest> {
        let (paths, trust) = (options.since, options.trust)
        let inventory = try await onThread { () throws(Failure) in
            Inventory(
                merging: try paths.map { (path) throws(Failure) in try Inventory(at: path, trusting: trust) })
        }
        var had = Set(inventory.blobs)
        guard let base, !inventory.layers.isEmpty else { return had }
        let unpacked = Set(inventory.layers)
        for (platform, manifest) in base.instances {
            guard case .image(let config, _) = manifest.content else { continue }
            let bytes = try await content.bytes(config, of: base.reference, limit: 8 << 20)
            let layers = try BaseLayers(base.reference, platform, manifest: manifest, config: bytes).layers
            had.formUnion(layers.filter { unpacked.contains($0.id) }.map(\.blob.digest))
        }
        return had
    }

    private func collected(
        _ prepared: Prepared, _ plan: BundlePlan, fetched: Int64 = 0, copied: Int64 = 0,
        unchanged: Bool = false
    ) -> Collected {
        Collected(
            path: prepared.output, digest: plan.indexDigest, size: plan.size, blobs: plan.blobs.count,
            fetched: fetched, copied: copied, required: plan.required.count,
            requiredBytes: plan.required.bytes, unchanged: unchanged)
    }
}
