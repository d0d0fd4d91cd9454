// SPDX-License-Identifier: Apache-2.0
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
        return try Lock.decode(File.open(path).bytes(limit: 64 << 20), path: path)
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

    /// Resolves what the lock lacks, and what is to be updated, and puts the lock in place.
    /// - Parameter update: references and file names to resolve again; `nil` for none, empty for all.
    /// - Throws: a `Failure` of kind `usage` for a name that the spec does not have.
    package func run(update: [String]?) async throws -> Outcome {
        let file = LockFile(forSpec: parsed.path)
        let before = try file.load()
        let scratch = ScratchFolder(beside: file.path)
        defer { scratch.remove() }
        let content = try await ContentCache(client: client)
        let files = try await FileResolver(
            client: client, lock: Lock(images: [], files: keptFiles(before, update: update)),
            spec: parsed.spec, folder: parsed.folder, scratch: scratch.path, mirrors: mirrors
        ).files()
        let named = try await ImagesOfFiles(content: content, scratch: scratch.path, note: note)
            .read(parsed, files: files, lock: nil).checked()
        // What was locked of charts may be named, and stays as long as the charts need it.
        var kept = try keptImages(
            before, update: update, spec: named.parsed.adding(chartsOf: before).spec)
        let local = try await ArchivedImages(named.parsed.spec, folder: parsed.folder, scratch: scratch.path)
        let old = Lock(images: kept, files: [], charts: keptCharts(before, update: update))
        let repositories = ChartResolver(
            parsed.spec, content: content, lock: old, mirrors: mirrors, scratch: scratch.path)
        let charts = try await ChartImages(
            parsed: named.parsed,
            resolver: ImageResolver(
                content: content, local: local, lock: old, spec: named.parsed.spec, charts: repositories),
            renewsLock: true, helm: Helm(at: helm), scratch: scratch.path, note: note
        ).found().checked()
        let parsed = charts.parsed
        kept = try keptImages(old, update: nil, spec: parsed.spec)
        let known = Set(kept.map(\.reference))
        let resolver = ImageResolver(
            content: content, local: local, lock: nil, spec: parsed.spec, charts: repositories)
        let wanted = parsed.spec.images.filter { !known.contains($0) }
        var images = charts.charts.filter { !known.contains($0.reference) }
        if let base = parsed.spec.base?.image, !known.contains(base) || !wanted.isEmpty {
            let resolved = try await resolver.image(base)
            try await ImageListCheck(parsed: parsed, content: content, note: note).run(base: resolved)
            if !known.contains(base) { images.append(resolved) }
        }
        images += try await resolver.images(wanted)
        let attached = try await AttachedContent(spec: parsed.spec, resolver: resolver).of(images)
        images += attached.filter { !known.contains($0.reference) }
        let all = (kept + images.map(\.locked)).map { image in
            var image = image
            image.from = named.origins[image.reference]
            return image
        }
        let after = Lock(images: all, files: files.map(\.locked), charts: charts.records)
        if after != before { try file.save(after) }
        return Outcome(path: file.path, before: before, after: after)
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
        [description, familiar, path, repository].contains(name)
            || (try? Reference(name)) == self || (try? Reference(name, defaults: .sealer)) == self
    }
}
