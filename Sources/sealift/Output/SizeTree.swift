// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI

extension BundleSizes.Artifact {
    /// The artifact and its size; of an image each platform below it, and below that, if wanted, each layer.
    func tree(withLayers: Bool) -> Tree {
        let isImage = kind != .file
        let title = isImage ? (try? Reference(name).familiar) ?? name : name
        let sharing = shared > 0 ? ", \(shared.asBytes) of it shared" : ""
        let source = url.map { "  \($0)" } ?? ""
        return Tree(
            "\(title)  \(size.asBytes)\(sharing)  \(digest.short)\(source)",
            children: platforms.map { instance in
                Tree(
                    "\(instance.platform)  \(instance.layers.count) layers, \(instance.size.asBytes)",
                    children: withLayers ? instance.layers.map { Tree($0.summary) } : [])
            } + others.map { Tree("\($0.type)  \($0.size.asBytes)  \($0.digest.short)") })
    }
}

extension BundleSizes.Blob {
    fileprivate var summary: String {
        var notes: [String] = []
        if owners > 1 { notes.append("in \(owners) artifacts") }
        if !carried { notes.append("left out") }
        return "\(digest)  \(size.asBytes)" + (notes.isEmpty ? "" : "  (\(notes.joined(separator: ", ")))")
    }
}

extension BundleSizes {
    /// The bytes by platform, and what sharing saves.
    var tree: Tree {
        var lines = platforms.map { Tree("\($0.platform)  \($0.size.asBytes)") }
        if shared > 0 {
            lines.append(
                Tree(
                    "shared  \(shared.asBytes) are in several artifacts and carried once, which saves \(saved.asBytes)"
                ))
        }
        return Tree("sizes", children: lines)
    }
}
