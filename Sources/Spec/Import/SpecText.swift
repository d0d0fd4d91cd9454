// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Specs as text for people, made from the lists of other tools.
package enum SpecText {
    /// The spec that carries what `list` names.
    /// - Parameters:
    ///   - name: the bundle's name; what a name cannot have becomes a dash.
    ///   - platforms: those to carry; where there are none, those of the list, or linux/amd64.
    ///   - tool: who makes it, for the comment.
    /// - Throws: a ``Failure`` of kind `data` for a list that names nothing a spec can carry.
    package static func spec(
        of list: ForeignList, name: String, platforms: [Platform], tool: String
    ) throws(Failure) -> String {
        guard list.count > 0 else {
            throw Failure(
                .data, "import", list.path,
                because:
                    "it is \(list.form.rawValue), and names no image, chart or file that a spec can carry",
                remedy: "check that this is the file; `sealift init` writes a spec to begin with")
        }
        let chosen = platforms.isEmpty ? list.platforms : platforms
        let carried = chosen.isEmpty ? [Platform(os: "linux", architecture: "amd64")] : chosen
        var lines = [
            "# Made by \(tool) from \(list.path.escapedForDisplay), \(list.form.rawValue).",
            "# bundles/README.md explains every key. Next: sealift check, sealift lock, sealift collect.",
            "version: 1", "name: \(quoted(cleaned(name)))",
            "platforms: [\(carried.map(\.description).joined(separator: ", "))]"
                + (chosen.isEmpty ? " # the list names none; add linux/arm64 to carry both" : ""),
        ]
        lines += list.notes.map { "# \($0.escapedForDisplay)" }
        if !list.files.isEmpty { lines += ["", "files:"] + list.files.flatMap(self.lines) }
        let namers = list.files.filter(\.namesImages)
        if !namers.isEmpty {
            lines += ["", "imagesFrom:"] + namers.map { "  - \(quoted($0.name))" }
        }
        if !list.images.isEmpty {
            lines += ["", "images:"] + list.images.map { "  - \(quoted($0.familiar))" }
        }
        if !list.charts.isEmpty { lines += ["", "charts:"] + list.charts.flatMap(self.lines) }
        if !list.omissions.isEmpty {
            lines += ["", "# Not taken over:"]
            lines += list.omissions.map { "#   \($0)".escapedForDisplay }
        }
        let text = lines.joined(separator: "\n") + "\n"
        _ = try SpecReader.read(Array(text.utf8), path: "the spec made from \(list.path)")
        return text
    }

    /// Why a spec does not take the chart; `nil` where it does.
    static func fault(of chart: ForeignList.Chart) -> String? { fault(of: ["charts:"] + lines(chart)) }

    /// Why a spec does not take the file; `nil` where it does.
    static func fault(of file: ForeignList.NamedFile) -> String? { fault(of: ["files:"] + lines(file)) }

    private static func fault(of section: [String]) -> String? {
        let text = (["version: 1", "name: x", "platforms: linux/amd64"] + section).joined(separator: "\n")
        guard case .problems(let problems, _) = SpecReader.examine(Array(text.utf8), path: "") else {
            return nil
        }
        return problems.first?.message
    }

    private static func lines(_ chart: ForeignList.Chart) -> [String] {
        ["  - chart: \(quoted(chart.chart))"] + (chart.repo.map { ["    repo: \(quoted($0))"] } ?? [])
            + (chart.version.map { ["    version: \(quoted($0))"] } ?? [])
            + (chart.valuesFiles.isEmpty
                ? [] : ["    valuesFiles:"] + chart.valuesFiles.map { "      - \(quoted($0))" })
    }

    private static func lines(_ file: ForeignList.NamedFile) -> [String] {
        ["  \(quoted(file.name)):", "    \(file.key): \(quoted(file.place))"]
            + (file.sha256.map { ["    sha256: \(quoted($0))"] } ?? [])
    }

    /// A name of letters, digits, dots, dashes and underscores.
    private static func cleaned(_ name: String) -> String {
        var text = String(
            name.prefix(100).map {
                $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-"
            })
        while let first = text.first, !(first.isLetter || first.isNumber) { text.removeFirst() }
        return text.isEmpty ? "bundle" : text
    }

    /// A scalar of YAML: plain where every reader takes it for text, else in double quotes.
    static func quoted(_ text: String) -> String {
        let isPlain =
            text.first.map { $0.isLetter && $0.isASCII } ?? false
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "./_-:@".utf8.contains(byte)
            } && !text.hasSuffix(":")
            && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(text.lowercased())
        if isPlain { return text }
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case "\t": out += "\\t"
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                out += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
