// SPDX-License-Identifier: Apache-2.0
package import OCI

/// An image that a file of the spec names.
package struct FoundImage: Sendable {
    /// The image.
    package let reference: Reference
    /// Where it is first named.
    package let place: FilePlace
    /// The platforms whose files name it; `nil` where a file of all platforms does.
    package var platforms: [Platform]?
    /// The titles of the files that name it, as the lock has them, each once.
    package var origins: [String]

    /// Creates an image that a file names.
    package init(_ reference: Reference, at place: FilePlace, platforms: [Platform]?, origins: [String]) {
        self.reference = reference
        self.place = place
        self.platforms = platforms
        self.origins = origins
    }
}

extension ParsedSpec {
    /// The same spec with the images that its files name, after its own and in their order. One that the spec lists itself
    /// is carried as it is listed; the base and charts are carried already.
    package func adding(_ found: [FoundImage]) -> ParsedSpec {
        var (spec, marks) = (spec, marks)
        let others = (spec.base.map { [$0.image] } ?? []) + (spec.charts ?? []).map(\.reference)
        var known = Set(spec.images + others)
        for image in found where known.insert(image.reference).inserted {
            marks[.image(spec.images.count)] = image.place
            spec.images.append(image.reference)
            guard let platforms = image.platforms, Set(platforms) != Set(spec.platforms) else { continue }
            spec.imagePlatforms =
                (spec.imagePlatforms ?? []) + [.init(image: image.reference, platforms: platforms)]
        }
        return ParsedSpec(spec, marks: marks, as: self)
    }
}
