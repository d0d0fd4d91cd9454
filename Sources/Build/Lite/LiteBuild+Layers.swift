// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// What each instruction makes.
extension LiteBuild {
    /// The arguments that stand in a RUN: the Kubefile's, and over them the caller's.
    var values: [String: String] { kubefile.arguments.merging(arguments) { $1 } }

    /// What a COPY copies: its sources, found in the context, and where they go.
    func sources(
        _ instruction: Kubefile.Instruction, in context: Folder
    ) throws(Failure) -> (paths: [[UInt8]], destination: String) {
        let plan = try CopySources(
            instruction, architecture: platform.architecture, artifact: "the Kubefile of \(name)")
        var paths: [[UInt8]] = []
        for source in plan.sources { paths += try CopySources.resolve(source, in: context) }
        return (paths, plan.destination)
    }

    /// The layer of a COPY; `nil` where nothing was copied.
    func copy(
        _ instruction: Kubefile.Instruction, in writer: StoreWriter
    ) throws(Failure) -> StagedLayer? {
        let context = try Folder.open(context)
        let (paths, destination) = try sources(instruction, in: context)
        let isLast = kubefile.instructions.last { $0.keyword == .copy } == instruction
        let moves = consumesContext && isLast && paths == [[]]
        let cacheID: (Digest) throws(Failure) -> Digest? = { (id) throws(Failure) in
            if moves { return destination.isEmpty ? id : nil }
            return try self.cacheID(of: paths, to: destination, in: context, layer: id)
        }
        return try writer.stageLayer(cacheID: cacheID) { (files) throws(Failure) in
            let tree = CopyTree(into: try Folder.open(files), time: time, moves: moves) {
                $0.last != AuthImageList.name
            }
            for path in paths { try tree.copy(path, of: context, to: destination) }
            try tree.finish()
        }
    }

    /// sealer's digest of the sources of a COPY: the layer id of the folder copied. Never read again, so it is
    /// left out where it would need a reading of its own kind, for a file or several sources.
    private func cacheID(
        of paths: [[UInt8]], to destination: String, in context: Folder, layer: Digest
    ) throws(Failure) -> Digest? {
        guard paths.count == 1, let path = paths.first else { return nil }
        if path.isEmpty && destination.isEmpty { return layer }
        let folder = path.isEmpty ? context.path : context.shown(path)
        guard path.isEmpty || (try? context.folder(path)) != nil else { return nil }
        return try Layer.measure(folder: folder, tarSplit: nil).id
    }

    /// The layer of a RUN over the folders `lower`; `nil` where it changed nothing.
    func execute(
        _ instruction: Kubefile.Instruction, over lower: [String], in writer: StoreWriter,
        _ notes: inout [String]
    ) throws(Failure) -> StagedLayer? {
        let place = "line \(instruction.line): RUN"
        let (command, unknown) = try ShellWord.expand(instruction.value, values)
        notes += Set(unknown).sorted().map {
            "\(place): $\($0) is no argument, so it is empty, as with sealer; write \\$\($0) to leave it to the shell"
        }
        let run = RunLayer(
            lower: lower, command: command, time: time,
            isolation: Isolation(operation: "run \(instruction.value) for", artifact: name.description))
        let scratch = try writer.stagingFolder()
        do throws(Failure) {
            var protected = true
            let layer = try writer.stageLayer { (files) throws(Failure) in
                protected = try run.run(into: files, scratch: scratch)
            }
            if !protected {
                notes.append("\(place): this kernel cannot keep it from writing to the host's files")
            }
            try writer.discard(scratch)
            return layer
        } catch {
            try? writer.discard(scratch)
            throw error
        }
    }

    /// A layer that carries the images below `registry/` of a layer of another image.
    func carry(
        _ layer: SealerImage.Layer, in writer: StoreWriter, _ staged: inout [StagedLayer]
    ) throws(Failure) -> SealerImage.Layer {
        guard let id = layer.id, writer.store.hasLayer(id) else {
            throw Failure(
                .input, "carry the images of", "\(layer.type) \(layer.value)",
                because: "the store has no such layer", remedy: "import all layers of the base first")
        }
        let source = try Folder.open(writer.store.layerFolder(id))
        let names = try source.names()
        if names == [Array("registry".utf8)] { return layer }
        let made = try writer.stageLayer { (files) throws(Failure) in
            let tree = CopyTree(into: try Folder.open(files), time: time)
            try tree.copy(Array("registry".utf8), of: source, to: "")
        }
        if let made { staged.append(made) }
        return .init(
            id: made?.id, type: SealerImage.cacheLayer.type, value: SealerImage.cacheLayer.value)
    }
}
