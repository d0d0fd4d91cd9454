// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The sections `base` and `files`.
extension SpecReading {
    mutating func base(_ node: YamlNode) -> Spec.Base? {
        mark(node, "base")
        guard let fields = mapping(node, "base", keys: ["image", "layers"], required: ["image"]) else {
            return nil
        }
        var layers: [String: Spec.LayerSelector] = [:]
        for (key, value) in named(fields["layers"], "base.layers") {
            guard let role = name(key, "the role of a layer") else { continue }
            mark(key, .role(role))
            layers[role] = selector(value, role)
        }
        guard let image = fields["image"].flatMap({ reference($0, "the base", .sealer) }) else { return nil }
        return Spec.Base(image: image, layers: layers)
    }

    /// `{ holds: PATH, id: … }`, or a path or an id alone.
    private mutating func selector(_ node: YamlNode, _ role: String) -> Spec.LayerSelector? {
        if node.entries == nil {
            if let text = node.text, text.hasPrefix("sha256:") {
                return Spec.LayerSelector(holds: nil, id: layerIDs(node, role))
            }
            return path(node, "the path that the layer '\(role)' holds").map { Spec.LayerSelector(holds: $0) }
        }
        guard let fields = mapping(node, "the layer '\(role)'", keys: ["holds", "id"]) else { return nil }
        let holds = fields["holds"].flatMap { path($0, "the path that the layer '\(role)' holds") }
        let ids = fields["id"].map { layerIDs($0, role) } ?? [:]
        let lacking = context.platforms.filter { ids[$0.description] == nil }
        if fields["holds"] == nil, !lacking.isEmpty {
            let names = lacking.map(\.description).joined(separator: ", ")
            note(
                node,
                "the layer '\(role)' is not determined for \(names): give 'holds', or an id for each platform"
            )
        }
        return Spec.LayerSelector(holds: holds, id: ids)
    }

    private mutating func layerIDs(_ node: YamlNode, _ role: String) -> [String: Digest] {
        if node.entries != nil { return digests(node, "the id of the layer '\(role)'") }
        guard let id = digest(node, "the id of the layer '\(role)'") else { return [:] }
        guard context.platforms.count == 1 else {
            note(
                node,
                "a layer id belongs to one platform, and the spec has \(context.platforms.count); write id: { linux/amd64: … }"
            )
            return [:]
        }
        return [context.platforms[0].description: id]
    }

    mutating func files(_ node: YamlNode?) -> [String: Spec.FileSource] {
        var all: [String: Spec.FileSource] = [:]
        for (key, value) in named(node, "files") {
            guard let name = name(key, "the name of a file") else { continue }
            mark(key, .file(name))
            // A file with a mistake is still there for `put`: one mistake, one report.
            all[name] = file(value, name) ?? Spec.FileSource(urls: [])
        }
        return all
    }

    private mutating func file(_ node: YamlNode, _ name: String) -> Spec.FileSource? {
        let what = "the file '\(name)'"
        let keys = ["url", "path", "text"]
        guard let fields = mapping(node, what, keys: keys + ["sha256", "sha256sums"]) else { return nil }
        let given = keys.filter { fields[$0] != nil }
        guard given.count == 1 else {
            let found = given.isEmpty ? "none" : given.joined(separator: " and ")
            note(node, "\(what) takes exactly one of url, path and text; found \(found)")
            return nil
        }
        if let sums = fields["sha256sums"], fields["url"] == nil {
            note(sums, "a checksum list is for a file with a url; write sha256")
        }
        let urls = oneOrMore(fields["url"], "the URLs of \(what)")
        var sha256: [String: Digest] = [:]
        if let promised = fields["sha256"] {
            if promised.entries != nil {
                sha256 = digests(promised, "the digest of \(what)")
            } else if let digest = digest(promised, "the digest of \(what)") {
                sha256["*"] = digest
            }
        }
        let sums = fields["sha256sums"].flatMap { url($0, "the URL of the checksums of \(what)") }
        let source = Spec.FileSource(
            urls: urls.compactMap { url($0, "the URL of \(what)") }, sha256: sha256, sha256sums: sums,
            path: fields["path"].flatMap { hostPath($0, "the path of \(what)") },
            text: fields["text"].flatMap { wholeText($0, "the text of \(what)") })
        if sha256["*"] != nil, source.dependsOnPlatform, context.platforms.count > 1,
            let promised = fields["sha256"]
        {
            note(
                promised,
                "its place differs by platform, so one digest cannot fit; write sha256: { linux/amd64: … }")
        }
        return source
    }
}
