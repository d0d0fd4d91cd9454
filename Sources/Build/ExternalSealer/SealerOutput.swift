// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Sealer
internal import Spec

/// What the real sealer left in its own store, verified against what was asked of it.
struct SealerOutput {
    let place: SealerSandbox
    let build: LiteBuild
    let base: SealerImage
    let program: String

    /// Takes the new layers over and registers the image.
    /// - Throws: a ``Failure`` of kind `data` where the image, a layer of it or a container image is missing.
    func taken(into writer: StoreWriter) throws(Failure) -> LiteBuild.Outcome {
        let own = try place.own
        guard var image = try own.image(named: build.name, for: build.platform) else {
            throw refuse("it ended well, but its store does not list the image")
        }
        guard Array(image.layers.prefix(base.layers.count)) == base.layers else {
            throw refuse("the image does not begin with the layers of its base")
        }
        var staged: [StagedLayer] = []
        do throws(Failure) {
            var layers = base.layers
            // sealer does not repeat what a layer below holds already.
            var lower = base.layerIDs.map(writer.store.layerFolder)
            let carrier = StoreLayerMaker(writer)
            for layer in build.carried {
                guard let carried = try build.carry(layer, by: carrier), let id = carried.id else { continue }
                layers.append(carried)
                if writer.store.hasLayer(id) { lower.append(writer.store.layerFolder(id)) }
            }
            staged += carrier.staged
            lower += carrier.staged.map(\.files)
            let own = try takeLayers(of: image, onto: &layers, staged: &staged, in: writer)
            let trees = try own.folders.map { (folder) throws(Failure) in try FileNode.scanned(folder) }
            let (found, open) = try build.resolve(
                BuildImageScan(layers: trees).mentions, problems: BuildProblems(gathering: false),
                at: .build(0))
            for saved in found { try check(saved, in: lower + own.folders) }
            image.layers = layers
            image.id = ""
            let registered = try writer.register(image, with: staged)
            return .init(
                image: registered.image, saved: found.map(\.reference),
                notes: build.kubefile.warnings + own.notes + open)
        } catch {
            for layer in staged { try? writer.discard(layer.folder) }
            throw error
        }
    }

    /// Moves what the image has above its base on top of `layers`; returns the folders of the new layers and what is to
    /// be said of them.
    private func takeLayers(
        of image: SealerImage, onto layers: inout [SealerImage.Layer], staged: inout [StagedLayer],
        in writer: StoreWriter
    ) throws(Failure) -> (folders: [String], notes: [String]) {
        let own = try place.own
        var (folders, notes): ([String], [String]) = ([], [])
        for var layer in image.layers.dropFirst(base.layers.count) {
            guard let id = layer.id else {
                layers.append(layer)
                continue
            }
            let made = try take(id, of: own, in: writer)
            if made.id != id {
                // sealer writes a random folder's path in place of a link's target: sealer rule 3.10.
                notes.append(
                    "sealer gave \(layer.type) \(layer.value) an id that its files do not have; \(made.id.short) is theirs"
                )
            }
            staged.append(made)
            folders.append(made.files)
            layer.id = made.id
            // An image has each layer once: of two equal ones the upper gives all that the lower gave.
            layers.removeAll { $0.id == made.id }
            layers.append(layer)
        }
        return (folders, notes)
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "use what \(program) built as", build.name.description, because: reason,
            remedy: SealerBuilder.remedy)
    }

    /// Moves the files of a layer into staging, where they are measured again.
    private func take(_ id: Digest, of own: Store, in writer: StoreWriter) throws(Failure) -> StagedLayer {
        guard own.hasLayer(id) else { throw refuse("its layer \(id) is not in its store") }
        let cacheID = (try? File.open("\(own.layerDatabase(id))/cacheID").bytes(limit: 71)).flatMap {
            try? Digest(String(decoding: $0, as: UTF8.self))
        }
        let made = try writer.stageLayer(cacheID: { _ in cacheID }) { (files) throws(Failure) in
            guard rmdir(files) == 0, rename(own.layerFolder(id), files) == 0 else {
                throw Failure.system("take over", artifact: files)
            }
        }
        guard let made else { throw refuse("its layer \(id) is empty") }
        return made
    }

    /// Holds every file that a registry needs to serve `image` to its digest.
    private func check(_ image: RegistryImage, in folders: [String]) throws(Failure) {
        let root = "registry/docker/registry/v2"
        let repository = "\(root)/repositories/\(image.reference.repository)"
        let top = image.manifests[0].descriptor.digest
        let tag = "\(repository)/_manifests/tags/\(image.reference.tag ?? "latest")/current/link"
        let layers = image.blobs.map { ("\(repository)/_layers/sha256/\($0.digest.hex)/link", $0.digest) }
        for (link, digest) in [(tag, top)] + layers {
            guard let file = try find(link, in: folders),
                try file.bytes(limit: 71) == Array(digest.description.utf8)
            else { throw refuse("the image \(image.reference) did not arrive: \(link) is missing or wrong") }
        }
        for blob in image.manifests.map(\.descriptor) + image.blobs {
            let hex = blob.digest.hex
            guard let file = try find("\(root)/blobs/sha256/\(hex.prefix(2))/\(hex)/data", in: folders) else {
                throw refuse(
                    "the image \(image.reference) did not arrive: its blob \(blob.digest) is missing")
            }
            var stream = VerifyingStream(
                file.stream(count: try file.size()), descriptor: blob,
                artifact: "\(image.reference) as sealer saved it")
            try stream.forEachChunk { _ in }
        }
    }

    /// The topmost file at `path`.
    private func find(_ path: String, in folders: [String]) throws(Failure) -> File? {
        for folder in folders.reversed() {
            do throws(Failure) { return try Folder.open(folder).file(Array(path.utf8)) } catch {
                guard error.kind == .input else { throw error }
            }
        }
        return nil
    }
}
