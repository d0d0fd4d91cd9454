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
        /// Its mistakes, in the order of their place; at least one.
        case problems([SpecProblem])
    }

    /// Reads the spec at `path`.
    /// - Throws: as ``read(_:path:)``, and a ``Failure`` of kind `input` where there is no such file.
    package static func read(path: String) throws(Failure) -> ParsedSpec {
        let file = try File.open(path)
        let size = try file.size()
        guard size <= largestSpec else {
            throw Failure(
                .configuration, "read the spec", path,
                because: "it has \(size) bytes, more than \(largestSpec)",
                remedy: "check that this is the spec and not a bundle")
        }
        return try read(file.bytes(limit: largestSpec), path: path)
    }

    /// Reads a spec from memory; `path` names it in errors.
    /// - Throws: a ``Failure`` of kind `configuration` whose reason lists every mistake as
    ///   `file:line:column: …`.
    package static func read(_ bytes: [UInt8], path: String) throws(Failure) -> ParsedSpec {
        switch examine(bytes, path: path) {
        case .spec(let parsed): return parsed
        case .problems(let problems):
            let shown = problems.prefix(20).map { "\n  \($0)" }.joined()
            let more = problems.count > 20 ? "\n  and \(problems.count - 20) more" : ""
            throw Failure(
                .configuration, "read the spec", path,
                because: problems.count == 1
                    ? "\(problems[0])" : "\(problems.count) mistakes:\(shown)\(more)",
                remedy: "fix the spec at the place shown; bundles/README.md explains every key")
        }
    }

    /// Reads a spec and gives its mistakes as values.
    package static func examine(_ bytes: [UInt8], path: String) -> Outcome {
        let source = SourceText(bytes, path: path)
        var reading = SpecReading(source)
        do throws(Failure) {
            let documents = try YamlDocuments.all(source)
            if documents.count > 1 {
                reading.note(documents[1].root, message: "a second document; a spec is one")
            }
            let root = documents.first?.root
            if let root, let spec = reading.spec(root), reading.problems.isEmpty {
                return .spec(
                    ParsedSpec(
                        spec: spec, path: path, marks: reading.marks, kubefiles: reading.kubefiles))
            }
            if root == nil {
                reading.note(offset: 0, "the file is empty; expected a mapping with version, name, …")
            }
        } catch {
            return .problems([SpecProblem(failure: error, source: source)])
        }
        return .problems(
            reading.problems.sorted { left, right in
                // Those of one file stand together, the spec's own first.
                let ranks = [left, right].map { ($0.path == path ? "" : $0.path, $0.position, $0.message) }
                return ranks[0] < ranks[1]
            })
    }
}

extension SpecProblem {
    /// The problem that a failure of the YAML reader tells of; its artifact ends in `:line:column`.
    init(failure: Failure, source: SourceText) {
        let numbers = failure.artifact.split(separator: ":").suffix(2).compactMap { Int($0) }
        let known = numbers.count == 2
        self.init(
            path: source.path,
            position: SourcePosition(line: known ? numbers[0] : 1, column: known ? numbers[1] : 1),
            message: "\(failure.reason) (\(failure.remedy))")
    }
}

extension SpecReading {
    /// The whole spec; `nil`, or a value beside ``problems``, where it has mistakes.
    mutating func spec(_ root: YamlNode) -> Spec? {
        gather(root)
        guard !parts.isEmpty else { return nil }
        let name = only("name").flatMap { self.name($0, as: "the bundle's name") }
        let platforms = self.platforms(only("platforms"))
        context.platforms = platforms
        context.release = only("release").flatMap { text($0, as: "the release") }
        context.base = only("base").flatMap { base($0) }
        context.files = files()
        context.images = images()
        let imagesFrom = self.imagesFrom()
        context.hasMoreImages = parts.contains { $0.fields["imagesFrom"] != nil }
        let charts = self.charts()
        if let node = only("attached") { attached(node, of: nil) }
        let registries = self.registries()
        let registry = only("registry").flatMap { domain($0, as: "the registry") } ?? "sea.hub:5000"
        var notImages: [String] = []
        forEach("notImages") { reading, node in
            for item in reading.oneOrMore(node, as: "notImages") {
                if let text = reading.text(item, as: "a text that is not an image") { notImages.append(text) }
            }
        }
        let builds = self.builds()
        guard let name else { return nil }
        return Spec(
            name: name, release: context.release, platforms: platforms, base: context.base,
            files: context.files,
            images: context.images, imagesFrom: imagesFrom, imagePlatforms: context.imagePlatforms,
            archives: context.archives, charts: charts.carried, localCharts: charts.local,
            attached: context.attached,
            notImages: notImages, registries: registries, registry: registry, builds: builds)
    }

    private mutating func platforms(_ node: YamlNode?) -> [Platform] {
        var all: [Platform] = []
        for item in oneOrMore(node, as: "platforms") {
            guard let platform = platform(item) else { continue }
            if all.contains(platform) { note(item, message: "the platform \(platform) is listed twice") }
            all.append(platform)
        }
        return all
    }

    private mutating func registries() -> [String: [String]] {
        var all: [String: [String]] = [:]
        for entry in entries(of: "registries") {
            enter(entry.part)
            guard let domain = domain(entry.key, as: "a registry") else { continue }
            all[domain] = oneOrMore(entry.value, as: "the places to fetch \(domain) from").compactMap {
                mirror($0)
            }
        }
        return all
    }
}
