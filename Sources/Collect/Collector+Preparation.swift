// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec

/// What is known before a layer is fetched.
extension Collector {
    /// Prepares; what a failure leaves of scratch files is removed.
    func prepare(fetchingFiles: Bool = true) async throws -> Prepared {
        let parsed = try options.spec.narrowed(to: options.platforms)
        try tellMistakesOfText(parsed)
        let named = options.output ?? "\(parsed.spec.name).sealift"
        let hold = try await onThread { () throws(Failure) in try OutputHold(named) }
        do {
            return try await prepare(parsed, hold: hold, fetchingFiles: fetchingFiles)
        } catch {
            ScratchFolder(beside: hold.path).remove()
            throw (error as? Failure).map { Mistakes.joined(to: $0, in: parsed) } ?? error
        }
    }

    /// Says what is wrong already before anything is fetched: the network may take its time, and the report comes after it.
    private func tellMistakesOfText(_ parsed: ParsedSpec) throws(Failure) {
        let proved = BuildProblems(gathering: true)
        let spec = parsed.spec
        let knowsImages =
            (spec.imagesFrom ?? []).isEmpty && (spec.charts ?? []).isEmpty
            && (spec.localCharts ?? []).isEmpty
        try StaticCheck.run(
            spec, problems: proved, knowsImages: knowsImages, without: AbsentParts(parsed.gaps))
        for text in Mistakes(parsed, problems: proved.found).texts {
            events(.note("known before anything is fetched: \(text)"))
        }
    }

    /// Resolves the spec, notes the mistakes that show without layers, and lays the bundle out.
    /// - Throws: a ``Failure`` that lists the mistakes where there is nothing more to prove.
    private func prepare(
        _ parsed: ParsedSpec, hold: OutputHold, fetchingFiles: Bool
    ) async throws -> Prepared {
        let lock = try LockFile(forSpec: parsed.path).load()
        let path = parsed.path
        let sources = try await onThread { () throws(Failure) in try Provenance.Sources(spec: path) }
        if lock == nil {
            events(.note("no lock: tags are taken as they are now; `sealift lock \(parsed.path)` pins them"))
        }
        let content = try await ContentCache(
            client: client, bundles: options.reuse, trusting: options.trust, at: hold.path)
        let scratch = ScratchFolder(beside: hold.path).path
        let found = try await read(
            parsed, lock: lock, content: content, scratch: scratch, fetchingFiles: fetchingFiles)
        let (parsed, spec) = (found.parsed, found.parsed.spec)
        var faults = try faults(of: found, lock: lock)
        let images = try await images(of: found, faults: &faults)
        let base = images.first { $0.reference == spec.base?.image }
        if let base { try await provePins(of: base, parsed: parsed, content: content, faults: &faults) }
        let resolved = Lock(
            images: images.map(\.locked), files: found.files.files.map(\.locked), charts: found.charts.records
        )
        if let lacking = lock?.described(lackingOf: resolved) { events(.note(lacking)) }
        for (place, failure) in resolved.pinFaults(of: parsed) { faults.note(failure, at: place) }
        let canProveMore = base != nil || !spec.builds.isEmpty || !spec.files.isEmpty
        if !canProveMore { try Mistakes(parsed, problems: faults.problems).report() }
        let bundled = try images.map { (image) throws(Failure) in try image.bundled }
        let had = try await had(base: base, content)
        let plan = try BundlePlan(
            spec: spec, lock: resolved, images: bundled, have: had, volumeSize: options.volumeSize,
            tools: options.tools.map(\.tool))
        return Prepared(
            parsed: parsed, sources: sources, lock: resolved, images: images, files: found.files.files,
            bundled: bundled, had: had,
            plan: plan, hold: hold, content: content, tools: options.tools.map(\.tool),
            faults: faults, unknown: found.files.unknown)
    }

    /// What the spec names once its files and charts are read.
    private struct Findings {
        let files: FileResolver.Known
        let named: ImagesOfFiles.Outcome
        let charts: ChartImages.Found
        let resolver: ImageResolver

        /// The spec with the images that its files and charts name.
        var parsed: ParsedSpec { charts.parsed }
    }

    /// Finds the files, and reads the images that files and charts name.
    private func read(
        _ parsed: ParsedSpec, lock: Lock?, content: ContentCache, scratch: String, fetchingFiles: Bool
    ) async throws -> Findings {
        var files = try await FileResolver(
            client: client, lock: lock, spec: parsed.spec, folder: parsed.folder, scratch: scratch,
            mirrors: options.fileMirrors, fetches: fetchingFiles, takesUnlocked: options.takesUnlocked
        ).known()
        let named = try await ImagesOfFiles(content: content, scratch: scratch, note: { events(.note($0)) })
            .read(parsed, files: files.files, lock: lock, takesUnlocked: options.takesUnlocked)
        files.files = named.files
        let local = try await ArchivedImages(named.parsed.spec, folder: parsed.folder, scratch: scratch)
        let repositories = ChartResolver(
            parsed.spec, content: content, lock: lock, mirrors: options.fileMirrors, scratch: scratch)
        func resolver(of spec: Spec) -> ImageResolver {
            ImageResolver(
                content: content, local: local, lock: lock, spec: spec, charts: repositories,
                takesUnlocked: options.takesUnlocked)
        }
        let charts = try await ChartImages(
            parsed: named.parsed, resolver: resolver(of: named.parsed.spec),
            renewsLock: false, helm: Helm(at: options.helm), scratch: scratch, note: { events(.note($0)) }
        ).found()
        return Findings(
            files: files, named: named, charts: charts, resolver: resolver(of: charts.parsed.spec))
    }

    /// The base, the container images and the charts in the versions that are taken, and what is attached to them.
    private func images(of found: Findings, faults: inout SpecFaults) async throws -> [ResolvedImage] {
        let spec = found.parsed.spec
        var images = try await resolve(spec, with: found.resolver, faults: &faults) + found.charts.charts
        for index in images.indices {
            images[index].origins = found.named.origins[images[index].reference] ?? []
        }
        let attached = AttachedContent(spec: spec, resolver: found.resolver)
        if let bare = attached.describedWithout(images) { events(.note(bare)) }
        return images + (try await attached.of(images))
    }

    /// The mistakes that show once the files are there.
    private func faults(of found: Findings, lock: Lock?) throws(Failure) -> SpecFaults {
        let (parsed, files, named, charts) = (found.parsed, found.files, found.named, found.charts)
        let proved = BuildProblems(gathering: true)
        let sources = parsed.spec.imagesFrom ?? []
        let areNamed =
            named.failures.isEmpty
            && !files.failures.contains { name, _ in sources.contains { $0.file == name } }
        let absent = AbsentParts(parsed.gaps)
        try StaticCheck.run(
            parsed.spec, problems: proved, knowsImages: areNamed && charts.failures.isEmpty,
            without: absent)
        var faults = SpecFaults(proved.found, without: absent)
        for (name, failure) in files.failures { faults.note(failure, ofFile: name) }
        for (place, failure) in named.failures + charts.failures { faults.note(failure, at: place) }
        for (index, chart) in (parsed.spec.charts ?? []).enumerated() where faults.has(.chart(index)) {
            faults.lack(file: chart.file)
        }
        // What else is wrong is reported with it, but for what the images that are not known would show.
        if !areNamed { faults.lackImages(named.origins.keys) }
        if let lock, !options.takesUnlocked {
            for file in files.files.map(\.locked) where !lock.pins(file) {
                faults.note(Lock.lacking("the file \(file.name)"), ofFile: file.name)
            }
        }
        return faults
    }

    /// Resolves the base and the container images, in that order; those that cannot be are noted.
    private func resolve(
        _ spec: Spec, with resolver: ImageResolver, faults: inout SpecFaults
    ) async throws -> [ResolvedImage] {
        let carried = spec.images.filter {
            !spec.platforms(of: $0).isEmpty && !faults.absent.images.contains($0)
        }
        let base = faults.absent.isBaseMissing ? nil : spec.base?.image
        return try await resolver.images((base.map { [$0] } ?? []) + carried, noting: &faults)
    }

    /// Notes where the base has not the layers that the spec pins, which its configs show.
    private func provePins(
        of base: ResolvedImage, parsed: ParsedSpec, content: ContentCache, faults: inout SpecFaults
    ) async throws {
        if base.instances.isEmpty {
            let failure = Failure(
                .data, "read the base", base.reference.familiar, because: "it is no image of any platform",
                remedy: "name a sealer image (0.8 line) as base.image")
            faults.note(failure, ofImage: base.reference, in: parsed.spec)
        }
        for (platform, manifest) in base.instances {
            guard case .image(let config, _) = manifest.content else { continue }
            let read = try await attempted {
                let bytes = try await content.bytes(config, of: base.reference, limit: 8 << 20)
                return try BaseLayers(base.reference, platform: platform, manifest: manifest, config: bytes)
            }
            guard case .success(let layers) = read else {
                if case .failure(let failure) = read {
                    faults.note(failure, ofImage: base.reference, in: parsed.spec)
                }
                continue
            }
            for (role, selector) in (parsed.spec.base?.layers ?? [:]).sorted(by: { $0.key < $1.key }) {
                do throws(Failure) { _ = try layers.pinned(selector, role: role) } catch {
                    faults.note(error, ofLayer: role)
                }
            }
        }
    }

    /// The blobs that the isolated host has, as `--since` says: as they are, or unpacked as the base's layers.
    private func had(base: ResolvedImage?, _ content: ContentCache) async throws -> Set<Digest> {
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
            let layers = try BaseLayers(base.reference, platform: platform, manifest: manifest, config: bytes)
                .layers
            had.formUnion(layers.filter { unpacked.contains($0.id) }.map(\.blob.digest))
        }
        return had
    }
}
