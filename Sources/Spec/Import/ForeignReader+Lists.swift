// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import YAML

/// imgpkg's lock of images, and oc-mirror's image sets.
extension ForeignReader {
    /// Source: imgpkg `pkg/imgpkg/lockconfig`. kbld notes the name that each image had before it was pinned.
    func imgpkg(_ documents: [YAMLDocument]) -> ForeignList {
        var list = ForeignList(.imgpkg, path: source.path)
        for item in documents.flatMap({ items($0.root["images"], into: &list) }) {
            let before = list.images.count
            if let name = item["annotations"]?["kbld.carvel.dev/id"]?.text, let pinned = item["image"]?.text,
                let named = try? Reference(name), let exact = try? Reference(pinned), named.digest == nil,
                (named.domain, named.repository) == (exact.domain, exact.repository),
                let digest = exact.digest
            {
                let both = Reference(
                    domain: named.domain, repository: named.repository, tag: named.tag, digest: digest)
                list.add(both)
                if let node = item["image"] { list.places.append((both, node.range)) }
            } else {
                image(item["image"], into: &list)
            }
            if list.images.count == before, item["image"] == nil {
                omit(item, text: "an entry", reason: "it names no image", into: &list)
            }
        }
        for document in documents {
            omit(
                document.root["overrides"], text: "overrides", reason: "a lock of kbld's own, not of imgpkg",
                into: &list)
        }
        return list
    }

    /// Source: oc-mirror `v1alpha2` and `v2alpha1`, kind ImageSetConfiguration.
    func ocMirror(_ documents: [YAMLDocument]) -> ForeignList {
        var list = ForeignList(.ocMirror, path: source.path)
        for root in documents.map(\.root) {
            let mirror = root["mirror"]
            for item in items(mirror?["additionalImages"], into: &list) { image(item["name"], into: &list) }
            for repository in items(mirror?["helm"]?["repositories"], into: &list) {
                for item in items(repository["charts"], into: &list) {
                    chart(
                        item["name"]?.text ?? "", repo: repository["url"]?.text,
                        version: item["version"]?.text,
                        at: item, into: &list)
                }
            }
            for item in items(mirror?["helm"]?["local"], into: &list) {
                chart(
                    of: item["path"]?.text ?? item["name"]?.text ?? "", at: item, into: &list)
            }
            for item in items(mirror?["blockedImages"], into: &list) {
                let text = item["name"]?.text ?? item.text ?? ""
                if let blocked = try? Reference(text), list.images.contains(blocked) {
                    list.remove(blocked)
                } else {
                    omit(
                        item, text: "blocked image \(text)",
                        reason: "it is none of additionalImages; a pattern is not applied", into: &list)
                }
            }
            let unknown = "only oc-mirror resolves it to images: run its dry run and import mapping.txt"
            omit(mirror?["platform"], text: "platform", reason: unknown, into: &list)
            for item in items(mirror?["operators"], into: &list) {
                omit(item, text: "operators of \(item["catalog"]?.text ?? "")", reason: unknown, into: &list)
            }
            if let size = root["archiveSize"]?.text {
                list.notes.append("archiveSize \(size): sealift collect --volume-size \(size)GiB")
            }
            omit(
                root["storageConfig"], text: "storageConfig",
                reason: "collect --since names what was carried before",
                into: &list)
        }
        return list
    }
}
