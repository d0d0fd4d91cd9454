// SPDX-License-Identifier: Apache-2.0
internal import YAML
package import OCI

/// Reads `bundles/NAME.yaml` into a ``Spec``, strictly: what is unknown, doubled, of the wrong type or refers
/// to nothing is an error with line and column. All of them are reported at once.
package enum SpecReader {
    /// The largest spec in bytes: 1 MiB.
    package static let largestSpec = 1 << 20

    /// What came of reading a spec.
    package enum Outcome: Sendable {
        /// A spec without a mistake.
        case spec(ParsedSpec)
        /// Its mistakes, in the order of their place, at least one; and what of it is understood in spite of them, where
        /// anything is.
        case problems([SpecDiagnostic], rest: ParsedSpec?)
    }

    /// Reads the spec at `path`.
    /// - Throws: as ``read(_:path:)``, and a ``Failure`` of kind `input` where there is no such file.
    package static func read(path: String) throws(Failure) -> ParsedSpec {
        try read(bytes(path), path: path)
    }

    /// Reads of the spec at `path` what is understood; its mistakes are in ``ParsedSpec/gaps``.
    /// - Throws: as ``read(path:)``, where nothing of it is understood.
    package static func readInSpiteOfMistakes(path: String) throws(Failure) -> ParsedSpec {
        switch examine(try bytes(path), path: path) {
        case .spec(let parsed), .problems(_, rest: let parsed?): return parsed
        case .problems(let problems, rest: nil): throw failure(of: problems, path: path)
        }
    }

    private static func bytes(_ path: String) throws(Failure) -> [UInt8] {
        let file = try File.open(path)
        if let form = try file.binaryForm() { throw form.failure(reading: path, kind: .configuration) }
        let size = try file.size()
        guard size <= largestSpec else {
            throw Failure(
                .configuration, "read the spec", path,
                because: "it has \(size) bytes, more than \(largestSpec)",
                remedy: "check that this is the spec and not a bundle")
        }
        return try file.bytes(limit: largestSpec)
    }

    /// Reads a spec from memory; `path` names it in errors.
    /// - Throws: a ``Failure`` of kind `configuration` whose reason lists every mistake as
    ///   `file:line:column: …`.
    package static func read(_ bytes: [UInt8], path: String) throws(Failure) -> ParsedSpec {
        switch examine(bytes, path: path) {
        case .spec(let parsed): return parsed
        case .problems(let problems, _): throw failure(of: problems, path: path)
        }
    }

    private static func failure(of problems: [SpecDiagnostic], path: String) -> Failure {
        var gaps = SpecGaps()
        gaps.problems = problems
        return gaps.failure(path: path)
    }

    /// Reads a spec and gives its mistakes as values.
    package static func examine(_ bytes: [UInt8], path: String) -> Outcome {
        let source = SourceText(bytes, path: path)
        var reading = SpecParser(source)
        do throws(Failure) {
            let documents = try YAMLDocuments.all(source)
            if documents.count > 1 {
                reading.note(documents[1].root, message: "a second document; a spec is one")
            }
            guard let root = documents.first?.root else {
                reading.note(offset: 0, "the file is empty; expected a mapping with version, name, …")
                return .problems(reading.problems, rest: nil)
            }
            let spec = reading.spec(root)
            reading.gaps.problems.sort { left, right in
                // Those of one file are together, the spec's own first.
                let ranks = [left, right].map { ($0.path == path ? "" : $0.path, $0.position, $0.message) }
                return ranks[0] < ranks[1]
            }
            let parsed = reading.lacksPart ? nil : spec.map { ParsedSpec($0, path: path, by: reading) }
            if let parsed, reading.problems.isEmpty { return .spec(parsed) }
            return .problems(reading.problems, rest: parsed)
        } catch {
            return .problems([SpecDiagnostic(failure: error, source: source)], rest: nil)
        }
    }
}

extension SpecDiagnostic {
    /// The problem that a failure of the YAML reader reports; its artifact ends in `:line:column`.
    init(failure: Failure, source: SourceText) {
        let numbers = failure.artifact.split(separator: ":").suffix(2).compactMap { Int($0) }
        let known = numbers.count == 2
        self.init(
            path: source.path,
            position: SourcePosition(line: known ? numbers[0] : 1, column: known ? numbers[1] : 1),
            message: "\(failure.reason) (\(failure.remedy))")
    }
}

extension SpecParser {
    /// The spec; where it has mistakes, as far as it is understood, and `nil` where it is no mapping.
    mutating func spec(_ root: YAMLNode) -> Spec? {
        gather(root)
        guard !parts.isEmpty else { return nil }
        let name = only("name").flatMap { self.name($0, as: "the bundle's name") }
        let platforms = self.platforms(only("platforms"))
        context.platforms = platforms
        context.release = only("release").flatMap { text($0, as: "the release") }
        let ofBase = only("base")
        context.base = ofBase.flatMap { base($0) }
        gaps.lacksBase = ofBase != nil && context.base == nil
        context.files = files()
        context.images = images()
        var known = problems.count
        let namers = self.imagesFrom()
        let imagesFrom = namers.filter { !gaps.files.contains($0.file) }
        if problems.count > known || imagesFrom.count < namers.count { gaps.lacksImages = true }
        context.hasMoreImages = parts.contains { $0.fields["imagesFrom"] != nil }
        let charts = self.charts()
        context.charts = charts.carried
        if let node = only("attached") { attached(node, of: nil) }
        let registries = self.registries()
        let registry = only("registry").flatMap { domain($0, as: "the registry") } ?? "sea.hub:5000"
        known = problems.count
        var notImages: [String] = []
        forEach("notImages") { reading, node in
            for item in reading.oneOrMore(node, as: "notImages") {
                if let text = reading.text(item, as: "a text that is not an image") { notImages.append(text) }
            }
        }
        if problems.count > known { gaps.lacksImages = true }
        let builds = self.builds()
        context.files = context.files.filter { !gaps.files.contains($0.key) }
        return Spec(
            name: name ?? "spec", release: context.release,
            platforms: platforms.isEmpty ? [.host] : platforms, base: context.base,
            files: context.files,
            images: context.images, imagesFrom: imagesFrom, imagePlatforms: context.imagePlatforms,
            archives: context.archives, charts: charts.carried, localCharts: charts.local,
            attached: context.attached,
            notImages: notImages, registries: registries, registry: registry, builds: builds)
    }

    private mutating func platforms(_ node: YAMLNode?) -> [Platform] {
        var all: [Platform] = []
        for item in oneOrMore(node, as: "platforms") {
            guard let platform = platform(item) else { continue }
            if all.contains(platform) {
                note(item, message: "the platform \(platform) is listed twice")
            } else {
                all.append(platform)
            }
        }
        return all
    }

    private mutating func registries() -> [String: [String]] {
        var all: [String: [String]] = [:]
        for entry in entries(of: "registries") {
            enter(entry.part)
            guard let domain = domain(entry.key, as: "a registry") else { continue }
            let known = problems.count
            all[domain] = oneOrMore(entry.value, as: "the places to fetch \(domain) from").compactMap {
                mirror($0)
            }
            guard problems.count > known else { continue }
            // Where its images are is not known.
            gaps.images.formUnion(context.images.filter { $0.domain == domain })
            if context.base?.image.domain == domain { gaps.lacksBase = true }
        }
        return all
    }
}
