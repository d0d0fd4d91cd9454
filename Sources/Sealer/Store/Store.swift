// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// A layer store of the sealer 0.8 form, `/var/lib/sealer` or a folder made like it, read only.
///
/// Opening and reading change nothing. `writer()` takes the lock and gives what may change it. The form is
/// described in `Sealer.docc/LayerStore.md`.
package final class Store: Sendable {
    /// The folder, without a slash at its end.
    package let path: String

    /// Where sealer itself keeps its store.
    package static let standardPath = "/var/lib/sealer"

    /// Takes the store at `path`, which need not exist yet: then it has no images. A relative path is one below the
    /// working folder of now, wherever a later thread works.
    /// - Throws: a ``Failure`` of kind `input` where `path` is there and is not a folder.
    package init(at path: String) throws(Failure) {
        var trimmed = try Self.absolute(path)[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed = trimmed.dropLast() }
        self.path = String(trimmed)
        var status = stat()
        if stat(self.path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            throw Failure(
                .input, "open the store", self.path, because: "it is not a folder", remedy: "check --store")
        }
    }

    /// Where the files of a layer are.
    package func layerFolder(_ id: Digest) -> String { "\(path)/data/overlay2/\(id.hex)" }

    /// Where a layer's id, size and tar-split are.
    package func layerDatabase(_ id: Digest) -> String { "\(path)/metadata/layerdb/sha256/\(id.hex)" }

    /// Where the YAML of an image is.
    package func imageFile(_ id: String) -> String { "\(path)/metadata/imagedb/\(id).yaml" }

    /// Where the list of images is.
    package var listFile: String { "\(path)/metadata/images_metadata.json" }

    /// Whether the layer is there as sealer sees it: its id and size in the database, its files in place.
    /// The files are not hashed again.
    package func hasLayer(_ id: Digest) -> Bool {
        sizeOfEntry(id) != nil && hasFiles(of: id)
    }

    /// The images that sealer lists, ordered by name.
    /// - Throws: a ``Failure`` of kind `data` where the list is damaged or of another version of sealer.
    package func images() throws(Failure) -> [StoredImage] { try list().images }

    /// The image of that name for that platform; `nil` where the list has none.
    /// - Throws: a ``Failure`` of kind `data` where the list or the image's file is damaged or missing.
    package func image(named reference: Reference, for platform: Platform) throws(Failure) -> SealerImage? {
        let name = reference.description
        guard
            let entry = try images().first(where: { $0.name == name && $0.platform.value == platform })
        else { return nil }
        return try image(entry)
    }

    /// The image of an entry of the list.
    func image(_ entry: StoredImage) throws(Failure) -> SealerImage {
        guard Digest(hex: entry.id) != nil else {
            throw Failure(
                .data, "read the image", entry.name,
                because: "the list gives it the id '\(entry.id.prefix(80))'")
        }
        let file = imageFile(entry.id)
        return try SealerImage(
            storeYAML: File.open(file).bytes(limit: SealerImage.largestSize), artifact: file)
    }

    /// The layers of `image` that hold container images below `registry/`, from the lowest up.
    ///
    /// A build whose context was assembled from only some layers of a base would lose the images in the
    /// others: give what is missing to `LiteBuild`.
    package func registryLayers(of image: SealerImage) -> [SealerImage.Layer] {
        image.layers.filter { layer in
            guard let id = layer.id, let files = try? Folder.open(layerFolder(id)) else { return false }
            return (try? files.folder(Array("registry/docker/registry/v2/repositories".utf8))) != nil
        }
    }

    /// The bytes that are free for this user on the store's file system, or on the one that it will be made
    /// on; `nil` where the system does not tell.
    package var freeSpace: Int64? {
        var path = path
        var status = statvfs()
        while statvfs(path, &status) != 0 {
            guard errno == ENOENT, let slash = path.lastIndex(of: "/") else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        return Int64(status.f_bavail) * Int64(status.f_frsize)
    }

    /// Takes the lock and returns what may change the store; its folders are made where they are missing.
    /// - Throws: a ``Failure``: of kind `busy` where another sealift is writing, `data` where the list of
    ///   images cannot be kept, `denied` or `space` where nothing can be written.
    package func writer() throws(Failure) -> StoreWriter { try StoreWriter(self) }

    /// The list of images; empty where there is no file.
    package func list() throws(Failure) -> ImageList {
        guard let bytes = try listBytes() else { return ImageList() }
        return try ImageList(parsing: bytes, artifact: listFile)
    }

    /// The bytes of the list of images; `nil` where there is no file.
    func listBytes() throws(Failure) -> [UInt8]? {
        if access(listFile, F_OK) != 0, errno == ENOENT { return nil }
        return try File.open(listFile).bytes(limit: 64 << 20)
    }
}
