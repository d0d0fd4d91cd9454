// SPDX-License-Identifier: Apache-2.0
public import OCI

/// What a server serves: images, files, and where every blob of them lies. A bundle is one.
public protocol Shelf: Sendable {
    /// The images, in order.
    var images: [ServedImage] { get }
    /// The files, in order. Their content is found by digest, as that of images is.
    var files: [ServedFile] { get }
    /// Where the blob lies: runs of open files that make it up in order; none when it is not here, and one
    /// of length 0 for the empty blob.
    /// The files stay open while the shelf lives.
    func regions(of digest: Digest) -> [Region]
}

/// An image of a shelf.
public struct ServedImage: Sendable {
    /// Its full name, the original domain included.
    public var reference: Reference
    /// Its manifest or index.
    public var descriptor: Descriptor

    /// Creates an image.
    public init(reference: Reference, descriptor: Descriptor) {
        self.reference = reference
        self.descriptor = descriptor
    }
}

/// A file of a shelf.
public struct ServedFile: Sendable {
    /// Its name below `/files/`; of two files of one name the first is served.
    public var name: String
    /// The digest of its content.
    public var digest: Digest
    /// Its size in bytes.
    public var size: Int64

    /// Creates a file.
    public init(name: String, digest: Digest, size: Int64) {
        self.name = name
        self.digest = digest
        self.size = size
    }
}
