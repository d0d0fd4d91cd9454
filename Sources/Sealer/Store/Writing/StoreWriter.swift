// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import OCI
internal import Synchronization

/// What may change a store. Holds the store's lock until the last reference to it goes, or its process ends.
///
/// Everything is made below `.sealift/staging` of the store, on the same file system, and gets its final
/// name by a rename once it is whole and on the medium: the files of a layer, then its database entry, then
/// the image's YAML, then the list. So no listed image ever lacks a layer, at whatever moment the process is
/// killed; what it had in staging is removed by the next writer.
package final class StoreWriter: Sendable {
    /// The store.
    package let store: Store
    private let lock: FileLock
    let nextName = Atomic<Int>(0)
    let changes: Mutex<StoreChanges>

    var staging: String { "\(store.path)/.sealift/staging" }

    init(_ store: Store) throws(Failure) {
        self.store = store
        try store.refuseForeignFolder()
        _ = try store.list()
        let made = try store.makePlaces()
        var held: FileLock? = try Self.takeLock(of: store)
        let staging = "\(store.path)/.sealift/staging"
        do throws(Failure) {
            // With the lock held, whatever is in staging was left by a writer that is gone.
            try removeTree(at: staging)
            guard mkdir(staging, 0o700) == 0 else { throw Failure.system("create", artifact: staging) }
            try store.proveFileSystem(in: staging)
        } catch {
            try? removeTree(at: staging)
            // Where FUSE serves the files, one that is open keeps its folder.
            held = nil
            Store.removePlaces(made)
            throw error
        }
        lock = held!
        changes = Mutex(StoreChanges(places: made))
        do throws(Failure) {
            try store.refuseRunningSealers()
        } catch {
            changes.withLock { $0.isUndone = true }
            throw error
        }
    }

    deinit {
        try? removeTree(at: staging)
        let places = changes.withLock { $0.isUndone && $0.steps.isEmpty ? $0.places : [] }
        Store.removePlaces(places)
    }

    // A function of its own: an initialiser that throws with everything set runs `deinit`, which would
    // remove the staging folder of the one that has the lock.
    private static func takeLock(of store: Store) throws(Failure) -> FileLock {
        let file = try File.create("\(store.path)/.sealift/lock", mode: 0o600)
        // An earlier sealift let all read it, and a user that can open it can hold the lock.
        guard fchmod(file.descriptor, 0o600) == 0 else {
            throw Failure.system("set the mode of", artifact: file.path)
        }
        if let lock = try FileLock(of: file) {
            var (own, there) = (stat(), stat())
            let isThere = fstat(file.descriptor, &own) == 0 && lstat(file.path, &there) == 0
            if isThere, own.st_ino == there.st_ino { return lock }
            // A failed run that made the store has taken the file away meanwhile.
            throw Failure(
                .busy, "lock the store", store.path, because: "another sealift has just ended there",
                remedy: "run this again")
        }
        throw Failure(
            .busy, "lock the store", store.path, because: "another sealift is writing there",
            remedy: "wait until it has ended, then run this again")
    }

    /// A new empty folder below the store, mode 0700, for files that become a layer. Its name means nothing.
    /// Removed with everything in it by ``discard(_:)``, or with the writer.
    package func stagingFolder() throws(Failure) -> String {
        let path = "\(staging)/\(nextName.add(1, ordering: .relaxed).newValue)"
        guard mkdir(path, 0o700) == 0, chmod(path, 0o700) == 0 else {
            throw Failure.system("create", artifact: path)
        }
        return path
    }

    /// Removes a folder that ``stagingFolder()`` gave.
    package func discard(_ folder: String) throws(Failure) {
        precondition(folder.hasPrefix(staging + "/"), "only what is in staging is discarded")
        try removeTree(at: folder)
    }

    /// Brings a layer of a pulled image into the store, unless it is there: reads the blob once, verifies
    /// the compressed bytes against `blob` and the tar against `id`, and writes files and tar-split. Reading
    /// and hashing, inflating, and hashing and writing run on threads of their own.
    ///
    /// A layer that is there without the links, modes and owners of its tar, as sealer's own pull leaves it, is
    /// exchanged for a whole one where `restores` is set, unless a mount uses it.
    /// - Parameters:
    ///   - blob: the layer in the manifest; its media type is not looked at, since sealer itself writes a
    ///     wrong one when it pushes again.
    ///   - id: what the config says of the tar's sha256.
    ///   - repository: where the image was pulled from; a later push there finds the blob by it.
    /// - Returns: whether it was brought in; false where the store had it.
    /// - Throws: a ``Failure`` of kind `data` where digest or id is wrong; then the store is unchanged.
    @discardableResult
    package func importLayer(
        _ blob: Descriptor, from source: any ContentSource, id: Digest, repository: Reference?,
        restores: Bool = false
    ) throws(Failure) -> Bool {
        let isThere = store.hasLayer(id)
        if isThere && !(restores && store.lacksAttributes(id)) { return false }
        let folder = try stagingFolder()
        do throws(Failure) {
            let layer = try unpack(blob, from: source, id: id, repository: repository, in: folder)
            if isThere {
                try flush()
                try exchange(layer.files, with: store.layerFolder(id))
                try exchange(layer.database, with: store.layerDatabase(id))
            } else {
                try place([layer])
            }
        } catch {
            try? discard(folder)
            throw error
        }
        return true
    }

    private func unpack(
        _ blob: Descriptor, from source: any ContentSource, id: Digest, repository: Reference?,
        in folder: String
    ) throws(Failure) -> StagedLayer {
        let layer = StagedLayer(id: id, folder: folder)
        try makeFolders(layer.files)
        try makeFolders(layer.database)
        let artifact = "the layer \(blob.digest)"
        let compressed = ReadAhead(try source.open(blob))
        let plain = try decompressed(compressed, limit: nil, isPromised: true, artifact: artifact)
        let measure = try Layer.unpack(plain, into: layer.files, tarSplit: layer.tarSplit)
        guard measure.id == id else {
            throw Failure(
                .data, "import", artifact,
                because: "its tar is \(measure.id), and the image's config says \(id)",
                remedy: "the image was damaged before it was pushed: collect it from another registry")
        }
        // Not 0755, as sealer's pull gives it: only root reaches the set-id programs and devices below.
        guard chmod(layer.files, 0o700) == 0 else {
            throw Failure.system("set the mode of", artifact: layer.files)
        }
        var origin: [Tree] = []
        if let repository {
            origin = [
                .fields([
                    "source_repository": .string("\(repository.domain)/\(repository.repository)"),
                    "layer_content_digest": .string(blob.digest.description),
                ])
            ]
        }
        try layer.record(size: measure.headerSizeSum, origin: .array(origin), cacheID: nil)
        return layer
    }

    /// Makes a layer of what `build` puts into the empty folder that it is given; the store does not show it
    /// before ``register(_:with:created:)``.
    /// - Parameter cacheID: what sealer calls the digest of a COPY's sources, where it is known; given the
    ///   layer's id.
    /// - Returns: the layer; `nil` where there are no files, which makes none.
    package func stageLayer(
        cacheID: (Digest) throws(Failure) -> Digest? = { _ in nil },
        _ build: (String) throws(Failure) -> Void
    ) throws(Failure) -> StagedLayer? {
        try stageLayer(
            cacheID: cacheID,
            make: { (layer: StagedLayer) throws(Failure) in
                try build(layer.files)
                return try Layer.measure(folder: layer.files, tarSplit: layer.tarSplit)
            })
    }

    /// Makes a layer of what `make` puts into the folders of the layer that it is given, and measures.
    func stageLayer(
        cacheID: (Digest) throws(Failure) -> Digest?,
        make: (StagedLayer) throws(Failure) -> LayerMeasure
    ) throws(Failure) -> StagedLayer? {
        let folder = try stagingFolder()
        do throws(Failure) {
            var layer = StagedLayer(id: Digest(of: []), folder: folder)
            try makeFolders(layer.database)
            guard mkdir(layer.files, 0o700) == 0 else {
                throw Failure.system("create", artifact: layer.files)
            }
            let measure = try make(layer)
            if measure.empty {
                try discard(folder)
                return nil
            }
            layer.id = measure.id
            try layer.record(size: measure.tarSize, origin: .array([]), cacheID: try cacheID(measure.id))
            return layer
        } catch {
            try? discard(folder)
            throw error
        }
    }
}
