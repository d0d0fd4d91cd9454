// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
internal import Glibc
package import OCI
package import Registry
package import Spec

/// What `collect` is asked for.
package struct CollectOptions: Sendable {
    /// The spec, and where it lies: the lock is beside it.
    package var spec: ParsedSpec
    /// Where the bundle goes; `nil` for `NAME.sealift` in the current folder.
    package var output: String?
    /// Carry these platforms alone; empty for all of the spec.
    package var platforms: [Platform] = []
    /// Split the bundle into files of so many bytes.
    package var volumeSize: Int64?
    /// Leave out what these have: paths of bundles, or of inventories of isolated hosts.
    package var since: [String] = []
    /// Copy from these bundles what they have, in place of the network.
    package var reuse: [String] = []
    /// The keys that must have signed the bundles of ``since`` and ``reuse``.
    package var trust = Trust.none

    /// Other places for file URLs.
    package var fileMirrors = FileMirrors()

    /// How many blobs are fetched at once.
    package var jobs = 8

    /// Options for `spec`, all others at their defaults.
    package init(spec: ParsedSpec) { self.spec = spec }
}

/// What happens during a collect, for a display. Comes from any thread.
package enum CollectEvent: Sendable {
    /// A note for people that changes nothing.
    case note(String)
    /// All is laid out: the bundle's size in bytes, how many of them are on the disk already, and what the
    /// items of ``TransferEvent`` are called before people.
    case planned(size: Int64, blobs: Int, present: Int64, names: [String: String])
    /// So many bytes came from this host's own disk.
    case copied(bytes: Int64)
    /// All blobs are there; the base's layers are held to the spec.
    case checking
}

/// What a collect comes to.
package struct Collected: Sendable, Encodable {
    /// Where the bundle is.
    package let path: String
    /// The digest of its index: its identity.
    package let digest: Digest
    /// Its size in bytes.
    package let size: Int64
    /// How many blobs it has.
    package let blobs: Int
    /// How many of its bytes were fetched by this run.
    package let fetched: Int64
    /// How many of its bytes this run copied on this host, out of bundles and image archives.
    package let copied: Int64
    /// How many blobs it leaves out, because the isolated host has them.
    package let required: Int
    /// The size of these in bytes.
    package let requiredBytes: Int64
    /// Whether the bundle was there already, so that nothing had to be done.
    package let unchanged: Bool
}

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
        let plan: BundlePlan
        let output: String
        /// Bundles at hand: blobs are copied out of them in place of the network.
        let known: [Bundle]
    }

    /// Lays the bundle out without fetching any layer or changing anything but scratch files.
    package func plan() async throws -> BundlePlan {
        let prepared = try await prepare()
        Scratch(beside: prepared.output).remove()
        return prepared.plan
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
        if writer.isAlreadyThere { return collected(prepared, unchanged: true) }
        let sources = Sources(prepared)
        let pending = sources.spread(writer.pending)
        let present = plan.size - pending.clampedTotal { $0.size - writer.received(of: $0.digest) }
        events(.planned(size: plan.size, blobs: plan.blobs.count, present: present, names: sources.names))
        let came = try await inParallel(pending, width: options.jobs) { blob in
            try await bring(blob, sources, into: writer)
        }
        events(.checking)
        let check = BaseCheck(spec: prepared.parsed.spec, images: prepared.bundled)
        try await onThread { () throws(Failure) in
            let unseen = try check.holds(FirstSource(sources: [writer] + prepared.known))
            for text in unseen { events(.note(text)) }
            try writer.finish()
        }
        return collected(
            prepared, fetched: came.clampedTotal(\.fetched), copied: came.clampedTotal(\.copied))
    }

    /// Prepares; what a failure leaves of scratch files is removed.
    func prepare() async throws -> Prepared {
        let parsed = try options.spec.narrowed(to: options.platforms)
        let output = options.output ?? "\(parsed.spec.name).sealift"
        do {
            return try await prepare(parsed, output)
        } catch {
            Scratch(beside: output).remove()
            throw error
        }
    }

    /// Resolves the spec, checks what can be checked without layers, and lays the bundle out.
    private func prepare(_ parsed: ParsedSpec, _ output: String) async throws -> Prepared {
        let spec = parsed.spec
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
            try await ImageListCheck(parsed: parsed, content: content) { events(.note($0)) }.run(
                base: images[0])
        }
        images += try await resolver.images(spec.images)
        let files = try await FileResolver(
            client: client, lock: lock, spec: spec, scratch: scratch,
            mirrors: options.fileMirrors
        ).files()
        let resolved = Lock(images: images.map(\.locked), files: files.map(\.locked))
        try resolved.checkPins(of: parsed)
        let bundled = try images.map { (image) throws(Failure) in try image.bundled }
        let had = try await had(base: spec.base == nil ? nil : images[0], content)
        let plan = try BundlePlan(
            spec: spec, lock: resolved, images: bundled, have: had, volumeSize: options.volumeSize)
        return Prepared(
            parsed: parsed, lock: resolved, images: images, files: files, bundled: bundled, plan: plan,
            output: output, known: content.bundles)
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
        _ prepared: Prepared, fetched: Int64 = 0, copied: Int64 = 0, unchanged: Bool = false
    ) -> Collected {
        let plan = prepared.plan
        return Collected(
            path: prepared.output, digest: plan.indexDigest, size: plan.size, blobs: plan.blobs.count,
            fetched: fetched, copied: copied, required: plan.required.count,
            requiredBytes: plan.required.bytes, unchanged: unchanged)
    }
}
