// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec
internal import YAML

/// Learns which images the charts of a spec need: from the lock where it has them, else by Helm, else from what the charts
/// say themselves.
struct ChartImages: Sendable {
    let parsed: ParsedSpec
    let resolver: ImageResolver
    /// Whether what differs from the lock is taken as it is now, rather than refused.
    let renewsLock: Bool
    let helm: Helm?
    /// A folder for charts and values; made if it is needed.
    let scratch: String
    let note: @Sendable (String) -> Void

    /// What came of it.
    struct Found: Sendable {
        /// The spec with the images that its charts need.
        var parsed: ParsedSpec
        /// One for each chart whose images are known.
        var records: [Lock.Chart] = []
        /// The charts of registries, resolved.
        var charts: [ResolvedImage] = []
        /// What is wrong with a chart, with its place.
        var failures: [(place: SpecPath, failure: Failure)] = []
    }

    /// One chart of the spec.
    struct Wanted: Sendable {
        let name: String
        let place: SpecPath
        let rendering: Spec.Rendering?
        /// What it is in the bundle; `nil` for a chart of this host.
        let chart: Spec.Chart?
        let number: Int
    }

    /// Finds the images of every chart.
    func found() async throws -> Found {
        let wanted = try wanted()
        let results = try await inParallel(wanted, width: 4) { chart in
            try await attempted { try await record(of: chart) }
        }
        var found = Found(parsed: parsed)
        var images: [FoundImage] = []
        for (chart, result) in zip(wanted, results) {
            switch result {
            case .success(let (record, resolved)):
                found.records.append(record)
                if let resolved { found.charts.append(resolved) }
                images += record.found(at: parsed.filePlace(of: chart.place))
            case .failure(let failure): found.failures.append((chart.place, failure))
            }
        }
        found.parsed = parsed.adding(images)
        return found
    }

    private func wanted() throws(Failure) -> [Wanted] {
        let charts = parsed.spec.charts ?? []
        let carried = charts.enumerated().map { number, chart in
            Wanted(
                name: "\(chart.reference)", place: .chart(number), rendering: chart.rendering, chart: chart,
                number: number)
        }
        let local = (parsed.spec.localCharts ?? []).enumerated().map { number, chart in
            Wanted(
                name: chart.path, place: .localChart(chart.path), rendering: chart.rendering, chart: nil,
                number: carried.count + number)
        }
        return carried + local
    }

    private func record(of wanted: Wanted) async throws -> (Lock.Chart, ResolvedImage?) {
        let scratch = "\(scratch)/chart-\(wanted.number)"
        try makeFolder(self.scratch)
        try makeFolder(scratch)
        let values = try await onThread { () throws(Failure) in
            try ChartValuesFiles(
                wanted.rendering, folder: parsed.folder, scratch: scratch, called: "values.yaml")
        }
        let locked = resolver.lock?.charts?.first { $0.chart == wanted.name }
        guard let chart = wanted.chart else {
            let content = try await onThread { () throws(Failure) in
                try ChartContent(at: wanted.name.hasPrefix("/") ? wanted.name : parsed.folder + wanted.name)
            }
            if let locked, try holds(locked, for: wanted, digest: content.digest, values: values.digest) {
                return (locked, nil)
            }
            return (try await read(content, of: wanted, values: values, scratch: scratch), nil)
        }
        let resolved = try await resolver.image(chart.reference)
        try chart.check(resolved)
        let digest = resolved.top.descriptor.digest
        if let locked, try holds(locked, for: wanted, digest: digest, values: values.digest) {
            return (locked, resolved)
        }
        let bytes = try await archive(of: resolved, for: chart)
        let content = try await onThread { () throws(Failure) in
            try ChartContent(
                packed: bytes, digest: digest, called: "\(chart.name)-\(chart.version).tgz", in: scratch)
        }
        return (try await read(content, of: wanted, values: values, scratch: scratch), resolved)
    }

    /// Whether the lock's record is of this chart with these values.
    /// - Throws: a ``Failure`` of kind `data` that names both digests where it is not, unless the lock is renewed.
    private func holds(
        _ locked: Lock.Chart, for wanted: Wanted, digest: Digest, values: Digest?
    ) throws(Failure) -> Bool {
        if locked.digest == digest, locked.values == values {
            // Helm is sure where all else is not.
            if renewsLock, locked.means != .helm, helm != nil { return false }
            if !renewsLock {
                note(
                    "\(wanted.name): \(locked.images.count.asImages) by the lock, found \(locked.means.words)"
                )
            }
            return true
        }
        if renewsLock { return false }
        func shown(_ values: Digest?) -> String {
            values.map { "the values \($0)" } ?? "no values of its own"
        }
        let reason =
            locked.digest == digest
            ? "the lock has its images for \(shown(locked.values)), and the spec now gives it \(shown(values))"
            : "the lock has \(locked.digest), and it is \(digest) now"
        throw Failure(
            .data, "take the images of the chart", wanted.name, because: reason,
            remedy: "find out why it changed; to accept it run `sealift lock \(parsed.path)`")
    }

    /// The packed chart in the artifact. Source: helm.sh/docs/topics/registries.
    private func archive(of image: ResolvedImage, for chart: Spec.Chart) async throws -> [UInt8] {
        guard let layer = image.top.chartArchive else {
            throw Failure(
                .data, "read the chart", chart.reference.familiar,
                because: "it is no Helm chart: none of its layers is of the type \(MediaType.helmChart)",
                remedy: "name a chart that was pushed by helm push, or list what this is in 'images'")
        }
        guard let local = image.local else {
            return try await resolver.content.bytes(layer, of: chart.reference, limit: ChartContent.largest)
        }
        return try await onThread { () throws(Failure) in
            try local.source.bytes(of: layer, limit: ChartContent.largest)
        }
    }
}

extension Int {
    /// `1 image`, `2 images`.
    var asImages: String { "\(self) \(self == 1 ? "image" : "images")" }
}

extension Lock.Chart.Means {
    /// How the images were found, in words that go on after them.
    var words: String {
        switch self {
        case .helm: "by Helm"
        case .imagesLock: "by its Images.lock"
        case .annotation: "by its annotation artifacthub.io/images"
        case .templates: "by its templates, read without Helm"
        }
    }
}
