// SPDX-License-Identifier: Apache-2.0

/// An image under the name by which it was asked for.
package struct NamedImage: Sendable {
    /// Its full name, the original domain included.
    package var reference: Reference
    /// Its manifest or index.
    package var descriptor: Descriptor

    /// Creates an image.
    package init(reference: Reference, descriptor: Descriptor) {
        self.reference = reference
        self.descriptor = descriptor
    }
}

/// A file under the name by which it is offered.
package struct NamedFile: Sendable {
    /// Its name below `/files/`; of two files of one name the first is served.
    package var name: String
    /// The digest of its content.
    package var digest: Digest
    /// Its size in bytes.
    package var size: Int64
    /// Whether it is a program, which a copy of it must be as well.
    package var isExecutable: Bool

    /// Creates a file.
    package init(name: String, digest: Digest, size: Int64, isExecutable: Bool = false) {
        self.name = name
        self.digest = digest
        self.size = size
        self.isExecutable = isExecutable
    }
}
