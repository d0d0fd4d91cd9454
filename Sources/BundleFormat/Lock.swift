// SPDX-License-Identifier: Apache-2.0
public import OCI

/// Every reference and URL of a spec, resolved to digest and size: the value of `bundles/NAME.lock.json`.
///
/// Two collects from equal locks give the same bytes.
public struct Lock: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    public var version: Int
    /// The base and the images, in order of reference.
    public var images: [Image]
    /// The files, in order of name and platform.
    public var files: [File]

    /// A reference, resolved.
    public struct Image: Sendable, Codable, Equatable {
        /// The reference, as the spec means it.
        public var reference: Reference
        /// What the reference led to: a manifest, or an index.
        public var mediaType: String
        /// Its digest.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64
        /// The manifests that are carried, one a platform of the spec, in the spec's order.
        public var platforms: [Instance]

        /// Creates a resolved reference.
        public init(reference: Reference, descriptor: Descriptor, platforms: [Instance]) {
            self.reference = reference
            mediaType = descriptor.mediaType
            digest = descriptor.digest
            size = descriptor.size
            self.platforms = platforms
        }
    }

    /// The manifest of one platform.
    public struct Instance: Sendable, Codable, Equatable {
        /// The platform of the spec that it serves.
        public var platform: Platform
        /// Its media type.
        public var mediaType: String
        /// Its digest; that of the whole where the reference led to a manifest.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64

        /// Creates an instance.
        public init(platform: Platform, descriptor: Descriptor) {
            self.platform = platform
            mediaType = descriptor.mediaType
            digest = descriptor.digest
            size = descriptor.size
        }
    }

    /// A URL, resolved.
    public struct File: Sendable, Codable, Equatable {
        /// The name in the spec.
        public var name: String
        /// The platform, where the URL depends on it.
        public var platform: Platform?
        /// The first URL, every placeholder filled in.
        public var url: String
        /// The digest of the content.
        public var digest: Digest
        /// Its size in bytes.
        public var size: Int64

        /// Creates a resolved file.
        public init(name: String, platform: Platform?, url: String, digest: Digest, size: Int64) {
            self.name = name
            self.platform = platform
            self.url = url
            self.digest = digest
            self.size = size
        }
    }

    /// Creates a lock, its entries sorted.
    public init(images: [Image], files: [File]) {
        version = 1
        self.images = images.sorted { $0.reference < $1.reference }
        self.files = files.sorted {
            ($0.name, $0.platform?.description ?? "") < ($1.name, $1.platform?.description ?? "")
        }
    }
}
