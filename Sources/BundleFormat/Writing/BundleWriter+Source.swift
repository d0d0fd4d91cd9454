// SPDX-License-Identifier: Apache-2.0
package import OCI

/// The blobs that are in place already, so that they can be looked into before the bundle gets its name.
extension BundleWriter: ContentSource {
    /// Opens a finished blob. It is not hashed again: this writer has verified it, as it wrote it or, where an earlier
    /// writer left it, as it took it over.
    /// - Throws: a `Failure` of kind `input` for a blob that is not, or not yet, in place.
    package func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let stream = finishedStream(of: descriptor.digest) else {
            throw Failure(.input, "read", "\(descriptor.digest)", because: "it is not yet in \(path)")
        }
        return stream
    }
}
