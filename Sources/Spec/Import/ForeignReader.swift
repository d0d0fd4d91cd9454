// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import YAML

/// Reads the lists of other tools, each by its own keys. What is not understood becomes an omission with its place.
struct ForeignReader {
    let source: SourceText

    init(_ source: SourceText) { self.source = source }

    func place(_ node: YAMLNode) -> SourcePosition { source.position(of: node.range.lowerBound) }

    /// Takes in the image that `node` names.
    func image(_ node: YAMLNode?, registry: String? = nil, into list: inout ForeignList) {
        guard let node, let text = node.text, !text.isEmpty else { return }
        let isShort =
            !(text.split(separator: "/").first.map { $0.contains(".") || $0.contains(":") } ?? false)
        let full = if let registry, isShort { "\(registry)/\(text)" } else { text }
        do throws(Failure) {
            let reference = try Reference(full)
            list.add(reference)
            list.places.append((reference, node.range))
        } catch {
            let isTemplate = text.contains("###") || text.contains("{{") || text.contains("$")
            list.omit(
                text, at: place(node),
                reason: isTemplate ? "it is a variable; write the image itself" : error.reason)
        }
    }

    /// Takes in a chart, if a spec can name it.
    func chart(
        _ name: String, repo: String?, version: String?, valuesFiles: [String] = [], at node: YAMLNode,
        into list: inout ForeignList
    ) {
        guard let version, !version.isEmpty else {
            return list.omit(
                "chart \(name)", at: place(node),
                reason: "it has no version, and a spec carries one exact version")
        }
        var chart =
            if let repo, repo.hasPrefix("oci://") {
                ForeignList.Chart(
                    chart: repo.hasSuffix("/\(name)") ? repo : "\(repo.droppingSlash)/\(name)",
                    version: version)
            } else {
                ForeignList.Chart(chart: name, repo: repo, version: version)
            }
        chart.valuesFiles = valuesFiles
        add(chart, called: "\(name) \(version)", at: node, into: &list)
    }

    /// Takes in a chart of this host, its path relative to the list.
    func chart(
        of path: String, valuesFiles: [String] = [], at node: YAMLNode, into list: inout ForeignList
    ) {
        let isBare = !["./", "../", "/"].contains(where: path.hasPrefix)
        let chart = ForeignList.Chart(chart: isBare ? "./" + path : path, valuesFiles: valuesFiles)
        add(chart, called: path, at: node, into: &list)
        list.notePaths()
    }

    private func add(
        _ chart: ForeignList.Chart, called name: String, at node: YAMLNode, into list: inout ForeignList
    ) {
        if let fault = SpecText.fault(of: chart) {
            list.omit("chart \(name)", at: place(node), reason: fault)
        } else {
            list.charts.append(chart)
            if !chart.valuesFiles.isEmpty { list.notePaths() }
        }
    }

    /// Takes in a file of the web, or of this host, its path relative to the list.
    func file(
        _ url: String, name: String?, sha256: String?, namesImages: Bool = false, at node: YAMLNode,
        into list: inout ForeignList
    ) {
        let isOfWeb = url.hasPrefix("http://") || url.hasPrefix("https://")
        guard !url.isEmpty, isOfWeb || !url.contains("://") else {
            return list.omit(
                "file '\(url)'", at: place(node),
                reason: "a spec takes files from http://, https:// and this host")
        }
        let last = url.prefix { $0 != "?" && $0 != "#" }.split(separator: "/").last.map(String.init) ?? "file"
        var stem = String(
            (name ?? last).map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
        )
        while let first = stem.first, !(first.isLetter || first.isNumber) { stem.removeFirst() }
        if stem.isEmpty { stem = "file" }
        var (unique, number) = (stem, 2)
        while list.files.contains(where: { $0.name == unique }) {
            unique = "\(stem)-\(number)"
            number += 1
        }
        let file = ForeignList.NamedFile(
            name: unique, key: isOfWeb ? "url" : "path", place: url, sha256: sha256, namesImages: namesImages)
        if let fault = SpecText.fault(of: file) {
            list.omit(url, at: place(node), reason: fault)
        } else {
            list.files.append(file)
            if !isOfWeb { list.notePaths() }
        }
    }

    /// Records each key of a mapping that is not one of `known` as left out.
    func omitOthers(
        of node: YAMLNode, than known: Set<String>, in what: String, into list: inout ForeignList
    ) {
        for entry in node.entries ?? [] {
            guard let key = entry.key.text, !known.contains(key) else { continue }
            list.omit("\(key) of \(what)", at: place(entry.key), reason: "a spec has nothing of this kind")
        }
    }

    /// Records what is below `node` as left out.
    func omit(_ node: YAMLNode?, text: String, reason: String, into list: inout ForeignList) {
        if let node { list.omit(text, at: place(node), reason: reason) }
    }

    /// The items of a list, none for anything else. Aliases can name a list any number of times: beyond
    /// ``ForeignList/mostItems`` in all, a list is left out.
    func items(_ node: YAMLNode?, into list: inout ForeignList) -> [YAMLNode] {
        guard let node, let items = node.items else { return [] }
        guard list.items <= ForeignList.mostItems - items.count else {
            list.omit(
                "a list", at: place(node), reason: "there are more than \(ForeignList.mostItems) entries")
            return []
        }
        list.items += items.count
        return items
    }

    func platform(_ text: String, at node: YAMLNode, into list: inout ForeignList) {
        if text == "all" { return }
        do throws(Failure) { list.add(try Platform(text)) } catch {
            list.omit(text, at: place(node), reason: error.reason)
        }
    }
}

extension String {
    fileprivate var droppingSlash: Substring { hasSuffix("/") ? dropLast() : self[...] }
}
