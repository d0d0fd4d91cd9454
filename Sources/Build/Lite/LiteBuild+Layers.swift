// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer
internal import Spec

/// The trees that instructions make.
extension LiteBuild {
    /// What a COPY makes.
    func copied(_ instruction: Kubefile.Instruction, owner: FileOwner) throws(Failure) -> FileNode {
        let plan = try CopySources(
            instruction, architecture: platform.architecture, artifact: "the Kubefile of \(name)")
        let root = FileNode.root()
        var copier = TreeCopier(into: root, owner: owner, time: time) { $0.last != AuthImageList.name }
        for source in plan.sources {
            for path in try CopySources.resolve(source, in: context) {
                try copier.copy(path, of: context, to: plan.destination)
            }
        }
        return root
    }

    /// Refuses a COPY without its sources, and images that are not at hand, before anything is built.
    func prove() throws(Failure) {
        var trees: [FileNode] = []
        for instruction in kubefile.instructions where instruction.keyword == .copy {
            trees.append(try copied(instruction, owner: FileOwner()))
        }
        let mentions = try BuildImageScan(layers: trees).mentions
        _ = try RegistryTree(
            resolve(mentions, problems: BuildProblems(gathering: false), at: .build(0)).found)
    }

    /// Whether a COPY takes all of the context to the root: then the layer's id is what sealer calls the digest of the
    /// sources. sealer never reads it, so no other COPY has one.
    func isWholeContext(_ instruction: Kubefile.Instruction) -> Bool {
        let plan = try? CopySources(instruction, architecture: platform.architecture, artifact: "")
        return plan.map { $0.destination.isEmpty && $0.sources.map(CopySources.clean) == [[]] } ?? false
    }

    /// A layer that carries the images below `registry/` of a layer of another image; `nil` where it has none.
    func carry(
        _ layer: SealerImage.Layer, by maker: any LayerMaker
    ) throws(Failure) -> SealerImage.Layer? {
        guard let id = layer.id else { return nil }
        let tree = try maker.tree(ofLayer: id)
        let name = Array("registry".utf8)
        if tree.names == [name] { return layer }
        guard let registry = tree.children[name], registry.isFolder else { return nil }
        let root = FileNode.root()
        root.put(registry, as: name)
        let cache = SealerImage.cacheLayer
        return try maker.makeLayer(of: root, isWholeContext: false).map {
            .init(id: $0, type: cache.type, value: cache.value)
        }
    }
}
