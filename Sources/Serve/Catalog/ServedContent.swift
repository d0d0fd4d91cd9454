// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What a server serves: images, files, and where every blob of them is. A bundle is one.
package protocol ServedContent: Sendable {
    /// The images, in order.
    var images: [NamedImage] { get }
    /// The files, in order. Their content is found by digest, as that of images is.
    var files: [NamedFile] { get }
    /// Where the blob is: runs of open files that make it up in order; none when it is not here, and one
    /// of length 0 for the empty blob.
    /// The files stay open while the shelf lives.
    func regions(of digest: Digest) -> [Region]
}
