// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// What a writer has put into its store, so that it can be taken out again.
struct StoreChanges: Sendable {
    /// Layers that were not there before.
    var layers: [Digest] = []
    /// Files of the image database that were not there before.
    var imageFiles: [String] = []
    /// Entries of the list, and what stood in their place.
    var entries: [(new: StoredImage, old: StoredImage?)] = []
}

extension StoreWriter {
    /// Takes everything out of the store again that this writer has put there, the list first: an image
    /// that stood in the place of a new one is listed again, and layers that were there before stay.
    ///
    /// For a run that failed. A killed one leaves what it had finished, which is whole, and a rerun uses it.
    package func rollBack() throws(Failure) {
        let changes = changes.withLock { state in
            defer { state = StoreChanges() }
            return state
        }
        try relist(changes.entries.reversed())
        for file in changes.imageFiles {
            guard unlink(file) == 0 || errno == ENOENT else { throw Failure.system("remove", file) }
        }
        for id in changes.layers {
            let trash = try stagingFolder()
            // The entry first: what has none is no layer, and no reader finds it half removed.
            try move(store.layerDatabase(id), to: "\(trash)/database", optional: true)
            try move(store.layerFolder(id), to: "\(trash)/files", optional: true)
            try discard(trash)
        }
    }

    /// Puts `old` in the place of `new` in the list, or nothing, for all `changes` in one step. An entry that is
    /// so already stays. Files of images and layers are left alone.
    package func relist(_ changes: [(new: StoredImage, old: StoredImage?)]) throws(Failure) {
        if changes.isEmpty { return }
        var list = try store.list()
        for (new, old) in changes {
            if let old { list.set(old) } else { list.remove(new) }
        }
        try put(list.bytes, at: store.listFile)
    }
}
