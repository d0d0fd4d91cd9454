// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// Something in a store that nothing refers to.
package struct StoreGarbage: Sendable, Encodable, Equatable {
    /// What it is: `layer sha256:…`, `image ID`, or a path.
    package let artifact: String
    /// The layer, where it is one.
    package let layer: Digest?
    /// The id of the image, where it is the file of one.
    package let image: String?
    /// Bytes that it takes on the medium.
    package let bytes: Int64
    /// What has to go, in this order.
    let paths: [String]

    private enum CodingKeys: String, CodingKey { case artifact, layer, image, bytes }
}

extension Store {
    /// All that no listed image refers to, and that no run will use again.
    ///
    /// An image is found by its name alone, as sealer's own `prune` has it: files of images that no name leads
    /// to are garbage, and so are the layers that only they have.
    /// - Parameters:
    ///   - kept: ids of images that stay although no name refers to them.
    ///   - gone: ids of images that are looked at as if no name referred to them.
    /// - Throws: a ``Failure`` of kind `data` where the file of a listed image cannot be read: then no one
    ///   knows which layers it needs.
    package func garbage(
        keeping kept: Set<String> = [], without gone: Set<String> = []
    ) throws(Failure) -> [StoreGarbage] {
        let survey = try survey()
        let listed = survey.images.filter { !gone.contains($0.entry.id) }
        if let image = listed.first(where: { $0.image == nil }) {
            throw Failure(
                .data, "find unused files in", path,
                because:
                    "the image \(image.title) cannot be read, so its layers are not known: \(image.fault!)",
                remedy: "repair the store first: sealift store repair BUNDLE")
        }
        var used = Set(listed.flatMap { $0.image?.layerIDs ?? [] })
        var garbage: [StoreGarbage] = []
        for id in Set(survey.unlisted).union(survey.images.map(\.entry.id).filter(gone.contains)).sorted() {
            if kept.contains(id) {
                let bytes = try File.open(imageFile(id)).bytes(limit: SealerImage.largestSize)
                used.formUnion(try SealerImage(storeYAML: bytes, artifact: imageFile(id)).layerIDs)
            } else {
                garbage.append(StoreGarbage("image \(id)", image: id, paths: [imageFile(id)]))
            }
        }
        // The entry before the files: a layer without an entry is none, and no reader finds it half removed.
        garbage += survey.layers.filter { !used.contains($0.id) && ($0.hasFiles || $0.hasEntry) }
            .map {
                StoreGarbage(
                    "layer \($0.id)", layer: $0.id, paths: [layerDatabase($0.id), layerFolder($0.id)])
            }
        garbage += survey.leftovers.map { StoreGarbage($0, paths: [$0]) }
        return garbage
    }
}

extension StoreGarbage {
    fileprivate init(_ artifact: String, layer: Digest? = nil, image: String? = nil, paths: [String]) {
        let bytes = paths.reduce(0) { $0 + bytesOnMedium($1) }
        self.init(artifact: artifact, layer: layer, image: image, bytes: bytes, paths: paths)
    }
}

extension StoreWriter {
    /// Takes what ``Store/garbage(keeping:without:)`` found out of the store, until the writer commits: then it is
    /// removed.
    /// - Throws: a ``Failure`` of kind `busy` where a mount uses it; then nothing is changed.
    package func remove(_ garbage: [StoreGarbage]) throws(Failure) {
        try refuseUsed(garbage)
        // What is in staging is this writer's own by now.
        try takeAway(garbage.flatMap(\.paths).filter { !$0.hasPrefix("\(staging)/") })
    }

    /// - Throws: a ``Failure`` of kind `busy` where a mount uses any of `garbage`.
    package func refuseUsed(_ garbage: [StoreGarbage]) throws(Failure) {
        try store.refuseMounts(of: garbage.flatMap(\.paths))
    }
}

/// The bytes that a file, or a folder with all below it, takes on its medium; what cannot be read counts nothing.
private func bytesOnMedium(_ path: String) -> Int64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { return 0 }
    let own = Int64(status.st_blocks) * 512
    guard status.st_mode & S_IFMT == S_IFDIR, let folder = try? Folder.open(path) else { return own }
    let names = (try? folder.names()) ?? []
    return names.reduce(own) { $0 + bytesOnMedium("\(path)/\(String(decoding: $1, as: UTF8.self))") }
}
