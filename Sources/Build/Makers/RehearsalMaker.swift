// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI
package import Sealer

/// Derives layers without a store, as any user, for any platform.
///
/// It first proves: trees are made and walked, and layers get placeholder ids, so that contents that have not been
/// fetched need not be there. After ``derive()`` contents are read, and ids are those that an apply gives.
package final class RehearsalMaker: LayerMaker {
    package let owner = FileOwner()
    private let base: [Digest: UnpackedLayers.Layer]
    private let layers: UnpackedLayers
    private let content: any ContentSource
    private let scratch: String
    private var derives = false
    /// Whether RUN is executed before ids are derived, where the contents of all layers below it are at hand.
    package var executesWhileProving = false
    package var givesIDs: Bool { derives }
    private var images: [Reference: SealerImage] = [:]
    private var trees: [Digest: FileNode] = [:]
    private var made: [String: (content: FileContent, size: Int64)] = [:]
    private var proved: [FileNode] = []
    private var measures = LayerMeasures()
    private var count = 0
    /// Images whose layers are not known, because a RUN made one of them.
    package private(set) var withRun: Set<Reference> = []
    private var hasRun = false
    private let runner: RunRehearsal?

    /// - Parameters:
    ///   - base: the layers of the base.
    ///   - layers: unpacks them.
    ///   - content: what has been fetched.
    ///   - scratch: an existing folder for files that have no name any more once they are made.
    ///   - runner: executes RUN when ids are derived; `nil` leaves images with a RUN without ids.
    package init(
        base: [UnpackedLayers.Layer], in layers: UnpackedLayers, content: any ContentSource, scratch: String,
        runner: RunRehearsal? = nil
    ) {
        self.runner = runner
        self.layers = layers
        self.base = Dictionary(base.map { ($0.id, $0) }) { first, _ in first }
        self.content = content
        self.scratch = scratch
    }

    /// From now on contents are read and ids are true.
    package func derive() {
        derives = true
        (trees, images, withRun) = ([:], [:], [])
        measures.take(proved)
        proved = []
    }

    /// Begins the next build.
    package func begin() { hasRun = false }

    /// Lists an image that a later FROM may name.
    package func list(_ image: SealerImage, as name: Reference) {
        images[name] = image
        if hasRun { withRun.insert(name) }
    }

    package func image(named reference: Reference, for platform: Platform) throws(Failure) -> SealerImage? {
        if withRun.contains(reference) { hasRun = true }
        return images[reference]
    }

    package func tree(ofLayer id: Digest) throws(Failure) -> FileNode {
        if let known = trees[id] { return known }
        guard let layer = base[id] else {
            throw Failure(.input, "read the layer", "\(id)", because: "it is not at hand")
        }
        return try layers.tree(of: layer)
    }

    package func makeLayer(of root: FileNode, isWholeContext: Bool) throws(Failure) -> Digest? {
        if root.children.isEmpty { return nil }
        let id: Digest
        if derives, !hasRun {
            id = try measures.measure(root).id
        } else {
            try Layer.prove(root)
            if !hasRun { proved.append(root) }
            count += 1
            id = Digest(of: Array("placeholder \(count)".utf8))
        }
        trees[id] = root
        return id
    }

    package func makeLayer(
        running command: RunCommand, over lower: [Digest], note: (String) -> Void
    ) throws(Failure) -> Digest? {
        if derives || executesWhileProving, !hasRun, let runner {
            let lacking = derives ? nil : try firstLacking(lower)
            guard let lacking else {
                let changed = try runner.changes(by: command, over: lower) { (id) throws(Failure) in
                    try tree(ofLayer: id)
                }
                return try changed.flatMap { (root) throws(Failure) in
                    try makeLayer(of: root, isWholeContext: false)
                }
            }
            note(
                "line \(command.instruction.line): RUN is not executed: \(lacking) below it is not fetched yet"
            )
        }
        hasRun = true
        count += 1
        let id = Digest(of: Array("placeholder \(count)".utf8))
        trees[id] = FileNode.root()
        return id
    }

    package func makeFile(
        _ key: String, from blobs: [Descriptor], write: (File) throws(Failure) -> Void
    ) throws(Failure) -> (content: FileContent, size: Int64) {
        if let known = made[key] { return known }
        if !derives {
            for blob in blobs where (try? content.open(blob)) == nil { return (.pending, 0) }
        }
        let file = try File.unnamed(in: scratch)
        try write(file)
        made[key] = (.made(file), try file.size())
        return made[key]!
    }

    /// The path of the first file of these layers whose content is not at hand; `nil` where all are.
    private func firstLacking(_ layers: [Digest]) throws(Failure) -> String? {
        for id in layers {
            var pending: [(path: [UInt8], node: FileNode)] = [([], try tree(ofLayer: id))]
            while let (path, folder) = pending.popLast() {
                for (name, node) in folder.children {
                    let full = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
                    switch node.form {
                    case .folder: pending.append((full, node))
                    case .file(.pending, _): return FileNode.shown(full)
                    case .file(.blob(let blob, let source), _):
                        if (try? source.open(blob)) == nil { return FileNode.shown(full) }
                    case .file, .symlink, .device: break
                    }
                }
            }
        }
        return nil
    }
}
