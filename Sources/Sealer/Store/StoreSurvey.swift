// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// What is in a store and who refers to it, judged by names and the small files of its database; the content
/// of layers is not read.
package struct StoreSurvey: Sendable {
    /// An image that the store lists.
    package struct Image: Sendable {
        /// What the list says.
        package let entry: StoredImage
        /// What its file says; `nil` where there is none that can be read.
        package let image: SealerImage?
        /// Why its file cannot be used.
        package let fault: String?
        /// Its name and platform, for people.
        package var title: String { "\(entry.name) (\(entry.platform.value))" }
    }

    /// A layer: files, an entry in the database, or both.
    package struct Layer: Sendable {
        /// What both are named by.
        package let id: Digest
        /// Whether its folder is there.
        package let hasFiles: Bool
        /// Whether the database has id and size of it.
        package let hasEntry: Bool
        /// The size that the database notes, 0 where it has none.
        package let size: Int64
        /// The listed images that have it, as ``Image/title``.
        package var users: [String] = []
        /// Whether sealer can use it.
        package var isWhole: Bool { hasFiles && hasEntry }
    }

    /// The listed images, ordered by name.
    package let images: [Image]
    /// All layers that there is something of, or that a listed image needs, ordered by id.
    package let layers: [Layer]
    /// The files of the image database that no entry of the list names, by id.
    package let unlisted: [String]
    /// Temporary folders and files of a sealer or sealift that was killed.
    package let leftovers: [String]
    /// What is among the layers and images and has not the name of one; what it is is not known.
    package let strangers: [String]

    /// The layer of that id.
    package func layer(_ id: Digest) -> Layer? { layers.first { $0.id == id } }

    init(_ store: Store) throws(Failure) {
        let images = try Self.images(of: store)
        self.images = images
        let listed = Set(images.map(\.entry.id))
        let files = try Self.names(in: "\(store.path)/metadata/imagedb")
        unlisted = files.compactMap { $0.hasSuffix(".yaml") ? String($0.dropLast(5)) : nil }
            .filter { !listed.contains($0) && Digest(hex: $0) != nil }

        let folders = try Self.names(in: "\(store.path)/data/overlay2")
        let entries = try Self.names(in: "\(store.path)/metadata/layerdb/sha256")
        layers = Self.layers(of: store, named: folders + entries, images: images)
        leftovers =
            try Self.names(in: "\(store.path)/tmp").filter {
                $0.hasPrefix(".DTmp-") || $0.hasPrefix(".FTmp-") || $0 == "lite_build_upper"
            }.map { "\(store.path)/tmp/\($0)" }
            + Self.names(in: "\(store.path)/.sealift/staging").map { "\(store.path)/.sealift/staging/\($0)" }
        func strange(_ names: [String], in folder: String, suffix: String = "") -> [String] {
            names.filter { !$0.hasSuffix(suffix) || Digest(hex: $0.dropLast(suffix.count)) == nil }
                .map { "\(store.path)/\(folder)/\($0)" }
        }
        strangers =
            strange(folders, in: "data/overlay2") + strange(entries, in: "metadata/layerdb/sha256")
            + strange(files, in: "metadata/imagedb", suffix: ".yaml")
    }

    private static func images(of store: Store) throws(Failure) -> [Image] {
        try store.images().map { (entry) throws(Failure) in
            do throws(Failure) {
                let (image, fault) = try store.proven(entry)
                return Image(entry: entry, image: image, fault: fault)
            } catch {
                return Image(entry: entry, image: nil, fault: error.reason)
            }
        }
    }

    /// The layers that have a folder or an entry, or that an image needs.
    private static func layers(of store: Store, named names: [String], images: [Image]) -> [Layer] {
        var users: [Digest: [String]] = [:]
        for image in images {
            for id in Set(image.image?.layerIDs ?? []) { users[id, default: []].append(image.title) }
        }
        return Set(names.compactMap { Digest(hex: $0) }).union(users.keys).sorted().map { id in
            let size = store.sizeOfEntry(id)
            return Layer(
                id: id, hasFiles: store.hasFiles(of: id), hasEntry: size != nil, size: size ?? 0,
                users: users[id] ?? [])
        }
    }

    private static func names(in folder: String) throws(Failure) -> [String] {
        do throws(Failure) {
            return try Folder.open(folder).names().map { String(decoding: $0, as: UTF8.self) }
        } catch {
            if error.kind == .input { return [] }
            throw error
        }
    }
}

extension Store {
    /// Looks at all that is in the store.
    /// - Throws: a ``Failure`` of kind `data` where the list of images is damaged or of another version.
    package func survey() throws(Failure) -> StoreSurvey { try StoreSurvey(self) }

    /// Whether the image of an entry of the list could be listed: its file is there, and all of its layers.
    package func isWhole(_ entry: StoredImage) -> Bool {
        guard let image = try? image(entry) else { return false }
        return image.layerIDs.allSatisfy(hasLayer)
    }

    /// Whether the folder of the layer's files is there.
    func hasFiles(of id: Digest) -> Bool {
        var status = stat()
        return lstat(layerFolder(id), &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The size that the layer's entry notes; `nil` where the entry is not whole.
    func sizeOfEntry(_ id: Digest) -> Int64? {
        let database = layerDatabase(id)
        guard let text = try? File.open("\(database)/id").bytes(limit: 71),
            text == Array(id.description.utf8),
            let size = try? File.open("\(database)/size").bytes(limit: 20)
        else { return nil }
        return Int64(sizeFromOutside: String(decoding: size, as: UTF8.self))
    }
}
