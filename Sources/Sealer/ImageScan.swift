// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The container images that the layers of one build name, found as sealer finds them: in
/// `manifests/imageList`, in every `.yaml`, `.yml` and `.tmpl` below `manifests/`, and in the templates of
/// charts below `charts/`.
///
/// Where sealer glues a comment to a name, or renders a chart, only what a line plainly says is taken: a name
/// that a template still has to make is noted, and belongs into the imageList. Source: sealer.md, section 5.
struct ImageScan: Sendable {
    /// One name, where it was found.
    struct Mention: Sendable, Equatable {
        /// The name as it is written, quotes removed.
        var text: String
        /// The file's path in the image.
        var file: String
        /// The line, from 1.
        var line: Int

        /// `FILE:LINE`.
        var place: String { "\(file):\(line)" }
    }

    /// What names an image.
    private(set) var mentions: [Mention] = []
    /// What would name one only after a template is rendered.
    private(set) var templated: [Mention] = []

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
        let charts = try Self.files(below: "charts", in: roots)
        let names = Set(charts.map(\.path))
        for (path, folder) in charts where Self.hasExtension(path, [".yaml", ".yml"]) {
            guard let at = path.range(of: "/templates/"), case let chart = path[..<at.lowerBound],
                names.contains("\(chart)/Chart.yaml"), names.contains("\(chart)/values.yaml")
            else { continue }
            try addYAML(Self.lines(of: path, in: folder), file: path)
        }
    }

    /// The lines of an imageList.
    private mutating func addList(_ lines: [String], file: String) {
        for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
            let text = Self.unquoted(line.trimmed)
            if !text.isEmpty { mentions.append(Mention(text: text, file: file, line: index + 1)) }
        }
    }

    /// The lines whose key ends in `image`.
    private mutating func addYAML(_ lines: [String], file: String) {
        for (index, line) in lines.enumerated() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].filter { $0 != "\"" }
            guard key.hasSuffix("image"), !key.contains("#") else { continue }
            let text = Self.value(line[line.index(after: colon)...])
            if text.isEmpty { continue }
            let mention = Mention(text: text, file: file, line: index + 1)
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
        } else if let comment = rest.range(of: " #") {
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
            var paths: [String] = []
            try collect(folder, in: root, into: &paths)
            for path in paths { found[path] = root }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func collect(
        _ path: String, in root: Folder, into paths: inout [String]
    ) throws(Failure) {
        let folder: Folder
        do throws(Failure) { folder = try root.folder(Array(path.utf8)) } catch {
            // Not there, or a file or a link of that name: sealer has nothing to scan either.
            if error.kind == .input || error.kind == .data { return }
            throw error
        }
        for bytes in try folder.names() {
            guard let name = String(validating: bytes, as: UTF8.self) else { continue }
            switch try folder.status(of: bytes).kind {
            case .directory: try collect("\(path)/\(name)", in: root, into: &paths)
            case .file: paths.append("\(path)/\(name)")
            default: continue
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

extension StringProtocol {
    /// Where `text` begins and ends for the first time.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
