// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// Zarf's packages. Source: `zarf.schema.json` of zarf 0.4x, kind ZarfPackageConfig.
extension ForeignReader {
    func zarf(_ documents: [YAMLDocument]) -> ForeignList {
        var list = ForeignList(.zarf, path: source.path)
        for root in documents.map(\.root) {
            if let node = root["metadata"]?["architecture"], let text = node.text, text != "multi" {
                platform("linux/\(text)", at: node, into: &list)
            }
            for component in items(root["components"], into: &list) {
                zarf(component: component, into: &list)
            }
        }
        return list
    }

    /// The keys of a component that are read, and those that say nothing of its content.
    private static let keys: Set<String> = [
        "images", "charts", "files", "repos", "imageArchives", "manifests", "only", "import", "actions",
        "dataInjections", "name", "description", "default", "required", "group", "healthChecks",
        "cosignKeyPath", "deprecatedCosignKeyPath",
    ]

    private func zarf(component: YAMLNode, into list: inout ForeignList) {
        let name = component["name"]?.text ?? ""
        for item in items(component["images"], into: &list) {
            image(item.entries == nil ? item : item["name"], into: &list)
        }
        for item in items(component["charts"], into: &list) { zarf(chart: item, into: &list) }
        for item in items(component["files"], into: &list) {
            file(
                item["source"]?.text ?? "", name: nil, sha256: item["shasum"]?.text, at: item, into: &list)
        }
        for item in items(component["repos"], into: &list) {
            omit(
                item, text: "repository \(item.text ?? "")", reason: "a spec carries no git repositories",
                into: &list)
        }
        for item in items(component["imageArchives"], into: &list) {
            omit(
                item, text: item["path"]?.text ?? "archive",
                reason: "add its images by hand, with 'from: docker-archive:…'", into: &list)
        }
        for item in items(component["manifests"], into: &list) {
            omit(
                item, text: "manifests \(item["name"]?.text ?? "")",
                reason: "import these files by themselves; their images may be in 'images' already",
                into: &list)
        }
        if let only = component["only"] {
            if let node = only["cluster"]?["architecture"], let text = node.text {
                platform("linux/\(text)", at: node, into: &list)
            }
            if only["localOS"] != nil {
                omit(
                    only, text: "only of \(name)", reason: "a spec has no components to choose from",
                    into: &list)
            }
        }
        omit(
            component["import"], text: "component \(name)",
            reason: "it is imported from another package: import that file",
            into: &list)
        omitOthers(of: component, than: Self.keys, in: name, into: &list)
        omit(component["actions"], text: "actions of \(name)", reason: "a spec runs no commands", into: &list)
        omit(
            component["dataInjections"], text: "data injections of \(name)",
            reason: "a spec copies nothing into pods",
            into: &list)
    }

    private func zarf(chart item: YAMLNode, into list: inout ForeignList) {
        let name = item["name"]?.text ?? ""
        let url = item["url"]?.text
        let values = items(item["valuesFiles"], into: &list).compactMap(\.text)
        if item["variables"] != nil || item["values"] != nil {
            omit(
                item["variables"] ?? item["values"], text: "values of \(name) that Zarf sets when it deploys",
                reason: "write those that decide on images as 'values' of the chart", into: &list)
        }
        if let local = item["localPath"]?.text {
            return chart(of: local, valuesFiles: values, at: item, into: &list)
        }
        if let url, url.hasSuffix(".git") || url.contains(".git@") || item["gitPath"] != nil {
            return omit(
                item, text: "chart \(name) of \(url)", reason: "a spec carries no git repositories",
                into: &list)
        }
        // Here the URL of an OCI chart has its name already.
        let inRepository =
            item["repoName"]?.text
            ?? (url?.hasPrefix("oci://") == true ? url?.split(separator: "/").last.map(String.init) : nil)
        chart(
            inRepository ?? name, repo: url, version: item["version"]?.text, valuesFiles: values, at: item,
            into: &list)
    }
}
