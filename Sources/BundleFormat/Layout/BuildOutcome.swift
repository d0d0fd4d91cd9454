// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Spec

/// What an apply of a bundle must produce: the image ids and layer ids that a rehearsal on the connected host derived.
/// It is part of the bundle document, so the bundle's identity and a signature cover it.
package struct BuildOutcome: Sendable, Codable, Equatable {
    /// The base and the builds, platform by platform in the spec's order, each once.
    package var images: [Image]

    /// One image for one platform.
    package struct Image: Sendable, Codable, Equatable {
        /// The name that it is listed under.
        package var name: Reference
        /// What it is for.
        package var platform: Platform
        /// Its id, 64 hexadecimal digits; `nil` where it is not covered.
        package var id: String?
        /// The ids of its layers, the lowest first; `nil` where it is not covered.
        package var layers: [Digest]?
        /// Why the rehearsal does not cover it; `nil` where it does.
        package var uncovered: Gap?

        /// An image that is covered.
        package init(name: Reference, platform: Platform, id: String, layers: [Digest]) {
            self.name = name
            self.platform = platform
            self.id = id
            self.layers = layers
        }

        /// An image that is not.
        package init(name: Reference, platform: Platform, uncovered: Gap) {
            self.name = name
            self.platform = platform
            self.uncovered = uncovered
        }
    }

    /// Why an image is not covered.
    package enum Gap: String, Sendable, Codable {
        /// A RUN, its own or of an image that it is built from, is not executed on the connected host.
        case run
        /// The bundle is a delta, and leaves out what the build reads.
        case delta
    }

    /// The most layers of a sealer image.
    static let mostLayers = 128

    /// Creates an outcome.
    package init(images: [Image]) { self.images = images }

    /// The image of that name for `platform`.
    package func image(_ name: Reference, for platform: Platform) -> Image? {
        images.first { $0.name == name && $0.platform == platform }
    }

    /// What is wrong with it, in a sentence; `nil` when nothing is.
    func fault(of spec: Spec) -> String? {
        let names = Self.names(spec)
        guard images.map({ "\($0.platform) \($0.name)" }) == names.map({ "\($0.platform) \($0.name)" }) else {
            return "its outcome does not name the images of its spec"
        }
        for image in images {
            if (image.uncovered == nil) != (image.id != nil && image.layers != nil) {
                return "its outcome neither covers \(image.name) nor says why"
            }
            if image.uncovered != nil, image.id != nil || image.layers != nil {
                return "its outcome covers \(image.name) and says that it does not"
            }
            if let id = image.id, Digest(hex: id) == nil { return "the id of \(image.name) is not one" }
            // A base may have a layer twice: its publisher's affair.
            if let layers = image.layers, layers.count > mostLayers {
                return "the layers of \(image.name) are more than \(mostLayers)"
            }
        }
        return nil
    }

    private var mostLayers: Int { Self.mostLayers }

    private static func names(_ spec: Spec) -> [(name: Reference, platform: Platform)] {
        spec.platforms.flatMap { platform in
            ([spec.base?.image.unpinned].compactMap(\.self) + spec.builds.map(\.tag)).map { ($0, platform) }
        }
    }

    /// An outcome as long as any of this spec can be: the room that is reserved before anything is built.
    static func longest(of spec: Spec, images: [BundleImage]) -> BuildOutcome {
        let base = images.first { $0.reference == spec.base?.image }
        let own = base?.instances.map { $0.children.count - 1 }.max() ?? 0
        var counts: [Reference: Int] = [:]
        if let base { counts[base.reference.unpinned] = own }
        var most = own
        for build in spec.builds {
            let lines = build.kubefile.split(whereSeparator: \.isNewline).count
            // What it is built from, images carried on from the base, a layer a line, and the cache.
            most = min(mostLayers, most + own + lines + 1)
            counts[build.tag] = most
        }
        let id = Digest(of: [])
        return BuildOutcome(
            images: names(spec).map { name, platform in
                Image(
                    name: name, platform: platform, id: id.hex,
                    layers: [Digest](repeating: id, count: max(1, counts[name] ?? 0)))
            })
    }
}
