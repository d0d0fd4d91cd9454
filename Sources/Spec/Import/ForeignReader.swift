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
        _ name: String, repo: String?, version: String?, at node: YAMLNode, into list: inout ForeignList
    ) {
        guard let version, !version.isEmpty else {
            return list.omit(
                "chart \(name)", at: place(node),
                reason: "it has no version, and a spec carries one exact version")
        }
        let chart =
            if let repo, repo.hasPrefix("oci://") {
                ForeignList.Chart(
                    chart: repo.hasSuffix("/\(name)") ? repo : "\(repo.droppingSlash)/\(name)", repo: nil,
                    version: version)
            } else {
                ForeignList.Chart(chart: name, repo: repo, version: version)
            }
        if let fault = SpecText.fault(of: chart) {
            list.omit("chart \(name) \(version)", at: place(node), reason: fault)
        } else {
            list.charts.append(chart)
        }
    }

    /// Takes in a file of the web.
    func file(_ url: String, name: String?, sha256: String?, at node: YAMLNode, into list: inout ForeignList)
    {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            return list.omit(
                url, at: place(node), reason: "a file of this host; a spec carries files from the web")
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
        let file = ForeignList.WebFile(name: unique, url: url, sha256: sha256)
        if let fault = SpecText.fault(of: file) {
            list.omit(url, at: place(node), reason: fault)
        } else {
            list.files.append(file)
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
