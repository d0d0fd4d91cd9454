// SPDX-License-Identifier: Apache-2.0
internal import CLinux
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
        try exchange(other.layerFolder(id), store.layerFolder(id))
        try exchange(other.layerDatabase(id), store.layerDatabase(id))
    }

    /// Puts the file of the image `id` of `other` into this store; false where `other` has none.
    package func restoreImageFile(_ id: String, from other: Store) throws(Failure) -> Bool {
        guard access(other.imageFile(id), F_OK) == 0 else { return false }
        try put(File.open(other.imageFile(id)).bytes(limit: SealerImage.largestSize), at: store.imageFile(id))
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
        try Durable.rename(path, to: "\(store.layerDatabase(id))/tar-data.json.gz")
        try discard(folder)
    }

    /// Gives `new` the name `old`, and what was there, if anything, the other name.
    private func exchange(_ new: String, _ old: String) throws(Failure) {
        if sealift_exchange(new, old) != 0 {
            // Not every file system can; then what is there goes first. Nothing there is the usual case.
            if errno != ENOENT { try move(old, to: "\(new).old", optional: true) }
            try move(new, to: old)
        }
        try Durable.flushFolder(of: old)
    }
}
