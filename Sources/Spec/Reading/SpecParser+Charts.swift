// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The section `charts`, and `attached`.
extension SpecParser {
    /// The charts of all files, as ``images()`` takes them.
    mutating func charts() -> (carried: [Spec.Chart], local: [Spec.LocalChart]) {
        var all: [(chart: Spec.Chart, part: Int)] = []
        var local: [Spec.LocalChart] = []
        forEach("charts") { reading, node in
            for item in reading.list(node, as: "charts") {
                let before = reading.problems.count
                if let chart = reading.localChart(item) {
                    guard reading.problems.count == before else {
                        reading.gaps.lacksImages = true
                        continue
                    }
                    reading.mark(item, part: .localChart(chart.path))
                    if local.contains(where: { $0.path == chart.path }) {
                        reading.note(item, message: "\(chart.path) is listed twice")
                    }
                    local.append(chart)
                    continue
                }
                guard let chart = reading.chart(item), reading.problems.count == before else {
                    reading.gaps.lacksImages = true
                    continue
                }
                let known = all.firstIndex { $0.chart.reference == chart.reference }
                if let known, all[known].chart == chart, all[known].part != reading.current { continue }
                if let known, reading.counts(over: all[known].part) {
                    reading.mark(item, part: .chart(known))
                    all[known] = (chart, reading.current)
                    continue
                }
                if known != nil || reading.context.images.contains(chart.reference) {
                    reading.note(item, message: "\(chart.reference.familiar) is listed twice")
                    continue
                }
                reading.mark(item, part: .chart(all.count))
                all.append((chart, reading.current))
            }
        }
        return (all.map(\.chart), local)
    }

    /// A chart on this host, `./PATH`, `../PATH` or `/PATH`; `nil` for any other.
    private mutating func localChart(_ node: YAMLNode) -> Spec.LocalChart? {
        let path = node.entries?.first { $0.key.text == "chart" }?.value.text ?? ""
        guard ["./", "../", "/"].contains(where: path.hasPrefix) else { return nil }
        guard let fields = mapping(node, as: "the chart of this host", keys: ["chart"] + Self.renderingKeys),
            let place = fields["chart"], let path = hostPath(place, as: "the path of a chart")
        else { return Spec.LocalChart(path: path) }
        return Spec.LocalChart(path: path, rendering: rendering(fields))
    }

    private static let renderingKeys = ["values", "valuesFiles", "kubeVersion", "apiVersions"]

    /// What a chart is rendered with; `nil` where nothing is said.
    private mutating func rendering(_ fields: [String: YAMLNode]) -> Spec.Rendering? {
        if Set(fields.keys).isDisjoint(with: Self.renderingKeys) { return nil }
        var rendering = Spec.Rendering()
        rendering.values = fields["values"].flatMap { self.values($0) }
        rendering.valuesFiles = fields["valuesFiles"].map { node in
            oneOrMore(node, as: "valuesFiles").compactMap { hostPath($0, as: "the path of a file of values") }
        }
        rendering.kubeVersion = fields["kubeVersion"].flatMap {
            version($0, as: "the version of Kubernetes")
        }
        rendering.apiVersions = fields["apiVersions"].map { node in
            oneOrMore(node, as: "apiVersions").compactMap {
                word($0, as: "an API like monitoring.coreos.com/v1")
            }
        }
        return rendering
    }

    /// A text that no program takes for an option.
    private mutating func word(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }
        if plain, !text.hasPrefix("-"), text.utf8.count <= 256 { return text }
        note(node, message: "expected \(what); found '\(text.prefix(60))'")
        return nil
    }

    private mutating func chart(_ node: YAMLNode) -> Spec.Chart? {
        let keys = ["chart", "repo", "version", "digest"] + Self.renderingKeys
        guard let fields = mapping(node, as: "the chart", keys: keys, required: ["chart", "version"]),
            let place = fields["chart"], let written = text(place, as: "a chart")
        else { return nil }
        let version = fields["version"].flatMap { self.version($0, as: "the version of the chart") }
        let digest = fields["digest"].flatMap { self.digest($0, as: "the digest of the chart") }
        let rendering = self.rendering(fields)
        let repo = fields["repo"].flatMap { url($0, as: "the URL of the chart repository") }
        guard let version, let address = address(of: written, place: place, repo: repo, at: fields["repo"])
        else {
            return nil
        }
        let tag = version.replacing("+", with: "_")
        guard address.contains("/"), !written.hasSuffix("/"),
            let reference = try? Reference("\(address.lowercasedPath):\(tag)"), reference.tag == tag,
            reference.digest == nil
        else {
            note(
                place,
                message: "'\(written.prefix(120))' with the version '\(version)' makes no name for a registry"
            )
            return nil
        }
        let name = String(written.split(separator: "/").last ?? "")
        return Spec.Chart(
            name: name, reference: reference, repo: repo, version: version, digest: digest,
            rendering: rendering)
    }

    /// Host and path of a chart: those of its registry, or of its repository with its name.
    private mutating func address(
        of chart: String, place: YAMLNode, repo: String?, at node: YAMLNode?
    ) -> String? {
        if chart.hasPrefix("oci://") {
            if let node {
                note(
                    node,
                    message:
                        "a chart of an OCI registry has no repo; for an HTTP repository give only its name"
                )
            }
            return String(chart.dropFirst("oci://".count))
        }
        guard let repo else {
            if node == nil {
                note(
                    place,
                    message:
                        "expected oci://HOST/PATH/NAME, ./PATH of this host, or a name together with 'repo: https://…'"
                )
            }
            return nil
        }
        let host = repo.split(separator: "/", omittingEmptySubsequences: true).dropFirst()
        return (host.map(String.init) + [chart]).joined(separator: "/")
    }

    private mutating func version(_ node: YAMLNode, as what: String) -> String? {
        guard let text = text(node, as: what) else { return nil }
        let plain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || ".-+_".utf8.contains($0)
        }
        if plain, text.utf8.count <= 128, !text.hasPrefix("-") { return text }
        note(
            node,
            message: "expected \(what) as one exact version like 1.2.3, no range; found '\(text.prefix(60))'")
        return nil
    }

    /// The YAML of a mapping, or of a block of text.
    private mutating func values(_ node: YAMLNode) -> String? {
        if let text = node.text, node.scalarType == .string { return text }
        guard node.entries != nil else {
            note(
                node, message: "expected the values as a mapping, or as a block of YAML; found \(shown(node))"
            )
            return nil
        }
        // The first line begins where the mapping does; the others keep their indent.
        let start = source.position(of: node.range.lowerBound)
        let text =
            String(repeating: " ", count: start.column - 1)
            + String(decoding: source.bytes[node.range], as: UTF8.self) + "\n"
        let inner = SourceText(Array(text.utf8), path: source.path)
        if let documents = try? YAMLDocuments.all(inner), documents.count == 1 { return text }
        note(
            node,
            message:
                "the values use an anchor from outside; write them out"
        )
        return nil
    }

    /// `attached: [signatures]` of the spec or of an image.
    mutating func attached(_ node: YAMLNode, of image: Reference?) {
        var kinds: Set<Spec.AttachedKind> = []
        for item in oneOrMore(node, as: "attached") {
            guard let text = text(item, as: "a kind of attached content") else { continue }
            guard let kind = Spec.AttachedKind(rawValue: text) else {
                let known = Spec.AttachedKind.allCases.map(\.rawValue)
                let advice =
                    Suggestion.nearest(to: text, among: known).map { "did you mean '\($0)'?" }
                    ?? "there are \(known.joined(separator: ", "))"
                note(item, message: "unknown kind '\(text.prefix(40))'; \(advice)")
                continue
            }
            if !kinds.insert(kind).inserted { note(item, message: "'\(text)' is listed twice") }
        }
        context.attached.append(.init(image: image, kinds: Spec.AttachedKind.allCases.filter(kinds.contains)))
    }
}

extension String {
    /// The same with the path behind the first slash in lower case, as registries want it.
    fileprivate var lowercasedPath: String {
        guard let slash = firstIndex(of: "/") else { return self }
        return self[..<slash] + self[slash...].lowercased()
    }
}
