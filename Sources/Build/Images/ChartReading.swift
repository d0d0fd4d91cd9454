// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer

/// The images that a chart needs, read without Helm: what it lists itself, else what its templates say with its values.
package struct ChartReading {
    /// What a chart itself says of its images.
    package enum Source: String, Sendable {
        /// The annotation `artifacthub.io/images` of its `Chart.yaml`.
        case annotation = "its annotation artifacthub.io/images"
        /// `Images.lock`.
        case lock = "its Images.lock"
        /// Its templates.
        case templates = "its templates, read without Helm"
    }

    /// Where a chart names something.
    package struct Place: Sendable, Equatable, CustomStringConvertible {
        /// The file, from the archive or the folder on.
        package let file: String
        /// The line; 0 for a list, in which lines say nothing.
        package let line: Int

        package var description: String { line == 0 ? file : "\(file):\(line)" }
    }

    /// The chart's name and version, as `Chart.yaml` has them.
    package let name: String, version: String
    /// Where the images are from.
    package let source: Source
    /// The names of images, each with its place in the chart.
    package let images: [(text: String, place: Place)]
    /// What names an image only after Helm has rendered it, with its place.
    package let unknown: [(text: String, place: Place)]

    /// Reads the packed chart `bytes`.
    /// - Parameters:
    ///   - path: the archive, as places name it.
    ///   - values: YAML of values; a later one replaces what an earlier one says.
    /// - Throws: a ``Failure`` of kind `data` where it is no chart, or a file of it has more than 16 MiB.
    package init(packed bytes: [UInt8], path: String, values: [[UInt8]]) throws(Failure) {
        try self.init(PackedChart(bytes, path: path).files, path: path, values: values)
    }

    /// Reads a chart that is a folder.
    /// - Parameters:
    ///   - files: all files of the chart, their paths beginning with `path`.
    ///   - values: YAML of values; a later one replaces what an earlier one says.
    /// - Throws: as ``init(packed:path:values:)``.
    package init(
        files: [(path: String, bytes: [UInt8])], path: String, values: [[UInt8]]
    ) throws(Failure) {
        var all: [(path: String, file: FileNode)] = []
        for (path, bytes) in files {
            if PackedChart.isOne(path) {
                all += try PackedChart(bytes, path: path).files
            } else {
                all.append((path, PackedChart.node(bytes)))
            }
        }
        try self.init(all, path: path, values: values)
    }

    private init(
        _ files: [(path: String, file: FileNode)], path: String, values: [[UInt8]]
    ) throws(Failure) {
        let outermost = files.map(\.path).filter { $0.hasSuffix("/Chart.yaml") }
            .min { ($0.split(separator: "/").count, $0) < ($1.split(separator: "/").count, $1) }
        guard let outermost else {
            throw Failure(
                .data, "read the chart", path, because: "it has no Chart.yaml",
                remedy: "name the folder or the archive of a Helm chart")
        }
        let chart = String(outermost.dropLast("/Chart.yaml".count))
        var given: Tree = .object([])
        for bytes in values {
            given = try Tree(yaml: bytes, artifact: "the values of \(path)").merged(over: given)
        }
        let scan = try BuildImageScan(chart: files, values: given)
        let facts = scan.facts(ofChart: chart)
        name = facts["name"]?.string ?? ""
        version = facts["version"]?.string ?? ""
        source = scan.charts.first { $0.path == chart }?.source ?? .templates
        // A list says what blocks come to; what is outside of them is needed whatever a list says.
        let isListed = source != .templates
        images = scan.mentions.filter { !isListed || $0.line == 0 || !$0.isInBlock }.map {
            ($0.text, Place(file: $0.file, line: $0.line))
        }
        unknown = scan.templated.map { ($0.text, Place(file: $0.file, line: $0.line)) }
    }
}
