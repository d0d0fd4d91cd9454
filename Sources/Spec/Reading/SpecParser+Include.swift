// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import YAML

/// A file of a spec: the spec itself, or one that it includes.
struct SpecPart {
    let source: SourceText
    /// Where its relative paths begin, seen from the spec's folder: empty, or a path that ends in a slash.
    let folder: String
    /// The sections, by their keys.
    let fields: [String: YAMLNode]
    /// The parts that it includes, and those that they include, by their numbers.
    let included: Set<Int>
}

/// A value and the part that it is written in.
struct PlacedNode {
    let part: Int
    let key: YAMLNode
    let value: YAMLNode
}

/// `include`, and what counts where several files say the same.
extension SpecParser {
    /// How deep files may include one another.
    private static let deepestInclude = 8
    /// How many files a spec may have.
    private static let mostParts = 64
    private static let keys = [
        "version", "name", "include", "release", "platforms", "base", "files", "images", "imagesFrom",
        "charts",
        "attached", "registries", "registry", "notImages", "builds",
    ]

    /// The files that are being read, from the spec down to the innermost, by their real paths, and those that were.
    private struct Inclusion {
        var open: [String] = []
        var known: [String: Int] = [:]
    }

    /// Reads the spec's sections and those of all files that it includes, each file once and after what it includes.
    mutating func gather(_ root: YAMLNode) {
        var inclusion = Inclusion(open: [Self.realPath(source.path)])
        gather(root, folder: "", inclusion: &inclusion)
        if parts.isEmpty { return }
        enter(parts.count - 1)
        if !parts.contains(where: { $0.fields["platforms"] != nil }), parts.last?.fields.isEmpty == false {
            note(root, message: "the spec has no 'platforms'")
        }
    }

    // The depth is at most `deepestInclude`.
    private mutating func gather(_ root: YAMLNode, folder: String, inclusion: inout Inclusion) {
        let own = source
        let isSpec = inclusion.open.count == 1
        let required = isSpec ? ["version", "name"] : ["version"]
        guard let fields = mapping(root, as: "the spec", keys: Self.keys, required: required) else { return }
        if let version = fields["version"], version.text != "1" || version.scalarType != .int {
            note(version, message: "expected version 1, the only one there is; found \(shown(version))")
        }
        var included: Set<Int> = []
        for item in oneOrMore(fields["include"], as: "include") {
            if let part = include(item, from: folder, inclusion: &inclusion) {
                included.formUnion(parts[part].included.union([part]))
            } else {
                lacksPart = true
            }
            source = own
        }
        parts.append(SpecPart(source: own, folder: folder, fields: fields, included: included))
    }

    /// Reads an included file; gives its number, where it is one.
    private mutating func include(_ item: YAMLNode, from folder: String, inclusion: inout Inclusion) -> Int? {
        guard let path = text(item, as: "the path of a spec") else { return nil }
        let place = path.hasPrefix("/") ? path : source.folder + path
        let real = Self.realPath(place)
        if let at = inclusion.open.firstIndex(of: real) {
            let names = (inclusion.open[at...] + [real]).map {
                $0.split(separator: "/").last.map(String.init) ?? $0
            }
            note(item, message: "'\(path)' would include itself: \(names.joined(separator: " → "))")
            return nil
        }
        if let known = inclusion.known[real] { return known }
        guard inclusion.open.count <= Self.deepestInclude, parts.count < Self.mostParts else {
            note(
                item,
                message:
                    "a spec may include files \(Self.deepestInclude) deep, and have \(Self.mostParts) in all")
            return nil
        }
        let (count, inner): (Int, SourceText)
        do throws(Failure) {
            (count, inner) = (
                parts.count,
                SourceText(
                    try File.open(place).text(limit: SpecReader.largestSpec, kind: .configuration),
                    path: place)
            )
        } catch {
            note(item, message: "the included spec \(path) cannot be read: \(error.reason)")
            return nil
        }
        do throws(Failure) {
            let documents = try YAMLDocuments.all(inner)
            guard let root = documents.first?.root, documents.count == 1 else {
                note(
                    item, message: "the included spec \(path) has \(documents.count) documents; a spec is one"
                )
                return nil
            }
            source = inner
            inclusion.open.append(real)
            gather(root, folder: Self.folder(of: path, below: folder), inclusion: &inclusion)
            inclusion.open.removeLast()
        } catch {
            gaps.problems.append(SpecDiagnostic(failure: error, source: inner))
            return nil
        }
        // Where it is no mapping, there is no part of it.
        guard parts.count > count else { return nil }
        inclusion.known[real] = parts.count - 1
        return parts.count - 1
    }

    private static func folder(of path: String, below folder: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return folder }
        return (path.hasPrefix("/") ? "" : folder) + path[...slash]
    }

    /// The path without links, where there is such a file.
    private static func realPath(_ path: String) -> String {
        guard let found = realpath(path, nil) else { return path }
        defer { free(found) }
        return String(cString: found)
    }

    // MARK: what counts

    /// Reads on in a part: places and relative paths are those of its file.
    mutating func enter(_ part: Int) {
        current = part
        source = parts[part].source
        folder = parts[part].folder
    }

    /// Whether what the current part says counts more than what `part` says: it includes that.
    func counts(over part: Int) -> Bool { parts[current].included.contains(part) }

    /// A section that only one file decides, the spec before what it includes; its part is entered.
    mutating func only(_ key: String) -> YAMLNode? {
        let found = parts.indices.compactMap { part in
            parts[part].fields[key].map { PlacedNode(part: part, key: $0, value: $0) }
        }
        guard let chosen = chosen(of: found, as: "'\(key)'") else { return nil }
        enter(chosen.part)
        return chosen.value
    }

    /// Every part that has the section, in order; each is entered before it is given.
    mutating func forEach(_ key: String, _ body: (inout SpecParser, YAMLNode) -> Void) {
        for part in parts.indices {
            guard let node = parts[part].fields[key] else { continue }
            enter(part)
            body(&self, node)
        }
    }

    /// The entries of a section whose keys are names, each from the file that decides it.
    mutating func entries(of key: String) -> [PlacedNode] {
        var (order, found): ([String], [String: [PlacedNode]]) = ([], [:])
        forEach(key) { reading, node in
            for (name, value) in reading.named(node, as: key) {
                let text = name.text ?? ""
                if found[text] == nil { order.append(text) }
                found[text, default: []].append(PlacedNode(part: reading.current, key: name, value: value))
            }
        }
        return order.compactMap { chosen(of: found[$0] ?? [], as: "'\($0)' of \(key)") }
    }

    /// The last of what several files say of one thing, if it counts more than the others, or says the same.
    private mutating func chosen(of all: [PlacedNode], as what: String) -> PlacedNode? {
        let open = all.filter { one in !all.contains { parts[$0.part].included.contains(one.part) } }
        guard let last = open.last else { return nil }
        for other in open.dropLast() where text(of: other) != text(of: last) {
            enter(last.part)
            conflict(what, at: last.key, with: place(of: other))
        }
        return last
    }

    /// Notes that two files say different things of one, and neither includes the other.
    mutating func conflict(_ what: String, at node: YAMLNode, with other: FilePlace) {
        note(
            node,
            message:
                "\(what) is in \(other) already, and neither file includes the other; say it in the one that includes both"
        )
    }

    func place(of node: PlacedNode) -> FilePlace {
        let source = parts[node.part].source
        return FilePlace(path: source.path, position: source.position(of: node.key.range.lowerBound))
    }

    func text(of node: PlacedNode) -> ArraySlice<UInt8> {
        parts[node.part].source.bytes[node.value.range]
    }

    /// A path of this host, as it is seen from the spec's folder.
    func fromSpec(_ path: String) -> String { path.hasPrefix("/") ? path : folder + path }
}
