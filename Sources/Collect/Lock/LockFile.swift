// SPDX-License-Identifier: Apache-2.0
internal import Build
package import BundleFormat
internal import Glibc
package import OCI
package import Registry
package import Spec

/// The lock that belongs to a spec: `NAME.lock.json` beside `NAME.yaml`.
package struct LockFile: Sendable {
    /// Where the lock is.
    package let path: String

    /// The lock of the spec at `spec`.
    package init(forSpec spec: String) {
        let stem =
            [".yaml", ".yml"].first { spec.hasSuffix($0) }.map { String(spec.dropLast($0.count)) } ?? spec
        path = stem + ".lock.json"
    }

    /// Reads the lock; `nil` where there is none.
    /// - Throws: a `Failure` of kind `configuration` for a file that is not a lock.
    package func load() throws(Failure) -> Lock? {
        guard access(path, F_OK) == 0 else { return nil }
        return try Lock.decode(File.open(path).text(limit: 64 << 20), path: path)
    }

    /// The spec with the images that its lock has from files and charts; as it is where it takes none from there.
    /// - Throws: a `Failure` of kind `configuration` where it takes some and has no lock, or for a file that is not one.
    package static func completed(_ parsed: ParsedSpec) throws(Failure) -> ParsedSpec {
        let file = LockFile(forSpec: parsed.path)
        guard parsed.spec.imagesFrom != nil else { return parsed.adding(chartsOf: try file.load()) }
        guard let lock = try file.load() else {
            throw Failure(
                .configuration, "list the images of", parsed.path,
                because: "it takes images from files, and no lock says which",
                remedy: "run `sealift lock \(parsed.path)`")
        }
        let place = FilePlace(path: file.path, position: .init(line: 1, column: 1))
        let found = lock.images.compactMap { image in
            image.from.map {
                FoundImage(
                    image.reference, at: place, platforms: image.platforms.map(\.platform), origins: $0)
            }
        }
        return parsed.adding(found).adding(chartsOf: lock)
    }

    /// Puts the lock in place, atomically.
    package func save(_ lock: Lock) throws(Failure) { try AtomicWrite.write(lock.encoded(), to: path) }
}

/// Writes the lock of a spec.
package struct Locker: Sendable {
    let parsed: ParsedSpec
    let client: RegistryClient
    let mirrors: FileMirrors
    let helm: String?
    let note: @Sendable (String) -> Void

    /// A locker for `spec` that resolves through `client`, renders charts by the Helm at `helm` or in `PATH`, and gives
    /// `note` what a person should know.
    package init(
        spec: ParsedSpec, client: RegistryClient, fileMirrors: FileMirrors = FileMirrors(),
        helm: String? = nil, note: @escaping @Sendable (String) -> Void
    ) {
        self.helm = helm
        self.note = note
        mirrors = fileMirrors
        parsed = spec
        self.client = client
    }

    /// What a lock came to.
    package struct Outcome: Sendable {
        /// Where it is.
        package let path: String
        /// What it was before; `nil` where there was none.
        package let before: Lock?
        /// What it is now.
        package let after: Lock
    }

    /// Resolves what the lock lacks, and what is to be updated, looks for what is attached to images that stay, and puts
    /// the lock in place.
    /// - Parameter update: references and file names to resolve again; `nil` for none, empty for all.
    /// - Throws: a `Failure` of kind `usage` for a name that the spec does not have; one that lists all that cannot be
    ///   had of the spec, with its places.
    package func run(update: [String]?) async throws -> Outcome {
        let file = LockFile(forSpec: parsed.path)
        let before = try file.load()
        let scratch = ScratchFolder(beside: file.path)
        defer { scratch.remove() }
        let content = try await ContentCache(client: client)
        var faults = SpecFaults([], without: AbsentParts(parsed.gaps))
        let named = try await filesAndImages(
            keptFiles(before, update: update), content: content, scratch: scratch.path, faults: &faults)
        // What was locked of charts may be named, and stays as long as the charts need it.
        let old = Lock(
            images: try keptImages(
                before, update: update, spec: named.parsed.adding(chartsOf: before).spec),
            files: [], charts: keptCharts(before, update: update))
        let local = try await ArchivedImages(named.parsed.spec, folder: parsed.folder, scratch: scratch.path)
        let repositories = ChartResolver(
            parsed.spec, content: content, lock: old, mirrors: mirrors, scratch: scratch.path)
        let charts = try await ChartImages(
            parsed: named.parsed,
            resolver: ImageResolver(
                content: content, local: local, lock: old, spec: named.parsed.spec, charts: repositories),
            renewsLock: true, helm: Helm(at: helm), scratch: scratch.path, note: note
        ).found()
        for (place, failure) in charts.failures { faults.note(failure, at: place) }
        let kept = try keptImages(old, update: nil, spec: charts.parsed.spec)
        let resolver = ImageResolver(
            content: content, local: local, lock: nil, spec: charts.parsed.spec, charts: repositories)
        let images = try await images(charts, beside: kept, by: resolver, faults: &faults)
        let all = (kept + images.map(\.locked)).map { image in
            var image = image
            image.from = named.origins[image.reference]
            return image
        }
        let after = Lock(images: all, files: named.files.map(\.locked), charts: charts.records)
        if after != before { try file.save(after) }
        return Outcome(path: file.path, before: before, after: after)
    }

    /// Resolves the files, and reads the images that they name.
    private func filesAndImages(
        _ kept: [Lock.File], content: ContentCache, scratch: String, faults: inout SpecFaults
    ) async throws -> ImagesOfFiles.Outcome {
        let files = try await FileResolver(
            client: client, lock: Lock(images: [], files: kept), spec: parsed.spec, folder: parsed.folder,
            scratch: scratch, mirrors: mirrors
        ).known()
        for (name, failure) in files.failures { faults.note(failure, ofFile: name) }
        let named = try await ImagesOfFiles(content: content, scratch: scratch, note: note)
            .read(parsed, files: files.files, lock: nil)
        for (place, failure) in named.failures { faults.note(failure, at: place) }
        return named
    }

    /// Resolves what is not among `kept`: the base, the images and charts of the spec, and what is attached to all of them.
    /// - Throws: a `Failure` that lists `faults` and what else cannot be had.
    private func images(
        _ charts: ChartImages.Found, beside kept: [Lock.Image], by resolver: ImageResolver,
        faults: inout SpecFaults
    ) async throws -> [ResolvedImage] {
        let (parsed, spec) = (charts.parsed, charts.parsed.spec)
        let known = Set(kept.map(\.reference))
        let wanted = spec.images.filter { !known.contains($0) }
        let base = spec.base.flatMap { known.contains($0.image) && wanted.isEmpty ? nil : $0.image }
        var images = try await resolver.images((base.map { [$0] } ?? []) + wanted, noting: &faults)
        try Mistakes(parsed, problems: faults.problems).report()
        if let base, let resolved = images.first(where: { $0.reference == base }) {
            try await ImageListCheck(parsed: parsed, content: resolver.content, note: note).run(
                base: resolved)
        }
        images += charts.charts
        images.removeAll { known.contains($0.reference) }
        return images + (try await AttachedContent(spec: spec, resolver: resolver).of(images, and: kept))
    }

    /// The images of `lock` that stay as they are.
    private func keptImages(_ lock: Lock?, update: [String]?, spec: Spec) throws(Failure) -> [Lock.Image] {
        let wanted = Set(
            spec.images + (spec.base.map { [$0.image] } ?? []) + (spec.charts ?? []).map(\.reference))
        /// Whether it is attached to an image of the spec that stays as it is.
        func belongs(_ name: Reference) -> Bool {
            !spec.names(name)
                && wanted.contains { owner in
                    (owner.domain, owner.repository) == (name.domain, name.repository)
                        && !spec.attachedKinds(of: owner).isEmpty
                        && !(update ?? []).contains { owner.goes(by: $0) }
                }
        }
        let names = Set(update ?? [])
        let places = Set(spec.files.keys).union((spec.localCharts ?? []).map(\.path))
        for name in names where !places.contains(name) && !wanted.contains(where: { $0.goes(by: name) }) {
            throw Failure(
                .usage, "update", name, because: "the spec has no image, no chart and no file of that name",
                remedy: "name it as the spec does; without a name all are updated")
        }
        guard let lock, update != [] else { return [] }
        return lock.images.filter { image in
            (wanted.contains(image.reference) || belongs(image.reference))
                && !names.contains { image.reference.goes(by: $0) }
                && [[], spec.platforms(of: image.reference)].contains(image.platforms.map(\.platform))
        }
    }

    /// The charts of `lock` that stay as they are, if they are as they were.
    private func keptCharts(_ lock: Lock?, update: [String]?) -> [Lock.Chart] {
        guard let lock, update != [] else { return [] }
        return (lock.charts ?? []).filter { chart in
            let reference = (parsed.spec.charts ?? []).first { "\($0.reference)" == chart.chart }?.reference
            return update?.contains { $0 == chart.chart || reference?.goes(by: $0) == true } != true
        }
    }

    /// The files of `lock` that stay as they are.
    private func keptFiles(_ lock: Lock?, update: [String]?) -> [Lock.File] {
        guard let lock, update != [] else { return [] }
        let spec = parsed.spec
        return lock.files.filter { file in
            let origin = spec.files[file.name]?.origin(
                for: file.platform ?? spec.platforms[0], release: spec.release)
            // Another URL is another file.
            return origin == file.url && update?.contains(file.name) != true
        }
    }
}

extension ParsedSpec {
    /// The same spec with the images that its charts need, as far as `lock` knows them.
    func adding(chartsOf lock: Lock?) -> ParsedSpec {
        var found: [FoundImage] = []
        for chart in lock?.charts ?? [] {
            let number = (spec.charts ?? []).firstIndex { "\($0.reference)" == chart.chart }
            let isLocal = (spec.localCharts ?? []).contains { $0.path == chart.chart }
            guard let part = number.map(SpecPath.chart) ?? (isLocal ? .localChart(chart.chart) : nil) else {
                continue
            }
            found += chart.found(at: filePlace(of: part))
        }
        return adding(found)
    }
}

extension Lock.Chart {
    /// Its images, for all platforms, as named at `place`.
    func found(at place: FilePlace) -> [FoundImage] {
        images.map { FoundImage($0, at: place, platforms: nil, origins: []) }
    }
}

extension Reference {
    /// Whether a user may mean this reference by `name`: in full, short, or without its tag.
    func goes(by name: String) -> Bool {
        let anyTag = Reference(domain: domain, repository: repository, tag: "any")
        return [description, familiar, path, repository].contains(name)
            || [Defaults.docker, .sealer].contains { defaults in
                (try? Reference(name, defaults: defaults)) == self
                    || (try? Reference("\(name):any", defaults: defaults)) == anyTag
            }
    }
}
