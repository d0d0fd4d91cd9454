// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Spec {
    /// A file whose images are carried.
    package struct ImagesFrom: Sendable, Codable, Equatable {
        /// One of ``Spec/files``.
        package var file: String
        /// The members of an archive that name the images: patterns as in ``Step/unpack(path:file:members:strip:)``;
        /// `nil` where the file itself does.
        package var members: [String]?

        /// Creates a source of images.
        package init(file: String, members: [String]? = nil) {
            self.file = file
            self.members = members
        }
    }

    /// An image that is carried for some of the platforms only.
    package struct ImagePlatforms: Sendable, Codable, Equatable {
        /// The image, one of ``Spec/images``.
        package var image: Reference
        /// What it is carried for, at least one.
        package var platforms: [Platform]

        /// Creates a restriction.
        package init(image: Reference, platforms: [Platform]) {
            self.image = image
            self.platforms = platforms
        }
    }

    /// The platforms that `image` is carried for, in the order of ``platforms``; none where only others were asked for.
    package func platforms(of image: Reference) -> [Platform] {
        guard let own = imagePlatforms?.first(where: { $0.image == image })?.platforms else {
            return platforms
        }
        return platforms.filter(own.contains)
    }
}

extension Spec.ImagesFrom {
    /// The source with the placeholders of its patterns filled in.
    package func filled(for platform: Platform, release: String?) -> Spec.ImagesFrom {
        var filled = self
        filled.members = members?.map { Placeholders.fill($0, for: platform, release: release) }
        return filled
    }
}
