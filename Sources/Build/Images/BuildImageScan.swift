// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import YAML

/// The container images that the layers of one build name, found as sealer finds them: in
/// `manifests/imageList`, in every `.yaml`, `.yml` and `.tmpl` below `manifests/`, and in the templates of
/// charts below `charts/`.
///
/// Where sealer glues a comment to a name, only the name is taken. Where it renders a chart, a line is taken for
/// what ``ChartTemplate`` makes of it; a name beyond that is noted, and belongs in the imageList.
/// Source: sealer rules 5.3 and 5.4.
struct BuildImageScan: Sendable {
    /// One name, where it was found.
    struct Mention: Sendable, Equatable {
        /// The name as it is written, quotes removed.
        var text: String
        /// The file's path in the image.
        var file: String
        /// The line, from 1; 0 for none.
        var line: Int
        /// Whether it is in a template's block, which another value may leave out.
        var isInBlock = false
        /// False in a template's block, and for what sealer does not read.
        var isCertain = true
        /// Whether a packed chart names it, or a list in a chart, and not a file that sealer reads.
        var isListed = false

        /// `FILE:LINE`.
        var place: String { line == 0 ? file : "\(file):\(line)" }
    }

    /// What names an image.
    private(set) var mentions: [Mention] = []
    /// What would name one only after a template is rendered.
    var templated: [Mention] = []
    /// The charts, and where the names of their images are from.
    private(set) var charts: [(path: String, source: ChartReading.Source)] = []
    /// Archives below `charts/` that could not be read, and why.
    private(set) var unread: [String] = []
    /// The first version of Kubernetes that a chart demands; sealer writes it into the image's `Metadata`.
    private(set) var kubeVersion: String?

    private var facts: [String: Tree] = [:]

    /// What `Chart.yaml` of the chart at that path says.
    func facts(ofChart path: String) -> Tree { facts[path] ?? .null }

    /// The most charts, those within others included.
    private static let mostCharts = 2000
    /// The largest file that is read.
    private static let largestFile = 16 << 20

    /// Scans the tree that `layers` make, each over those before it.
    /// - Throws: a ``Failure`` of kind `data` for a file of more than 16 MiB.
    init(layers roots: [FileNode]) throws(Failure) {
        for (path, file) in try Self.files(below: "manifests", in: roots) {
            if path == "manifests/imageList" {
                try addList(file.bytes(limit: Self.largestFile, artifact: path), file: path)
            } else if Self.hasExtension(path, in: [".yaml", ".yml", ".tmpl"]) {
                try addYAML(Self.lines(of: path, in: file), file: path)
            }
        }
        try scanCharts(Self.files(below: "charts", in: roots))
    }

    /// Scans the files of one chart, rendered with `values` over its own.
    init(chart files: [(path: String, file: FileNode)], values: Tree) throws(Failure) {
        try scanCharts(files, values: values)
    }

    /// The templates of every folder that has `Chart.yaml` and `templates`, subcharts included; without given values
    /// also `values.yaml`, as sealer demands.
    private mutating func scanCharts(
        _ loose: [(path: String, file: FileNode)], values given: Tree? = nil
    ) throws(Failure) {
        let files = loose + unpacked(loose)
        let count = files.count { $0.path.hasSuffix("/Chart.yaml") }
        guard count <= Self.mostCharts else {
            throw Failure(
                .data, "read the charts of", files[0].path,
                because:
                    "there are \(count) with the charts that they hold, and at most \(Self.mostCharts) are read",
                remedy: "take out of charts/ what no cluster needs")
        }
        let byPath = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0.file) })
        try scanTemplates(of: files, byPath: byPath, values: given)
        for (path, file) in files where path.hasSuffix("/Chart.yaml") {
            let chart = String(path.dropLast("/Chart.yaml".count))
            facts[chart] = Self.tree(path, in: file)
            addListed(chart, facts: facts(ofChart: chart), files: byPath)
        }
        let named = byChart(mentions)
        for (chart, _) in self.charts {
            let path = "\(chart)/values.yaml"
            try byPath[path].map { (file) throws(Failure) in
                addValues(
                    try file.bytes(limit: Self.largestFile, artifact: path), file: path,
                    named: named[chart] ?? [])
            }
        }
        for (path, file) in loose.sorted(by: { Self.walks($0.path, before: $1.path) })
        where kubeVersion == nil && path.hasSuffix("/Chart.yaml") {
            kubeVersion = Self.tree(path, in: file)["kubeVersion"]?.string
        }
    }

    /// The files of the packed charts among `files`; one that cannot be read is noted.
    private mutating func unpacked(
        _ files: [(path: String, file: FileNode)]
    ) -> [(path: String, file: FileNode)] {
        var found: [(path: String, file: FileNode)] = []
        for (path, file) in files where PackedChart.isOne(path) {
            do throws(Failure) {
                found += try PackedChart(file.bytes(limit: Self.largestFile, artifact: path), path: path)
                    .files
            } catch {
                unread.append("\(path): it is not read as a chart: \(error.reason)")
            }
        }
        return found
    }

    private mutating func scanTemplates(
        of files: [(path: String, file: FileNode)], byPath: [String: FileNode], values given: Tree?
    ) throws(Failure) {
        var values = ChartValues(given: given ?? .object([])) { chart in
            guard byPath["\(chart)/Chart.yaml"] != nil else { return nil }
            let path = "\(chart)/values.yaml"
            return byPath[path].map { Self.tree(path, in: $0) } ?? .object([])
        }
        var charts: [Substring: ChartTemplate] = [:]
        for (path, file) in files where !path.hasSuffix("/NOTES.txt") && !PackedChart.isOne(path) {
            guard let at = path.firstRange(of: "/templates/"), case let chart = path[..<at.lowerBound],
                let facts = byPath["\(chart)/Chart.yaml"],
                given != nil || byPath["\(chart)/values.yaml"] != nil
            else { continue }
            if charts[chart] == nil {
                let own = Self.tree("\(chart)/Chart.yaml", in: facts)
                charts[chart] = ChartTemplate(values: values.values(of: String(chart)), chart: own)
            }
            try addYAML(Self.lines(of: path, in: file), file: path, chart: charts[chart])
        }
    }

    /// Takes in what a chart lists itself, and notes how sure its images are.
    private mutating func addListed(_ chart: String, facts: Tree, files: [String: FileNode]) {
        let lock = files["\(chart)/Images.lock"].map { Self.tree("\(chart)/Images.lock", in: $0) }
        let (annotated, locked) = (Self.annotated(facts), lock.map(Self.locked) ?? [])
        let source: ChartReading.Source =
            !locked.isEmpty ? .lock : annotated.isEmpty ? .templates : .annotation
        let file = source == .lock ? "\(chart)/Images.lock" : "\(chart)/Chart.yaml"
        for text in locked.isEmpty ? annotated : locked {
            mentions.append(Mention(text: text, file: file, line: 0, isCertain: false, isListed: true))
        }
        charts.append((chart, source))
    }

    /// A chart's file as a tree; nothing where it is beyond plain YAML, which then needs helm.
    private static func tree(_ path: String, in file: FileNode) -> Tree {
        guard let bytes = try? file.bytes(limit: largestFile, artifact: path) else { return .null }
        return (try? Tree(yaml: bytes, artifact: path)) ?? .null
    }

    /// The order in which sealer walks a folder: names within each folder.
    private static func walks(_ path: String, before other: String) -> Bool {
        path.split(separator: "/").lexicographicallyPrecedes(other.split(separator: "/"))
    }

    /// The lines of an imageList.
    private mutating func addList(_ bytes: [UInt8], file: String) {
        mentions += ImageListEntries(bytes).entries.map { Mention(text: $0.text, file: file, line: $0.line) }
    }

    /// The lines whose key ends in `image`; in a template of a chart, what they say with its own values, and the lines that
    /// may name one in another way.
    private mutating func addYAML(_ lines: [String], file: String, chart: ChartTemplate? = nil) {
        let lines = chart == nil ? lines : ChartTemplate.withoutComments(lines)
        let isRead = Self.hasExtension(file, in: [".yaml", ".yml", ".tmpl"])
        let isPacked = file.contains(".tgz/") || file.contains(".tar.gz/")
        var depth = 0
        for (index, line) in lines.enumerated() {
            let isInBlock = depth > 0
            if chart != nil { depth += ChartTemplate.blocks(line) }
            var mention = Mention(
                text: "", file: file, line: index + 1, isInBlock: isInBlock,
                isCertain: !isInBlock && !isPacked && isRead, isListed: isPacked)
            guard let (key, value) = Self.entry(line), key.hasSuffix("image"),
                chart == nil || !key.contains("{")
            else {
                if let chart, let text = chart.mayNameImage(line) {
                    mention.text = text
                    templated.append(mention)
                }
                mention.isCertain = false
                for text in chart == nil ? [] : Self.inBraces(line) {
                    mention.text = text
                    mentions.append(mention)
                }
                continue
            }
            let isTemplate = value.contains("{{")
            mention.text = Self.value(isTemplate ? chart?.rendered(String(value))?[...] ?? value : value)
            if chart != nil, mention.text.isEmpty || ChartTemplate.blockHeaders.contains(mention.text) {
                let next = lines[(index + 1)...].lazy.map(\.trimmed).first { !$0.isEmpty } ?? ""
                guard isTemplate && !isInBlock || ChartTemplate.isValue(next) else { continue }
                mention.text = isTemplate ? String(value).trimmed : next
                templated.append(mention)
            } else if mention.text.contains("{{") {
                mention.text = String(value).trimmed
                templated.append(mention)
            } else if !mention.text.isEmpty {
                mentions.append(mention)
            }
        }
    }

    /// The key and the value of a line; `nil` where it has none, or they are not plain.
    private static func entry(_ line: String) -> (key: String, value: Substring)? {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let key = line[..<colon].filter { $0 != "\"" }
        guard !key.contains("#"), !key.contains("{{") else { return nil }
        return (key, line[line.index(after: colon)...])
    }

    /// The images of a line that has its values in braces, `containers: [{ image: a }]`, where sealer does not look.
    private static func inBraces(_ line: String) -> [String] {
        guard !line.contains("{{"), let open = line.firstIndex(of: "{"), !line[..<open].contains("#") else {
            return []
        }
        return line[open...].split { "{}[],".contains($0) }.compactMap { part in
            guard let (key, value) = entry(String(part)), key.trimmed.hasSuffix("image") else { return nil }
            let text = Self.value(value)
            return text.isEmpty ? nil : text
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

    private static func hasExtension(_ path: String, in extensions: [String]) -> Bool {
        let lower = path.lowercased()
        return extensions.contains { lower.hasSuffix($0) }
    }

    private static func lines(of path: String, in file: FileNode) throws(Failure) -> [String] {
        let text = String(decoding: try file.bytes(limit: largestFile, artifact: path), as: UTF8.self)
        return text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String(Substring($0.last == "\r" ? $0.dropLast() : $0)) }
    }
}
