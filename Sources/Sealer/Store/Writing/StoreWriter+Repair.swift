// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

extension StoreWriter {
    /// Takes the layer `id` out of `other`, a store in this one's staging, and puts it in the place of what is
    /// here. A listed image has all of its layers at every moment.
    /// - Throws: a ``Failure`` of kind `input` where `other` has no such layer.
    package func replaceLayer(_ id: Digest, from other: Store) throws(Failure) {
        guard other.hasLayer(id) else {
            throw Failure(.input, "replace", "the layer \(id)", because: "\(other.path) has none")
        }
        try flush()
        try exchange(other.layerFolder(id), with: store.layerFolder(id))
        try exchange(other.layerDatabase(id), with: store.layerDatabase(id))
    }

    /// Puts the file of the image `id` of `other` into this store; false where `other` has none, or not the one of
    /// that id.
    package func restoreImageFile(_ id: String, from other: Store) throws(Failure) -> Bool {
        let file = store.imageFile(id)
        guard access(other.imageFile(id), F_OK) == 0 else { return false }
        let bytes = try File.open(other.imageFile(id)).bytes(limit: SealerImage.largestSize)
        guard Store.derivedID(of: bytes, stating: id) == id else { return false }
        let new = "\(try stagingFolder())/image"
        try AtomicWrite.write(bytes, to: new)
        if access(file, F_OK) == 0 { try exchange(new, with: file) } else { try putInPlace(new, at: file) }
        return true
    }

    /// Makes the tar-split of a layer whose files are right again.
    /// - Throws: a ``Failure`` of kind `data` where they are not, or came from a tar of another maker, whose
    ///   headers are not known any more.
    package func rebuildTarSplit(of id: Digest) throws(Failure) {
        let folder = try stagingFolder()
        let path = "\(folder)/tar-data.json.gz"
        let measure = try Layer.measure(folder: store.layerFolder(id), tarSplit: path)
        guard measure.id == id else {
            throw Failure(
                .data, "make the tar-split of", "the layer \(id)",
                because: "the tar of its files is \(measure.id)")
        }
        try exchange(path, with: "\(store.layerDatabase(id))/tar-data.json.gz")
    }
}
