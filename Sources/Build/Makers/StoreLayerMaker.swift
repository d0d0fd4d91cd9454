// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI
package import Sealer

/// Writes layers into the staging folder of a store; `register(_:)` puts them into the store.
package final class StoreLayerMaker: LayerMaker {
    /// What writes the store.
    package let writer: StoreWriter
    /// As root 0:0; else the user, who may not give files away.
    package let owner = FileOwner(uid: geteuid(), gid: getegid())
    package let givesIDs = true
    private(set) var staged: [StagedLayer] = []
    private var trees: [Digest: FileNode] = [:]
    private var made: [String: (content: FileContent, size: Int64)] = [:]
    private var folders: [String] = []

    /// A maker of layers for the store of `writer`.
    package init(_ writer: StoreWriter) { self.writer = writer }

    package func image(named reference: Reference, for platform: Platform) throws(Failure) -> SealerImage? {
        try writer.store.image(named: reference, for: platform)
    }

    package func tree(ofLayer id: Digest) throws(Failure) -> FileNode {
        if let known = trees[id] { return known }
        let tree = try writer.store.tree(ofLayer: id)
        trees[id] = tree
        return tree
    }

    package func makeLayer(of root: FileNode, isWholeContext: Bool) throws(Failure) -> Digest? {
        guard let layer = try writer.stageLayer(root, isWholeContext: isWholeContext) else { return nil }
        staged.append(layer)
        trees[layer.id] = root
        return layer.id
    }

    package func makeLayer(
        running command: RunCommand, over lower: [Digest], note: (String) -> Void
    ) throws(Failure) -> Digest? {
        let folders = lower.map { id in
            staged.first { $0.id == id }?.files ?? writer.store.layerFolder(id)
        }
        let run = RunLayer(
            lower: folders, command: command.command, time: command.time,
            isolation: Namespaces(
                operation: "run \(command.instruction.value) for", artifact: command.image.description),
            hidden: [writer.store.path])
        let scratch = try folder()
        let layer = try writer.stageLayer { (files) throws(Failure) in
            try run.run(into: files, scratch: scratch)
        }
        guard let layer else { return nil }
        staged.append(layer)
        trees[layer.id] = try FileNode.scanned(layer.files)
        return layer.id
    }

    package func makeFile(
        _ key: String, from blobs: [Descriptor], write: (File) throws(Failure) -> Void
    ) throws(Failure) -> (content: FileContent, size: Int64) {
        if let known = made[key] { return known }
        let file = try File.create("\(folder())/\(made.count)", exclusive: true)
        try write(file)
        made[key] = (.made(file), try file.size())
        return made[key]!
    }

    private func folder() throws(Failure) -> String {
        let folder = try writer.stagingFolder()
        folders.append(folder)
        return folder
    }

    /// Puts the layers that were made into the store and lists `image`, as ``StoreWriter/register(_:with:created:)``.
    package func register(
        _ image: SealerImage
    ) throws(Failure) -> (image: SealerImage, entry: StoredImage) {
        let registered = try writer.register(image, with: staged)
        // From now on contents are read where the store has them.
        for layer in staged { trees[layer.id] = nil }
        staged = []
        try discard()
        return registered
    }

    /// Removes what was made and not registered.
    package func discard() throws(Failure) {
        for layer in staged { try writer.discard(layer.folder) }
        for folder in folders { try writer.discard(folder) }
        (staged, folders, made) = ([], [], [:])
    }
}
