// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

extension StoreWriter {
    /// Makes a layer of the tree below `root`: its files, its tar-split and its id in one pass over the contents. The
    /// store does not show it before ``register(_:with:created:)``.
    /// - Parameter isWholeContext: the layer is all that COPY took, so its id is sealer's digest of the sources too.
    /// - Returns: the layer; `nil` where there are no files, which makes none.
    package func stageLayer(_ root: FileNode, isWholeContext: Bool = false) throws(Failure) -> StagedLayer? {
        if root.children.isEmpty { return nil }
        return try stageLayer(
            cacheID: { isWholeContext ? $0 : nil },
            make: { (layer: StagedLayer) throws(Failure) in
                try Layer.measure(root, tarSplit: layer.tarSplit, writingInto: layer.files)
            })
    }
}

extension Store {
    /// The tree of a layer that the store has, as its tar was when it was made or pulled: its tar-split keeps every
    /// header, whatever the file system or sealer's own pull has lost since. Where there is no tar-split, the tree of
    /// the layer's files. Contents are read from there when they are asked for.
    /// - Throws: a ``Failure`` of kind `input` where the store has no such layer, `data` where it is damaged.
    package func tree(ofLayer id: Digest) throws(Failure) -> FileNode {
        guard hasLayer(id) else {
            throw Failure(
                .input, "use", "the layer \(id)", because: "the store has no such layer",
                remedy: "import all layers of the base first")
        }
        let folder = layerFolder(id)
        let split = "\(layerDatabase(id))/tar-data.json.gz"
        guard access(split, F_OK) == 0 else { return try FileNode.scanned(folder) }
        let files = StoredFiles(below: try Folder.open(folder))
        var tar = TarReader(
            try TarSplitStream(split, over: folder, withContents: false), artifact: "of the layer \(id)")
        return try TarTreeBuilder.tree(of: &tar, artifact: "the layer \(id)") { _, _, path in
            .stored(files, files.add(path))
        }
    }

    /// The tar of a layer that the store has: what its tar-split and its files make, or its files alone where it has no
    /// tar-split. Its reader verifies it against the layer's id.
    func tar(ofLayer id: Digest) throws(Failure) -> any ByteStream {
        let split = "\(layerDatabase(id))/tar-data.json.gz"
        guard access(split, F_OK) == 0 else { return try Layer.tar(of: layerFolder(id)) }
        return try TarSplitStream(split, over: layerFolder(id))
    }
}
