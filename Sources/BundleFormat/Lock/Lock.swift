// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Every reference and URL of a spec, resolved to digest and size: the value of `bundles/NAME.lock.json`.
///
/// Two collects from equal locks give the same bytes.
package struct Lock: Sendable, Codable, Equatable {
    // In the order of their keys: see ``BundleDocument``.
    /// What the charts of the spec need, in order of chart; absent where there is none.
    package var charts: [Chart]?
    /// The files, in order of name and platform.
    package var files: [File]
    /// The base and the images, in order of reference.
    package var images: [Image]
    /// The version of the form: 1.
    package var version: Int

    /// A reference, resolved.
    package struct Image: Sendable, Codable, Equatable {
        /// The reference, as the spec means it.
        package var reference: Reference
        /// What the reference resolved to: a manifest, or an index.
        package var mediaType: String
        /// Its digest.
        package var digest: Digest
        /// Its size in bytes.
        package var size: Int64
        /// The manifests that serve the spec's platforms, one each, in the spec's order; none for what has no platform.
        package var platforms: [Instance]
        /// What is carried of an index besides: attestations, nested indexes, entries that no platform chooses. Each comes
        /// after all that it names. Absent where there is none.
        package var others: [Part]?
        /// The titles of the files that name it, as the spec's `imagesFrom` asks. Absent where none does.
        package var from: [String]?

        /// Creates a resolved reference.
        package init(
            reference: Reference, descriptor: Descriptor, platforms: [Instance], others: [Part] = [],
            from: [String] = []
        ) {
            self.reference = reference
            mediaType = descriptor.mediaType
            digest = descriptor.digest
            size = descriptor.size
            self.platforms = platforms
            self.others = others.isEmpty ? nil : others
            self.from = from.isEmpty ? nil : from
        }
    }

    /// A manifest or index that is carried and serves no platform.
    package struct Part: Sendable, Codable, Equatable {
        /// Its media type.
        package var mediaType: String
        /// Its digest.
        package var digest: Digest
        /// Its size in bytes.
        package var size: Int64

        /// Creates a part.
        package init(_ descriptor: Descriptor) {
            mediaType = descriptor.mediaType
            digest = descriptor.digest
            size = descriptor.size
        }

        /// Type, digest and size.
        package var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: size) }
    }

    /// The manifest of one platform.
    package struct Instance: Sendable, Codable, Equatable {
        /// The platform of the spec that it serves.
        package var platform: Platform
        /// Its media type.
        package var mediaType: String
        /// Its digest; that of the whole where the reference resolved to a manifest.
        package var digest: Digest
        /// Its size in bytes.
        package var size: Int64

        /// Creates an instance.
        package init(platform: Platform, descriptor: Descriptor) {
            self.platform = platform
            mediaType = descriptor.mediaType
            digest = descriptor.digest
            size = descriptor.size
        }
    }

    /// A URL, resolved.
    package struct File: Sendable, Codable, Equatable {
        /// The name in the spec.
        package var name: String
        /// The platform, where the URL depends on it.
        package var platform: Platform?
        /// The first URL, every placeholder filled in.
        package var url: String
        /// The digest of the content.
        package var digest: Digest
        /// Its size in bytes.
        package var size: Int64

        /// Creates a resolved file.
        package init(name: String, platform: Platform?, url: String, digest: Digest, size: Int64) {
            self.name = name
            self.platform = platform
            self.url = url
            self.digest = digest
            self.size = size
        }
    }

    /// Creates a lock, its entries sorted and its media types shared.
    package init(images: [Image], files: [File], charts: [Chart] = []) {
        version = 1
        self.images = images.sorted { $0.reference < $1.reference }
        for place in self.images.indices { self.images[place].shareTypes() }
        self.files = files.sorted {
            ($0.name, $0.platform?.description ?? "") < ($1.name, $1.platform?.description ?? "")
        }
        self.charts = charts.isEmpty ? nil : charts.sorted { $0.chart < $1.chart }
    }

    /// The image of that reference; `nil` where the lock does not have it. Found in the order of ``images``.
    package func image(_ reference: Reference) -> Image? {
        var range = images.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let found = images[middle].reference
            if found == reference { return images[middle] }
            range = found < reference ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }
}

extension Lock.Image {
    fileprivate mutating func shareTypes() {
        mediaType = MediaType.shared(mediaType)
        for place in platforms.indices {
            platforms[place].mediaType = MediaType.shared(platforms[place].mediaType)
        }
        others = others?.map { other in
            var shared = other
            shared.mediaType = MediaType.shared(other.mediaType)
            return shared
        }
    }
}
