// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// Hauler's manifests. Source: the API types of hauler 1.x (`pkg/apis/hauler.cattle.io`): Images, Charts, Files, ImageTxts
/// and ThickCharts.
extension ForeignReader {
    func hauler(_ documents: [YAMLDocument]) -> ForeignList {
        var list = ForeignList(.hauler, path: source.path)
        for document in documents {
            let spec = document.root["spec"]
            let annotations = document.root["metadata"]?["annotations"]
            switch document.kind {
            case "Images":
                if let node = annotations?["hauler.dev/platform"], let text = node.text {
                    platform(text, at: node, into: &list)
                }
                let registry = annotations?["hauler.dev/registry"]?.text
                omit(annotations?["hauler.dev/key"], text: "hauler.dev/key", reason: Self.keys, into: &list)
                for item in items(spec?["images"], into: &list) {
                    haul(item, registry: registry, into: &list)
                }
            case "Charts":
                for item in items(spec?["charts"], into: &list) { haul(chart: item, into: &list) }
            case "ThickCharts":
                for item in items(spec?["charts"], into: &list) {
                    haul(chart: item["chart"] ?? item, into: &list)
                    for more in items(item["extraImages"], into: &list) {
                        image(more.entries == nil ? more : more["reference"] ?? more["name"], into: &list)
                    }
                }
            case "ImageTxts":
                for item in items(spec?["imageTxts"], into: &list) {
                    file(
                        item["ref"]?.text ?? "", name: nil, sha256: nil, namesImages: true, at: item,
                        into: &list)
                    omit(
                        item["sources"], text: "sources of \(item["ref"]?.text ?? "")",
                        reason: "imagesFrom takes all images of the list", into: &list)
                }
            case "Files":
                for item in items(spec?["files"], into: &list) {
                    file(
                        item["path"]?.text ?? "", name: item["name"]?.text, sha256: nil, at: item, into: &list
                    )
                }
            case let kind?:
                list.omit(
                    "kind \(kind)", at: place(document.root),
                    reason: "it names no content that a spec can carry")
            case nil:
                if document.root.entries?.isEmpty == false {
                    list.omit("a document", at: place(document.root), reason: "it has no kind")
                }
            }
        }
        return list
    }

    /// Source: hauler's `chart add`: without a repository, the name is the path of an archive or a folder.
    private func haul(chart item: YAMLNode, into list: inout ForeignList) {
        let (name, repo) = (item["name"]?.text ?? "", item["repoURL"]?.text ?? "")
        if repo.isEmpty || repo == ".", !name.isEmpty {
            return chart(of: name, at: item, into: &list)
        }
        if !repo.contains("://") {
            return chart(of: "\(repo)/\(name)", at: item, into: &list)
        }
        chart(name, repo: repo, version: item["version"]?.text, at: item, into: &list)
    }

    private static let keys = "a spec has no keys of images; `attached: [signatures]` carries the signatures"

    private func haul(_ item: YAMLNode, registry: String?, into list: inout ForeignList) {
        let name = item.entries == nil ? item : item["name"]
        image(name, registry: registry, into: &list)
        if let node = item["platform"], let text = node.text { platform(text, at: node, into: &list) }
        omit(item["key"], text: "key of \(name?.text ?? "")", reason: Self.keys, into: &list)
    }
}
