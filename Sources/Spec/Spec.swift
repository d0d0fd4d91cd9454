// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What to carry and what to build: the value of `bundles/NAME.yaml`, every name resolved into its type.
///
/// The YAML form and its errors with line and column are read by `Collect`; this value is what the
/// bundle document carries as JSON.
package struct Spec: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    package var version: Int
    /// The bundle's name, also the stem of file names.
    package var name: String
    /// The value of `{release}`.
    package var release: String?
    /// The platforms to carry, in order; at least one.
    package var platforms: [Platform]
    /// The sealer base image.
    package var base: Base?
    /// Files by name.
    package var files: [String: FileSource]
    /// Container images, in order.
    package var images: [Reference]
    /// The files whose images are carried too, in order; `nil` where there is none. Once they are read, ``images`` has
    /// what they name.
    package var imagesFrom: [ImagesFrom]?
    /// The images that are carried for some of the platforms only; `nil` where there is none.
    package var imagePlatforms: [ImagePlatforms]?
    /// Which of them come from archives on the collecting host, in order; `nil` where none does.
    package var archives: [Archive]?
    /// Helm charts, in order; `nil` where there is none.
    package var charts: [Chart]?
    /// Helm charts on the collecting host of which the images are carried, in order; `nil` where there is none.
    package var localCharts: [LocalChart]?
    /// What is carried along with images; `nil` where nothing is.
    package var attached: [Attached]?
    /// Patterns of texts that look like an image and are none; `nil` where there is none.
    package var notImages: [String]?
    /// Where each registry may be fetched from instead, in order: domain to `[scheme://]host[:port][/path]`.
    package var registries: [String: [String]]
    /// Where the cluster pulls from; every rewrite leads here: `sea.hub:5000`.
    package var registry: String
    /// What is built, in order.
    package var builds: [Build]

    /// A sealer image and what its layers are called.
    package struct Base: Sendable, Codable, Equatable {
        /// The sealer image, resolved with sealer's defaults.
        package var image: Reference
        /// Its layers by role.
        package var layers: [String: LayerSelector]

        /// Creates a base.
        package init(image: Reference, layers: [String: LayerSelector]) {
            self.image = image
            self.layers = layers
        }
    }

    /// How a layer of the base is recognised. Where both are given, both must hold.
    package struct LayerSelector: Sendable, Codable, Equatable {
        /// A path that the layer must hold, in which `*`, `?` and `[…]` match within one part; the topmost such layer is
        /// meant.
        package var holds: String?
        /// The layer's id by platform text (`linux/amd64`).
        package var id: [String: Digest]

        /// Creates a selector.
        package init(holds: String?, id: [String: Digest] = [:]) {
            self.holds = holds
            self.id = id
        }
    }

    /// Where a file comes from.
    package struct FileSource: Sendable, Codable, Equatable {
        /// URLs, tried in order, with `{machine}`, `{arch}`, `{os}` and `{release}` still in them.
        package var urls: [String]
        /// The content's digest by platform text, where the spec gives it; the key `*` means all.
        package var digests: [String: Digest]
        /// URL of a checksum list in the usual formats.
        package var sums: String?
        /// How the content is hashed, if not by SHA-256.
        package var algorithm: Digest.Algorithm?
        /// In place of URLs: a file of the collecting host, its path relative to the spec's folder.
        package var path: String?
        /// In place of URLs: the content itself.
        package var text: String?

        /// Creates a file source.
        package init(
            urls: [String] = [], digests: [String: Digest] = [:], sums: String? = nil,
            algorithm: Digest.Algorithm = .sha256,
            path: String? = nil,
            text: String? = nil
        ) {
            self.urls = urls
            self.path = path
            self.text = text
            self.digests = digests
            self.sums = sums
            self.algorithm = algorithm == .sha256 ? nil : algorithm
        }

        private enum CodingKeys: String, CodingKey {
            case urls, path, text, algorithm
            case digests = "sha256"
            case sums = "sha256sums"
        }
    }

    /// An image that comes from an archive.
    package struct Archive: Sendable, Codable, Equatable {
        /// The image, one of ``Spec/images``.
        package var image: Reference
        /// The platform that this archive is for; `nil` for all.
        package var platform: Platform?
        /// The archive, its path relative to the spec.
        package var from: ArchiveLocation

        /// Creates the archive of an image.
        package init(image: Reference, platform: Platform?, from: ArchiveLocation) {
            self.image = image
            self.platform = platform
            self.from = from
        }
    }

    /// A sealer image to build.
    package struct Build: Sendable, Codable, Equatable {
        /// Its name, resolved with sealer's defaults.
        package var tag: Reference
        /// How its context is assembled, in order.
        package var context: [Step]
        /// The Kubefile, verbatim.
        package var kubefile: String

        /// Creates a build.
        package init(tag: Reference, context: [Step], kubefile: String) {
            self.tag = tag
            self.context = context
            self.kubefile = kubefile
        }

        /// What its FROM names: an image, or `scratch`; `nil` where the Kubefile does not begin with FROM.
        package var from: String? {
            let lines = kubefile.split(whereSeparator: \.isNewline)
                .map { $0.split(whereSeparator: \.isWhitespace) }
            let first = lines.first { $0.first.map { !$0.hasPrefix("#") } ?? false }
            guard let first, first[0].lowercased() == "from", first.count == 2 else { return nil }
            return String(first[1])
        }
    }

    /// One step of assembling a context. Paths are relative to the context, without `..`; where a step takes or changes
    /// what is there, `*`, `?` and `[…]` match within one part of a path.
    package enum Step: Sendable, Codable, Equatable {
        /// Takes the whole layer of the role, or only `paths` of it.
        case layer(role: String, paths: [String]?)
        /// Puts the file as it is.
        case putFile(path: String, file: String, mode: UInt32? = nil)
        /// Puts the file, a tar in any compression, its single top folder stripped, as a reproducible tar.gz.
        case putRepacked(path: String, file: String, mode: UInt32? = nil)
        /// Puts a docker-archive of the image, as `docker save` writes it.
        case putSaved(path: String, image: Reference, mode: UInt32? = nil)
        /// Unpacks members of the file, a tar in any compression or a zip, below the folder `path`: those that `members`
        /// mean, all without them; `strip` leading parts of their names are left out.
        case unpack(path: String, file: String, members: [String]?, strip: Int?)
        /// Removes files and folders of the context.
        case remove(paths: [String])
        /// Removes keys from, and sets values in, the JSON or YAML files that `path` means: one, those that match it, or
        /// those below a folder.
        case edit(path: String, remove: [String], set: [Assignment], append: [Assignment]? = nil)
        /// Leads every image reference in the YAML files that `path` means to ``Spec/registry``.
        case rewrite(path: String)
        /// Writes `imageList`: the images that a pattern means (`*`: any run of characters), rewritten to ``Spec/registry``.
        case imageList(patterns: [String])
    }

    /// `set: { spec.registry: sea.hub:5000 }`: one key path and its new value.
    package struct Assignment: Sendable, Codable, Equatable {
        /// The key path, its parts separated by dots; `KIND:` or `KIND/NAME:` before it names a document.
        package var key: String
        /// The new value.
        package var value: String
        /// Whether the value is a number, `true`, `false` or `null` rather than text.
        package var literal: Bool
        /// Whether the value is a list or a mapping, written as JSON; `nil` for a scalar.
        package var isJSON: Bool?

        /// Creates an assignment.
        package init(key: String, value: String, literal: Bool = false, isJSON: Bool = false) {
            self.isJSON = isJSON ? true : nil
            self.key = key
            self.value = value
            self.literal = literal
        }
    }

    /// Creates a spec from its parts.
    package init(
        name: String, release: String? = nil, platforms: [Platform], base: Base? = nil,
        files: [String: FileSource] = [:], images: [Reference] = [], imagesFrom: [ImagesFrom] = [],
        imagePlatforms: [ImagePlatforms] = [], archives: [Archive] = [],
        charts: [Chart] = [], localCharts: [LocalChart] = [], attached: [Attached] = [],
        notImages: [String] = [],
        registries: [String: [String]] = [:], registry: String = "sea.hub:5000", builds: [Build] = []
    ) {
        version = 1
        self.name = name
        self.release = release
        self.platforms = platforms
        self.base = base
        self.files = files
        self.images = images
        self.imagesFrom = imagesFrom.isEmpty ? nil : imagesFrom
        self.imagePlatforms = imagePlatforms.isEmpty ? nil : imagePlatforms
        self.archives = archives.isEmpty ? nil : archives
        self.charts = charts.isEmpty ? nil : charts
        self.localCharts = localCharts.isEmpty ? nil : localCharts
        self.attached = attached.isEmpty ? nil : attached
        self.notImages = notImages.isEmpty ? nil : notImages
        self.registries = registries
        self.registry = registry
        self.builds = builds
    }
}
