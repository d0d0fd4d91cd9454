// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry
internal import Spec

/// Resolves the charts of HTTP repositories to what is carried of them: the artifacts that `helm push` makes.
///
/// Only a chart's content shows what its artifact is, so the archive is fetched unless a bundle at hand has it. Each
/// index is fetched once, for all charts that the spec takes from it.
actor ChartResolver {
    private let charts: [Spec.Chart]
    private let content: ContentCache
    private let lock: Lock?
    private let mirrors: FileMirrors
    /// The folder for archives; made if it is needed.
    private let scratch: String
    private var indexes: [String: Task<ChartIndex, any Error>] = [:]

    init(_ spec: Spec, content: ContentCache, lock: Lock?, mirrors: FileMirrors, scratch: String) {
        charts = (spec.charts ?? []).filter { $0.repo != nil }
        self.content = content
        self.lock = lock
        self.mirrors = mirrors
        self.scratch = scratch
    }

    /// The chart that the spec takes from a repository under that name; `nil` for all else.
    nonisolated func chart(_ reference: Reference) -> Spec.Chart? {
        charts.first { $0.reference == reference }
    }

    /// Resolves one chart.
    /// - Throws: a ``Failure`` of kind `unavailable` where the repository has not that version, `data` where the archive
    ///   is not what the index or the spec promises, or is not of that chart.
    func image(_ chart: Spec.Chart) async throws -> ResolvedImage {
        let locked = lock?.image(chart.reference)
        if let held = await held(chart, { $0.descriptor.digest == locked?.digest }) { return held }
        if let digest = chart.digest, locked == nil,
            let held = await held(chart, { $0.blobs.last?.digest == digest })
        {
            return held
        }
        let repository = chart.repo ?? ""
        let release = try await index(of: repository).release(of: chart)
        if let promised = chart.digest, let found = release.digest, promised != found {
            throw Self.drift(chart, "the index of \(repository) says \(found)", promised)
        }
        if let digest = release.digest, locked == nil,
            let held = await held(chart, { $0.blobs.last?.digest == digest })
        {
            return held
        }
        let (artifact, item) = try await fetch(chart, release, from: repository)
        return ResolvedImage(
            reference: chart.reference, top: artifact.manifest, instances: [], others: [],
            local: .init(source: artifact, isFetched: true, place: item))
    }

    /// The chart as a bundle at hand has it, where that fits and its archive is whole.
    private func held(_ chart: Spec.Chart, _ fits: (Manifest) -> Bool) async -> ResolvedImage? {
        for bundle in content.bundles {
            guard let image = bundle.images.first(where: { $0.reference == chart.reference }),
                fits(image.top),
                let layer = image.top.blobs.last,
                await content.atHand(layer, limit: Int(ChartArtifact.largest)) != nil
            else { continue }
            return ResolvedImage(
                reference: chart.reference, top: image.top, instances: [], others: [],
                local: .init(source: bundle, isFetched: false, place: bundle.path))
        }
        return nil
    }

    private func index(of repository: String) async throws -> ChartIndex {
        if let running = indexes[repository] { return try await running.value }
        let (client, mirrors) = (content.client, mirrors)
        let names = Set(charts.filter { $0.repo == repository }.map(\.name))
        let task = Task {
            let url = Self.folder(repository) + "index.yaml"
            let bytes = try await client.bytes(urls: mirrors.applied(to: [url]), limit: ChartIndex.largest)
            return try await onThread { () throws(Failure) in
                try ChartIndex(parsing: bytes, of: names, at: url)
            }
        }
        indexes[repository] = task
        return try await task.value
    }

    /// What paths of the index are relative to.
    private static func folder(_ repository: String) -> String {
        repository.hasSuffix("/") ? repository : repository + "/"
    }

    private func fetch(
        _ chart: Spec.Chart, _ release: ChartIndex.Release, from repository: String
    ) async throws -> (ChartArtifact, item: String) {
        let name = "\(chart.name) \(chart.version)"
        func refuse(_ reason: String, _ remedy: String) -> Failure {
            Failure(.data, "collect the chart", name, because: reason, remedy: remedy)
        }
        if let place = release.urls.first(where: { $0.hasPrefix("oci://") }) {
            throw refuse(
                "\(repository) keeps it in an OCI registry, as \(place)",
                "take it from there in the spec: 'chart: \(Self.withoutTag(place))', without 'repo'")
        }
        let urls = try release.urls.map { (url) throws(Failure) in
            try RegistryClient.url(url, relativeTo: Self.folder(repository))
        }
        guard !urls.isEmpty else {
            throw refuse("the index gives no URL for it", "ask the repository's operator")
        }
        try makeFolder(scratch)
        let path = "\(scratch)/chart-\(chart.reference.description.filter { $0 != "/" && $0 != ":" })"
        let sink = try ScratchSink(path, limit: ChartArtifact.largest)
        try await content.client.fetch(urls: mirrors.applied(to: urls), into: sink)
        let (digest, size) = sink.outcome
        for (promised, by) in [(chart.digest, "the spec"), (release.digest, "the repository's index")] {
            guard let promised, promised != digest else { continue }
            throw Self.drift(chart, "its archive from \(urls[0]) is \(digest)", promised, by: by)
        }
        let artifact = try await onThread { () throws(Failure) in
            try ChartArtifact(archive: path, digest: digest, size: size, named: "\(name) from \(urls[0])")
        }
        guard artifact.name == chart.name, artifact.version == chart.version else {
            throw refuse(
                "what \(urls[0]) has is \(artifact.name) \(artifact.version)",
                "ask the repository's operator: its index is wrong")
        }
        return (artifact, RegistryClient.item(of: mirrors.applied(to: urls)))
    }

    private static func drift(
        _ chart: Spec.Chart, _ found: String, _ promised: Digest, by whom: String = "the spec"
    ) -> Failure {
        Failure(
            .data, "collect the chart", "\(chart.name) \(chart.version)",
            because: "\(found), and \(whom) says \(promised)",
            remedy: "find out why it changed; then correct the digest in the spec")
    }

    /// The place without what is behind the colon of its last part.
    private static func withoutTag(_ place: String) -> String {
        let last = place.split(separator: "/").last ?? ""
        return String(place.dropLast(last.firstIndex(of: ":").map { last[$0...].count } ?? 0))
    }
}
