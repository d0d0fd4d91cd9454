// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// The container images that the layers of one build name, found as sealer finds them: in
/// `manifests/imageList`, in every `.yaml`, `.yml` and `.tmpl` below `manifests/`, and in the templates of
/// charts below `charts/`.
///
/// Where sealer glues a comment to a name, only the name is taken. Where it renders a chart, a line is taken for
/// what ``ChartTemplate`` makes of it; a name beyond that is noted, and belongs into the imageList.
/// Source: sealer rules 5.3 and 5.4.
struct ImageScan: Sendable {
    /// One name, where it was found.
    struct Mention: Sendable, Equatable {
        /// The name as it is written, quotes removed.
        var text: String
        /// The file's path in the image.
        var file: String
        /// The line, from 1; 0 for none.
        var line: Int
        /// False in a template's block, which another value may leave out.
        var isCertain = true

        /// `FILE:LINE`.
        var place: String { line == 0 ? file : "\(file):\(line)" }
    }

    /// What names an image.
    private(set) var mentions: [Mention] = []
    /// What would name one only after a template is rendered.
    private(set) var templated: [Mention] = []
    /// The first version of Kubernetes that a chart demands; sealer writes it into the image's `Metadata`.
    private(set) var kubeVersion: String?

    /// The largest file that is read.
    private static let largestFile = 16 << 20

    /// Scans the tree that `layers` make, each over those before it.
    /// - Throws: a ``Failure`` of kind `data` for a file of more than 16 MiB.
    init(layers: [String]) throws(Failure) {
        let roots = try layers.map { (path) throws(Failure) in try Folder.open(path) }
        for (path, folder) in try Self.files(below: "manifests", in: roots) {
            if path == "manifests/imageList" {
                try addList(Self.lines(of: path, in: folder), file: path)
            } else if Self.hasExtension(path, [".yaml", ".yml", ".tmpl"]) {
                try addYAML(Self.lines(of: path, in: folder), file: path)
            }
        }
        try scanCharts(Self.files(below: "charts", in: roots))
    }

    /// The templates of every folder that has `Chart.yaml`, `values.yaml` and `templates`, subcharts included.
    private mutating func scanCharts(_ files: [(path: String, root: Folder)]) throws(Failure) {
        let roots = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0.root) })
        var charts: [Substring: ChartTemplate] = [:]
        for (path, folder) in files where Self.hasExtension(path, [".yaml", ".yml"]) {
            guard let at = path.firstRange(of: "/templates/"), case let chart = path[..<at.lowerBound],
                let values = roots["\(chart)/values.yaml"], let facts = roots["\(chart)/Chart.yaml"]
            else { continue }
            if charts[chart] == nil {
                charts[chart] = ChartTemplate(
                    values: Self.tree("\(chart)/values.yaml", in: values),
                    chart: Self.tree("\(chart)/Chart.yaml", in: facts))
            }
            try addYAML(Self.lines(of: path, in: folder), file: path, chart: charts[chart])
        }
        for (path, folder) in files.sorted(by: { Self.walks($0.path, before: $1.path) })
        where kubeVersion == nil && path.hasSuffix("/Chart.yaml") {
            kubeVersion = Self.tree(path, in: folder)["kubeVersion"]?.string
        }
    }

    /// A chart's file as a tree; nothing where it is beyond plain YAML, which then needs helm.
    private static func tree(_ path: String, in root: Folder) -> Tree {
        guard let bytes = try? root.file(Array(path.utf8)).bytes(limit: largestFile) else { return .null }
        return (try? Tree(yaml: bytes, artifact: path)) ?? .null
    }

    /// The order in which sealer walks a folder: names within each folder.
    private static func walks(_ path: String, before other: String) -> Bool {
        path.split(separator: "/").lexicographicallyPrecedes(other.split(separator: "/"))
    }

    /// The lines of an imageList.
    private mutating func addList(_ lines: [String], file: String) {
        for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
            let text = Self.unquoted(line.trimmed)
            if !text.isEmpty { mentions.append(Mention(text: text, file: file, line: index + 1)) }
        }
    }

    /// The lines whose key ends in `image`; in a template of a chart, what they say with its own values.
    private mutating func addYAML(_ lines: [String], file: String, chart: ChartTemplate? = nil) {
        var depth = 0
        for (index, line) in lines.enumerated() {
            let isCertain = depth == 0
            if chart != nil { depth += ChartTemplate.blocks(line) }
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].filter { $0 != "\"" }
            guard key.hasSuffix("image"), !key.contains("#"), !key.contains("{{") else { continue }
            let value = line[line.index(after: colon)...]
            let isTemplate = value.contains("{{")
            let text = Self.value(isTemplate ? chart?.rendered(String(value))?[...] ?? value : value)
            if text.isEmpty { continue }
            let mention = Mention(text: text, file: file, line: index + 1, isCertain: isCertain)
            if text.contains("{{") { templated.append(mention) } else { mentions.append(mention) }
        }
    }

    /// The value of a line: its comment, quotes and blanks removed.
    private static func value(_ rest: Substring) -> String {
        var rest = rest.trimmed[...]
        if let quote = rest.first, quote == "\"" || quote == "'",
            let end = rest.dropFirst().firstIndex(of: quote)
        {
            rest = rest[rest.index(after: rest.startIndex)..<end]
        } else if let comment = rest.firstRange(of: " #") {
            rest = rest[..<comment.lowerBound]
        } else if rest.hasPrefix("#") {
            rest = ""
        }
        return rest.contains("{{") ? String(rest) : rest.filter { $0 != " " && $0 != "\"" }
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let quote = text.first, quote == text.last, quote == "\"" || quote == "'"
        else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }

    private static func hasExtension(_ path: String, _ extensions: [String]) -> Bool {
        let lower = path.lowercased()
        return extensions.contains { lower.hasSuffix($0) }
    }

    /// The regular files below `folder` in the merged tree, ordered by path, each with the layer it is in.
    private static func files(
        below folder: String, in roots: [Folder]
    ) throws(Failure) -> [(path: String, root: Folder)] {
        var found: [String: Folder] = [:]
        for root in roots {
            var layer = Layer()
            try collect(folder, in: root, into: &layer)
            found = found.filter { path, _ in
                !layer.hidden.contains { path == $0 || path.hasPrefix("\($0)/") }
            }
            for path in layer.paths { found[path] = root }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What a layer has below a folder, and which paths of the layers below it hides.
    private struct Layer {
        var paths: [String] = []
        var hidden: [String] = []
    }

    private static func collect(_ path: String, in root: Folder, into layer: inout Layer) throws(Failure) {
        let folder: Folder
        do throws(Failure) { folder = try root.folder(Array(path.utf8)) } catch {
            // Not there, or a file or a link of that name: sealer has nothing to scan either.
            if error.kind == .input || error.kind == .data { return }
            throw error
        }
        if folder.attribute(LayerWalk.opaqueAttribute) != nil { layer.hidden.append(path) }
        for bytes in try folder.names() {
            guard let name = String(validating: bytes, as: UTF8.self) else { continue }
            switch try folder.status(of: bytes).kind {
            case .directory: try collect("\(path)/\(name)", in: root, into: &layer)
            case .file: layer.paths.append("\(path)/\(name)")
            default: layer.hidden.append("\(path)/\(name)")
            }
        }
    }

    private static func lines(of path: String, in root: Folder) throws(Failure) -> [String] {
        let text = String(
            decoding: try root.file(Array(path.utf8)).bytes(limit: largestFile), as: UTF8.self)
        return text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String(Substring($0.last == "\r" ? $0.dropLast() : $0)) }
    }
}
