// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The sections `base` and `files`.
extension SpecParser {
    mutating func base(_ node: YAMLNode) -> Spec.Base? {
        mark(node, part: "base")
        guard let fields = mapping(node, as: "base", keys: ["image", "layers"], required: ["image"]) else {
            return nil
        }
        var layers: [String: Spec.LayerSelector] = [:]
        for (key, value) in named(fields["layers"], as: "base.layers") {
            guard let role = name(key, as: "the role of a layer") else { continue }
            mark(key, part: .role(role))
            let known = problems.count
            layers[role] = selector(value, role: role)
            guard problems.count > known else { continue }
            layers[role] = nil
            gaps.roles.insert(role)
        }
        guard let image = fields["image"].flatMap({ reference($0, as: "the base", defaults: .sealer) }) else {
            return nil
        }
        return Spec.Base(image: image, layers: layers)
    }

    /// `{ holds: PATH, id: … }`, or a path or an id alone.
    private mutating func selector(_ node: YAMLNode, role: String) -> Spec.LayerSelector? {
        if node.entries == nil {
            if let text = node.text, text.hasPrefix("sha256:") {
                return Spec.LayerSelector(holds: nil, id: layerIDs(node, role: role))
            }
            return path(node, as: "the path that the layer '\(role)' holds").map {
                Spec.LayerSelector(holds: $0)
            }
        }
        guard let fields = mapping(node, as: "the layer '\(role)'", keys: ["holds", "id"]) else { return nil }
        let holds = fields["holds"].flatMap { path($0, as: "the path that the layer '\(role)' holds") }
        let ids = fields["id"].map { layerIDs($0, role: role) } ?? [:]
        let lacking = context.platforms.filter { ids[$0.description] == nil }
        if fields["holds"] == nil, !lacking.isEmpty {
            let names = lacking.map(\.description).joined(separator: ", ")
            note(
                node,
                message:
                    "the layer '\(role)' is not determined for \(names): give 'holds', or an id for each platform"
            )
        }
        return Spec.LayerSelector(holds: holds, id: ids)
    }

    private mutating func layerIDs(_ node: YAMLNode, role: String) -> [String: Digest] {
        if node.entries != nil { return digests(node, as: "the id of the layer '\(role)'") }
        guard let id = digest(node, as: "the id of the layer '\(role)'") else { return [:] }
        guard context.platforms.count == 1 else {
            note(
                node,
                message:
                    "a layer id belongs to one platform, and the spec has \(context.platforms.count); write id: { linux/amd64: … }"
            )
            return [:]
        }
        return [context.platforms[0].description: id]
    }

    mutating func files() -> [String: Spec.FileSource] {
        var all: [String: Spec.FileSource] = [:]
        for entry in entries(of: "files") {
            enter(entry.part)
            guard let name = name(entry.key, as: "the name of a file") else { continue }
            mark(entry.key, part: .file(name))
            let known = problems.count
            // A file with a mistake is still there for `put`: one mistake, one report.
            all[name] = file(entry.value, name: name) ?? Spec.FileSource(urls: [])
            if problems.count > known { gaps.files.insert(name) }
        }
        return all
    }

    private mutating func file(_ node: YAMLNode, name: String) -> Spec.FileSource? {
        let what = "the file '\(name)'"
        let keys = ["url", "path", "text"]
        let hashes = Digest.Algorithm.allCases.map(\.rawValue)
        guard let fields = mapping(node, as: what, keys: keys + hashes.flatMap { [$0, $0 + "sums"] }) else {
            return nil
        }
        let given = keys.filter { fields[$0] != nil }
        guard given.count == 1 else {
            let found = given.isEmpty ? "none" : given.joined(separator: " and ")
            note(node, message: "\(what) takes exactly one of url, path and text; found \(found)")
            return nil
        }
        let algorithm = algorithm(of: fields, file: what)
        let (key, sumsKey) = (algorithm.rawValue, algorithm.rawValue + "sums")
        if let sums = fields[sumsKey], fields["url"] == nil {
            note(sums, message: "a checksum list is for a file with a url; write \(key)")
        }
        let urls = oneOrMore(fields["url"], as: "the URLs of \(what)")
        var digests: [String: Digest] = [:]
        if let promised = fields[key] {
            if promised.entries != nil {
                digests = self.digests(promised, as: "the digest of \(what)", by: algorithm)
            } else if let digest = digest(promised, as: "the digest of \(what)", by: algorithm) {
                digests["*"] = digest
            }
        }
        let source = Spec.FileSource(
            urls: urls.compactMap { url($0, as: "the URL of \(what)") }, digests: digests,
            sums: fields[sumsKey].flatMap { url($0, as: "the URL of the checksums of \(what)") },
            algorithm: algorithm,
            path: fields["path"].flatMap { hostPath($0, as: "the path of \(what)") },
            text: fields["text"].flatMap { wholeText($0, as: "the text of \(what)") })
        if digests["*"] != nil, source.dependsOnPlatform, context.platforms.count > 1,
            let promised = fields[key]
        {
            note(
                promised,
                message:
                    "its place differs by platform, so one digest cannot fit; write \(key): { linux/amd64: … }"
            )
        }
        return source
    }

    /// The one that the keys name: a file has one digest.
    private mutating func algorithm(of fields: [String: YAMLNode], file what: String) -> Digest.Algorithm {
        let used = Digest.Algorithm.allCases.filter {
            fields[$0.rawValue] != nil || fields[$0.rawValue + "sums"] != nil
        }
        if used.count > 1, let second = fields[used[1].rawValue] ?? fields[used[1].rawValue + "sums"] {
            note(
                second,
                message: "\(what) has one digest: sha256 or sha512, each alone or with its checksum list")
        }
        return used.first ?? .sha256
    }
}
