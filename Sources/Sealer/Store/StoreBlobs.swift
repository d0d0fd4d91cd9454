// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// The blobs of container images that the layers of a store hold below `registry/`, each as it was carried.
package struct StoreBlobs: ContentSource {
    private let paths: [Digest: String]

    /// Finds them by their names; no content is read.
    package init(_ store: Store) throws(Failure) {
        var paths: [Digest: String] = [:]
        for layer in try store.survey().layers where layer.isWhole {
            let blobs = "\(store.layerFolder(layer.id))/registry/docker/registry/v2/blobs/sha256"
            guard access(blobs, F_OK) == 0 else { continue }
            for prefix in try Folder.open(blobs).names() {
                let folder = "\(blobs)/\(String(decoding: prefix, as: UTF8.self))"
                for name in try Folder.open(folder).names() {
                    guard let digest = Digest(hex: String(decoding: name, as: UTF8.self)) else { continue }
                    paths[digest] = "\(folder)/\(digest.hex)/data"
                }
            }
        }
        self.paths = paths
    }

    /// Their digests, in no order.
    package var digests: some Collection<Digest> { paths.keys }

    /// Whether the store has it.
    package func contains(_ digest: Digest) -> Bool { paths[digest] != nil }

    /// Opens the blob's bytes, verified on the way.
    package func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let path = paths[descriptor.digest] else {
            throw Failure(.input, "read", "\(descriptor.digest)", because: "no layer of the store holds it")
        }
        let file = try File.open(path)
        return VerifyingStream(file.stream(count: try file.size()), descriptor: descriptor, artifact: path)
    }
}
