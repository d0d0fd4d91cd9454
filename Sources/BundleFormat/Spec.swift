// SPDX-License-Identifier: Apache-2.0
public import OCI

/// What to carry and what to build: the value of `bundles/NAME.yaml`, every name resolved into its type.
///
/// The YAML form and its errors with line and column are read by `Collect`; this value is what the
/// bundle document carries as JSON.
public struct Spec: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    public var version: Int
    /// The bundle's name, also the stem of file names.
    public var name: String
    /// What `{release}` stands for.
    public var release: String?
    /// The platforms to carry, in order; at least one.
    public var platforms: [Platform]
    /// The sealer base image.
    public var base: Base?
    /// Files by name.
    public var files: [String: FileSource]
    /// Container images, in order.
    public var images: [Reference]
    /// Which of them come from archives on the collecting host, in order; `nil` where none does.
    public var archives: [Archive]?
    /// Where each registry may be fetched from instead, in order: domain to `[scheme://]host[:port][/path]`.
    public var registries: [String: [String]]
    /// Where the cluster pulls from; every rewrite leads here: `sea.hub:5000`.
    public var registry: String
    /// What is built, in order.
    public var builds: [Build]

    /// A sealer image and what its layers are called.
    public struct Base: Sendable, Codable, Equatable {
        /// The sealer image, resolved with sealer's defaults.
        public var image: Reference
        /// Its layers by role.
        public var layers: [String: LayerSelector]

        /// Creates a base.
        public init(image: Reference, layers: [String: LayerSelector]) {
            self.image = image
            self.layers = layers
        }
    }

    /// How a layer of the base is recognised. Where both are given, both must hold.
    public struct LayerSelector: Sendable, Codable, Equatable {
        /// A path that the layer must hold; the topmost such layer is meant.
        public var holds: String?
        /// The layer's id by platform text (`linux/amd64`).
        public var id: [String: Digest]

        /// Creates a selector.
        public init(holds: String?, id: [String: Digest] = [:]) {
            self.holds = holds
            self.id = id
        }
    }

    /// Where a file comes from.
    public struct FileSource: Sendable, Codable, Equatable {
        /// URLs, tried in order, with `{machine}`, `{arch}`, `{os}` and `{release}` still in them.
        public var urls: [String]
        /// The content's digest by platform text, where the spec gives it; the key `*` means all.
        public var sha256: [String: Digest]
        /// URL of a checksum list in the usual formats.
        public var sha256sums: String?

        /// Creates a file source.
        public init(urls: [String], sha256: [String: Digest] = [:], sha256sums: String? = nil) {
            self.urls = urls
            self.sha256 = sha256
            self.sha256sums = sha256sums
        }
    }

    /// An image that comes from an archive.
    public struct Archive: Sendable, Codable, Equatable {
        /// The image, one of ``Spec/images``.
        public var image: Reference
        /// The platform that this archive is for; `nil` for all.
        public var platform: Platform?
        /// The archive, its path relative to the spec.
        public var from: ArchiveLocation

        /// Creates the archive of an image.
        public init(image: Reference, platform: Platform?, from: ArchiveLocation) {
            self.image = image
            self.platform = platform
            self.from = from
        }
    }

    /// A sealer image to build.
    public struct Build: Sendable, Codable, Equatable {
        /// Its name, resolved with sealer's defaults.
        public var tag: Reference
        /// How its context is assembled, in order.
        public var context: [Step]
        /// The Kubefile, verbatim.
        public var kubefile: String

        /// Creates a build.
        public init(tag: Reference, context: [Step], kubefile: String) {
            self.tag = tag
            self.context = context
            self.kubefile = kubefile
        }
    }

    /// One step of assembling a context. Paths are relative to the context, without `..`.
    public enum Step: Sendable, Codable, Equatable {
        /// Takes the whole layer of the role, or only `paths` of it.
        case layer(role: String, paths: [String]?)
        /// Puts the file as it is.
        case putFile(path: String, file: String)
        /// Puts the file, a tar in any compression, its single top folder stripped, as a reproducible tar.gz.
        case putRepacked(path: String, file: String)
        /// Puts a docker-archive of the image, as `docker save` writes it.
        case putSaved(path: String, image: Reference)
        /// Removes keys from, and sets values in, a JSON or YAML file of the context.
        case edit(path: String, remove: [String], set: [Assignment])
        /// Leads every image reference in a YAML file of the context to ``Spec/registry``.
        case rewrite(path: String)
        /// Writes `imageList`: the images that a pattern means (`*`: any run of characters), led to ``Spec/registry``.
        case imageList(patterns: [String])
    }

    /// `set: { spec.registry: sea.hub:5000 }`: one key path and its new value.
    public struct Assignment: Sendable, Codable, Equatable {
        /// The key path, its parts separated by dots; `KIND:` or `KIND/NAME:` before it names a document.
        public var key: String
        /// The scalar's new value.
        public var value: String
        /// Whether the value is a number, `true`, `false` or `null` rather than text.
        public var literal: Bool

        /// Creates an assignment.
        public init(key: String, value: String, literal: Bool = false) {
            self.key = key
            self.value = value
            self.literal = literal
        }
    }

    /// Creates a spec from its parts.
    public init(
        name: String, release: String? = nil, platforms: [Platform], base: Base? = nil,
        files: [String: FileSource] = [:], images: [Reference] = [], archives: [Archive] = [],
        registries: [String: [String]] = [:], registry: String = "sea.hub:5000", builds: [Build] = []
    ) {
        version = 1
        self.name = name
        self.release = release
        self.platforms = platforms
        self.base = base
        self.files = files
        self.images = images
        self.archives = archives.isEmpty ? nil : archives
        self.registries = registries
        self.registry = registry
        self.builds = builds
    }
}
