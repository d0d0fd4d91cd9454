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
    private let lock: File
    private let nextName = Atomic<Int>(0)
    let changes = Mutex(StoreChanges())

    private var staging: String { "\(store.path)/.sealift/staging" }

    init(_ store: Store) throws(Failure) {
        self.store = store
        _ = try store.list()
        for folder in ["", "/.sealift", "/data/overlay2", "/metadata/layerdb/sha256", "/metadata/imagedb"] {
            try makeFolders(store.path + folder)
        }
        lock = try Self.takeLock(of: store)
        try store.refuseRunningSealers()
        // With the lock held, whatever lies in staging was left by a writer that is gone.
        try removeTree(at: staging)
        try makeFolders(staging)
    }

    deinit { try? removeTree(at: staging) }

    // A function of its own: an initialiser that throws with everything set runs `deinit`, which would
    // remove the staging folder of the one that has the lock.
    private static func takeLock(of store: Store) throws(Failure) -> File {
        let file = try File.create("\(store.path)/.sealift/lock")
        if flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 { return file }
        guard errno == EWOULDBLOCK else { throw Failure.system("lock", store.path) }
        throw Failure(
            .busy, "lock the store", store.path, because: "another sealift is writing there",
            remedy: "wait until it has ended, then run this again")
    }

    /// A new empty folder below the store, mode 0700, for files that become a layer. Its name means nothing.
    /// Removed with everything in it by ``discard(_:)``, or with the writer.
    package func stagingFolder() throws(Failure) -> String {
        let path = "\(staging)/\(nextName.add(1, ordering: .relaxed).newValue)"
        guard mkdir(path, 0o700) == 0, chmod(path, 0o700) == 0 else { throw Failure.system("create", path) }
        return path
    }

    /// Removes a folder that ``stagingFolder()`` gave.
    package func discard(_ folder: String) throws(Failure) {
        precondition(folder.hasPrefix(staging + "/"), "only what lies in staging is discarded")
        try removeTree(at: folder)
    }

    /// Brings a layer of a pulled image into the store, unless it is there: reads the blob once, verifies
    /// the compressed bytes against `blob` and the tar against `id`, and writes files and tar-split. Reading
    /// and hashing, inflating, and hashing and writing run on threads of their own.
    ///
    /// - Parameters:
    ///   - blob: the layer in the manifest; its media type is not looked at, since sealer itself writes a
    ///     wrong one when it pushes again.
    ///   - id: what the config says of the tar's sha256.
    ///   - repository: where the image was pulled from; a later push there finds the blob by it.
    /// - Returns: whether it was brought in; false where the store had it.
    /// - Throws: a ``Failure`` of kind `data` where digest or id is wrong; then the store is unchanged.
    @discardableResult
    package func importLayer(
        _ blob: Descriptor, from source: any ContentSource, id: Digest, repository: Reference?
    ) throws(Failure) -> Bool {
        if store.hasLayer(id) { return false }
        let folder = try stagingFolder()
        do throws(Failure) {
            let layer = try unpack(blob, from: source, id: id, repository: repository, in: folder)
            try place([layer])
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
        // Only after unpacking, which writes below it, does the folder get the mode that sealer's pull gives.
        guard chmod(layer.files, 0o755) == 0 else { throw Failure.system("set the mode of", layer.files) }
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
            guard mkdir(layer.files, 0o700) == 0 else { throw Failure.system("create", layer.files) }
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

    /// Puts `layers` into the store and lists `image`, under its name and for its platform; in the place of
    /// the image that was listed so before, whose YAML stays, as with sealer.
    ///
    /// After return all of it is on the medium. An id that the image does not have yet is computed.
    /// - Parameter created: seconds since 1970 for the list; `nil` for now. Not part of any id.
    /// - Returns: the image with its id, and what the list says of it.
    /// - Throws: a ``Failure`` of kind `data` where a layer of the image is neither in the store nor given;
    ///   then nothing is listed.
    @discardableResult
    package func register(
        _ image: SealerImage, with layers: [StagedLayer] = [], created: Int64? = nil
    ) throws(Failure) -> (image: SealerImage, entry: StoredImage) {
        let image = image.id.isEmpty ? image.identified() : image
        try place(layers)
        var size: Int64 = 0
        for id in image.layerIDs {
            guard store.hasLayer(id) else {
                throw Failure(
                    .data, "register the image", image.name, because: "the store lacks its layer \(id)",
                    remedy: "import all layers of the image first")
            }
            size += try Folder.open(store.layerFolder(id)).sizeOfFiles()
        }
        let file = store.imageFile(image.id)
        if access(file, F_OK) != 0 { changes.withLock { $0.imageFiles.append(file) } }
        try put(image.storeYAML, at: file)
        let entry = StoredImage(
            name: image.name, id: image.id, created: timestamp(created), size: size,
            platform: image.platform)
        // Read again right before: sealer itself takes no lock.
        var list = try store.list()
        let old = list.images.first { $0.name == entry.name && $0.platform.value == entry.platform.value }
        list.set(entry)
        changes.withLock { $0.entries.append((entry, old)) }
        try put(list.bytes, at: store.listFile)
        return (image, entry)
    }

    /// Gives staged layers their place, unless the store has them already. What an interrupted sealer left
    /// at that place, files without an entry or an entry without files, is replaced.
    private func place(_ layers: [StagedLayer]) throws(Failure) {
        let missing = layers.filter { !store.hasLayer($0.id) }
        if !missing.isEmpty {
            // A rename may reach the medium before the files do: these first, all at once.
            try flush()
        }
        for layer in missing where !store.hasLayer(layer.id) {
            let trash = try stagingFolder()
            try move(store.layerDatabase(layer.id), to: "\(trash)/database", optional: true)
            try move(store.layerFolder(layer.id), to: "\(trash)/files", optional: true)
            try move(layer.files, to: store.layerFolder(layer.id))
            try Durable.flushFolder(of: store.layerFolder(layer.id))
            try move(layer.database, to: store.layerDatabase(layer.id))
            try Durable.flushFolder(of: store.layerDatabase(layer.id))
            changes.withLock { $0.layers.append(layer.id) }
            try discard(trash)
        }
        for folder in Set(layers.map(\.folder)) { try discard(folder) }
    }

    /// Waits until all content on the store's file system is on the medium.
    func flush() throws(Failure) {
        let root = try Folder.open(store.path)
        guard sealift_syncfs(root.descriptor) == 0 else { throw Failure.system("flush", store.path) }
    }

    func move(_ source: String, to target: String, optional: Bool = false) throws(Failure) {
        guard rename(source, target) != 0 else { return }
        if optional && errno == ENOENT { return }
        guard errno == EXDEV else { throw Failure.system("put in place", target) }
        throw Failure(
            .configuration, "put in place", target,
            because: "data and metadata of the store are not on the file system of \(store.path)",
            remedy: "mount one file system on the whole store")
    }

    /// Writes a file in staging and gives it its name: sealer takes any other name in its folders for data.
    func put(_ bytes: [UInt8], at path: String) throws(Failure) {
        let temporary = "\(staging)/\(nextName.add(1, ordering: .relaxed).newValue)"
        try Durable.write(bytes, to: temporary)
        try Durable.rename(temporary, to: path)
    }

    /// RFC 3339 in UTC, nanoseconds without their trailing zeros, as Go prints a time.
    private func timestamp(_ created: Int64?) -> String {
        var now = timespec()
        if let created { now.tv_sec = Int(created) } else { clock_gettime(CLOCK_REALTIME, &now) }
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = "\(value)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [(Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2)]
        let time = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        var fraction = now.tv_nsec == 0 ? "" : "." + padded(now.tv_nsec, 9)
        while fraction.last == "0" { fraction.removeLast() }
        return date.map { padded($0.0, $0.1) }.joined(separator: "-") + "T"
            + time.map { padded($0, 2) }.joined(separator: ":") + fraction + "Z"
    }
}

/// A layer in the making: its files and its database entry, below a store's staging folder.
package struct StagedLayer: Sendable {
    /// sha256 of its tar.
    package internal(set) var id: Digest
    package let folder: String

    /// Where its files are.
    package var files: String { "\(folder)/files" }
    var database: String { "\(folder)/database" }
    var tarSplit: String { "\(database)/tar-data.json.gz" }

    /// Writes the entry's files, none with a newline at its end.
    func record(size: Int64, origin: Tree, cacheID: Digest?) throws(Failure) {
        var files: [(String, [UInt8])] = [
            ("id", Array(id.description.utf8)), ("size", Array("\(size)".utf8)),
            ("distribution_layer_digest", origin.json()),
        ]
        if let cacheID { files.append(("cacheID", Array(cacheID.description.utf8))) }
        for (name, bytes) in files { try Durable.write(bytes, to: "\(database)/\(name)") }
    }
}
