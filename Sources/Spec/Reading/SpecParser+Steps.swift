// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The steps of a build's context.
extension SpecParser {
    /// Each verb and the keys that may accompany it.
    private static let verbs: [(verb: String, beside: [String])] = [
        ("layer", ["paths"]), ("put", ["file", "repack", "save", "chart", "mode"]),
        ("unpack", ["file", "chart", "members", "strip"]),
        ("edit", ["remove", "set", "append"]),
        ("remove", []), ("rewrite", []), ("imageList", []),
    ]

    mutating func step(_ node: YAMLNode) -> Spec.Step? {
        let verbs = Self.verbs.map(\.verb)
        let keys = (node.entries ?? []).compactMap(\.key.text)
        // `remove` is a step, and what an edit removes.
        let present = keys.filter { verbs.contains($0) && !($0 == "remove" && keys.contains("edit")) }
        guard node.entries != nil else {
            note(
                node,
                message:
                    "expected a step: a mapping with one of \(verbs.joined(separator: ", ")); found \(shown(node))"
            )
            return nil
        }
        guard present.count == 1, let (verb, beside) = Self.verbs.first(where: { $0.verb == present[0] })
        else {
            let meant = keys.lazy.compactMap { Suggestion.nearest(to: $0, among: verbs) }.first
            let advice = present.isEmpty ? meant.map { "; did you mean '\($0)'?" } ?? "" : ""
            note(
                node,
                message: "a step has exactly one of \(verbs.joined(separator: ", ")); this has "
                    + (present.isEmpty ? "none" : present.joined(separator: " and ")) + advice)
            return nil
        }
        guard let fields = mapping(node, as: "the step '\(verb)'", keys: [verb] + beside),
            let value = fields[verb]
        else {
            return nil
        }
        switch verb {
        case "layer": return layer(value, paths: fields["paths"])
        case "put": return put(value, fields: fields)
        case "edit": return edit(value, fields: fields)
        case "unpack": return unpack(value, fields: fields)
        case "remove":
            let paths = oneOrMore(value, as: "the paths to remove").compactMap {
                path($0, as: "a path to remove")
            }
            return .remove(paths: paths)
        case "rewrite": return path(value, as: "the file to rewrite").map { .rewrite(path: $0) }
        default: return imageList(value)
        }
    }

    private mutating func layer(_ node: YAMLNode, paths: YAMLNode?) -> Spec.Step? {
        guard let role = text(node, as: "the role of a base layer") else { return nil }
        let chosen = paths.map { list in
            oneOrMore(list, as: "paths").compactMap { path($0, as: "a path of the layer") }
        }
        if marks[.role(role)] == nil {
            if let base = context.base {
                note(
                    node,
                    message:
                        "there is no layer '\(role)' in base.layers; \(known(role, candidates: base.layers.keys))"
                )
            } else if !gaps.lacksBase {
                note(node, message: "the layer '\(role)' is of no base: the spec has no 'base'")
            }
            gaps.roles.insert(role)
        }
        return .layer(role: role, paths: chosen)
    }

    private mutating func put(_ node: YAMLNode, fields: [String: YAMLNode]) -> Spec.Step? {
        let path = path(node, as: "the place to put it")
        if path?.split(separator: "/").last == "imageListWithAuth.yaml" {
            note(
                node,
                message:
                    "imageListWithAuth.yaml holds passwords, and they would travel in the bundle; list its images in 'images', "
                    + "and give collect the passwords as docker's auth file")
        }
        let sources = ["file", "repack", "save", "chart"].filter { fields[$0] != nil }
        guard sources.count == 1, let key = sources.first, let source = fields[key] else {
            note(
                node,
                message: "'put' takes exactly one of file, repack, save and chart; found "
                    + (sources.isEmpty ? "none" : sources.joined(separator: " and ")))
            return nil
        }
        let mode = fields["mode"].flatMap { self.mode($0) }
        if key == "save" {
            guard let image = reference(source, as: "the image to save", defaults: .docker), let path else {
                return nil
            }
            let isKnown = (context.images + gaps.images).meant(by: image) != nil
            if !isKnown, gaps.lacksImages { gaps.images.insert(image) }
            guard context.hasMoreImages || isKnown || gaps.images.contains(image) else {
                let familiar = context.images.map(\.familiar)
                note(
                    source,
                    message:
                        "the image \(image.familiar) is not listed in 'images'; \(known(image.familiar, candidates: familiar))"
                )
                gaps.images.insert(image)
                return .putSaved(path: path, image: image, mode: mode)
            }
            if image.tag == nil {
                note(source, message: "a docker-archive names its image by a tag; add one")
            }
            return .putSaved(path: path, image: image, mode: mode)
        }
        guard let name = key == "chart" ? chartFile(source) : fileName(source), let path else { return nil }
        return key == "repack"
            ? .putRepacked(path: path, file: name, mode: mode) : .putFile(path: path, file: name, mode: mode)
    }

    private mutating func unpack(_ node: YAMLNode, fields: [String: YAMLNode]) -> Spec.Step? {
        let path = path(node, as: "the folder to unpack into")
        let members = fields["members"].map { list in
            oneOrMore(list, as: "members").compactMap { self.path($0, as: "a member of the archive") }
        }
        var strip: Int?
        if let given = fields["strip"] {
            strip =
                given.scalarType == .int
                ? given.text.flatMap { Int($0) }.flatMap { (0...64).contains($0) ? $0 : nil } : nil
            if strip == nil {
                note(given, message: "expected strip as a number from 0 to 64; found \(shown(given))")
            }
        }
        let sources = ["file", "chart"].filter { fields[$0] != nil }
        guard sources.count == 1, let source = fields[sources[0]] else {
            note(node, message: "'unpack' takes exactly one of file and chart: the archive")
            return nil
        }
        guard let path, let name = sources[0] == "chart" ? chartFile(source) : fileName(source) else {
            return nil
        }
        return .unpack(path: path, file: name, members: members, strip: strip)
    }

    /// The archive of one of `charts`, meant by its name, its name and version, or its whole reference.
    private mutating func chartFile(_ node: YAMLNode) -> String? {
        guard let text = text(node, as: "the name of a chart") else { return nil }
        let plain = text.hasPrefix("oci://") ? String(text.dropFirst("oci://".count)) : text
        let meant = context.charts.filter {
            [$0.name, "\($0.name):\($0.version)", "\($0.reference)"].contains(plain)
        }
        if meant.count == 1 { return meant[0].file }
        let names = context.charts.map(\.name)
        note(
            node,
            message: meant.isEmpty
                ? "there is no chart '\(text.prefix(80))' in 'charts'; \(known(text, candidates: names))"
                : "there are \(meant.count) charts called '\(text.prefix(80))'; write NAME:VERSION, or the whole "
                    + meant[0].reference.description)
        return nil
    }

    /// The name of one of `files`.
    mutating func fileName(_ node: YAMLNode) -> String? {
        guard let name = text(node, as: "the name of a file") else { return nil }
        guard context.files[name] != nil else {
            note(
                node,
                message:
                    "there is no file '\(name)' in 'files'; \(known(name, candidates: context.files.keys))")
            gaps.files.insert(name)
            return name
        }
        return name
    }

    private mutating func edit(_ node: YAMLNode, fields: [String: YAMLNode]) -> Spec.Step? {
        if fields.count == 1 { note(node, message: "'edit' needs 'remove', 'set' or 'append'") }
        var remove: [String] = []
        for item in oneOrMore(fields["remove"], as: "the keys to remove") {
            if let path = fieldPath(item) { remove.append(path) }
        }
        let set = assignments(fields["set"], as: "set")
        let append = assignments(fields["append"], as: "append")
        return path(node, as: "the file to edit").map {
            .edit(path: $0, remove: remove, set: set, append: append.isEmpty ? nil : append)
        }
    }

    private mutating func assignments(_ node: YAMLNode?, as what: String) -> [Spec.Assignment] {
        var all: [Spec.Assignment] = []
        for (key, value) in named(node, as: what) {
            guard let path = fieldPath(key) else { continue }
            guard let text = value.text, let type = value.scalarType else {
                if let json = value.json() {
                    all.append(Spec.Assignment(key: path, value: json, literal: true, isJSON: true))
                } else {
                    note(
                        value,
                        message:
                            "the value of '\(path)' is too large, or has a key that is no text or is doubled")
                }
                continue
            }
            let isNothing = text.isEmpty && type == .null
            all.append(
                Spec.Assignment(key: path, value: isNothing ? "null" : text, literal: type != .string))
        }
        return all
    }

    private mutating func fieldPath(_ node: YAMLNode) -> String? {
        guard let text = text(node, as: "a key path") else { return nil }
        do throws(Failure) {
            return try FieldPath(text).description
        } catch {
            note(node, message: "'\(text.prefix(80))' is no key path: \(error.reason); \(error.remedy)")
            return nil
        }
    }

    private mutating func imageList(_ node: YAMLNode) -> Spec.Step? {
        var patterns: [String] = []
        for item in oneOrMore(node, as: "the patterns of imageList") {
            guard let written = text(item, as: "a pattern of image names"),
                let pattern = released(written, node: item)
            else { continue }
            let isKnown = !ImagePattern.select(context.images + gaps.images, matching: [pattern]).isEmpty
            if context.hasMoreImages || isKnown {
                patterns.append(pattern)
            } else if !gaps.lacksImages {
                let names = context.images.flatMap { [$0.repository, $0.domain + "/" + $0.repository] }
                let prefixes = names.map {
                    pattern.hasSuffix("/*")
                        ? $0.split(separator: "/").dropLast().joined(separator: "/") + "/*" : $0
                }
                let meant =
                    Suggestion.nearest(to: pattern, among: prefixes).map { "; did you mean '\($0)'?" } ?? ""
                note(item, message: "the pattern '\(pattern)' means none of 'images'\(meant)")
            }
        }
        let listed = ImagePattern.select(context.images, matching: patterns)
        for image in listed where image.tag == nil {
            note(
                node,
                message:
                    "\(image.familiar) has no tag, and an imageList names images by their tags; add one before the '@'"
            )
        }
        collisions(listed, node: node)
        return patterns.isEmpty ? nil : .imageList(patterns: patterns)
    }

    /// Two images that lose their difference with their domain.
    private mutating func collisions(_ images: [Reference], node: YAMLNode) {
        var first: [String: Reference] = [:]
        for image in images {
            let name = "\(image.repository):\(image.tag ?? "latest")"
            if let before = first[name] {
                note(
                    node,
                    message:
                        "\(before) and \(image) are both \(name) in the cluster's registry, which drops the domain; carry one of them"
                )
            }
            first[name] = image
        }
    }

    /// What was probably meant, or what there is.
    private func known(_ word: String, candidates: some Sequence<String>) -> String {
        let all = candidates.sorted()
        if let meant = Suggestion.nearest(to: word, among: all) { return "did you mean '\(meant)'?" }
        return all.isEmpty ? "none is defined" : "there are \(all.prefix(12).joined(separator: ", "))"
    }
}
