// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
package import OCI
package import Sealer

extension Inventory {
    /// What the host of `store` has: the blobs of container images that its layers hold, byte for byte, and the
    /// ids of its layers. Nothing is hashed.
    package init(of store: Store) throws(Failure) {
        let layers = try store.survey().layers.filter(\.isWhole).map(\.id)
        self.init(blobs: try StoreBlobs(store).digests, layers: layers)
    }
}
