// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import YAML
package import OCI

/// What is to be pushed, and where to.
package struct PushOptions: Sendable {
    /// The registry, and what names are called there.
    package var mapping: NameMapping
    /// Push only what one of these patterns means (`calico/*`, `files/*`); empty for all.
    package var only: [String] = []
    /// Push only these platforms of each image; empty for all that are carried.
    package var platforms: [Platform] = []
    /// Fail where the registry refuses an index of which only some platforms are pushed, rather than give
    /// its tag to an index of those.
    package var isExact = false
    /// How many blobs are sent at once.
    package var jobs = 8

    /// Everything, by that mapping.
    package init(_ mapping: NameMapping) { self.mapping = mapping }
}

/// What goes where, before the registry was asked for anything.
struct PushPlan: Sendable {
    /// An image or file, and its name in the registry.
    struct Item: Sendable {
        /// What it is called in the bundle.
        let name: String
        let reference: Reference
        let top: Manifest
        /// The manifests that are pushed before an index, each after all that it names.
        let children: [Manifest]
        /// What the tag leads to where the registry does not take the whole index; `nil` where it is whole.
        let narrowed: Manifest?

        /// All of its manifests.
        var manifests: [Manifest] { children + [top] }
    }
    /// A blob, and every repository that needs it.
    struct Blob: Sendable {
        let descriptor: Descriptor
        /// What it belongs to, for people.
        let owner: String
        var repositories: [Reference]
    }
    private(set) var items: [Item] = []
    /// In the order in which they lie in the bundle, so that a medium is read from its start to its end.
    private(set) var blobs: [Blob] = []
    private var places: [Digest: Int] = [:]

    /// - Throws: a ``Failure`` of kind `configuration` where two images would get one name, `input` where a
    ///   pattern means nothing, or an image has none of the platforms.
    init(_ bundle: Bundle, options: PushOptions) throws(Failure) {
        var wanted: [(name: Reference, item: Item)] = []
        for image in bundle.images {
            wanted.append((image.reference, try Self.item(image, options: options)))
        }
        for file in bundle.files {
            let name = FileArtifact.reference(file, release: bundle.spec.release, in: options.mapping.domain)
            wanted.append(
                (
                    name,
                    Item(
                        name: "the file \(file.title)", reference: try options.mapping.reference(for: name),
                        top: try FileArtifact(file).manifest, children: [], narrowed: nil)
                ))
        }
        if !options.only.isEmpty {
            for pattern in options.only
            where !wanted.contains(where: { ImagePattern(pattern).matches($0.name) }) {
                throw Failure(
                    .input, "push", "'\(pattern)'", because: "nothing in \(bundle.path) matches",
                    remedy: "see the names with `sealift inspect`; files are called files/NAME")
            }
            wanted.removeAll { wanted in
                !options.only.contains { ImagePattern($0).matches(wanted.name) }
            }
        }
        for (_, item) in wanted { try add(item, options: options) }
        let order = Dictionary(
            bundle.blobs.enumerated().map { ($1.descriptor.digest, $0) }, uniquingKeysWith: min)
        blobs.sort { order[$0.descriptor.digest, default: 0] < order[$1.descriptor.digest, default: 0] }
    }

    private static func item(_ image: BundleImage, options: PushOptions) throws(Failure) -> Item {
        let there = image.locked.platforms.map(\.platform)
        let wanted = options.platforms.isEmpty ? there : there.filter(options.platforms.contains)
        guard !wanted.isEmpty || there.isEmpty else {
            throw Failure(
                .input, "push", "\(image.reference)",
                because: "it is there only for \(there.map(\.description).joined(separator: ", "))",
                remedy: "choose other platforms, or leave it out with --only")
        }
        var parts = Array(image.manifests.dropFirst())
        var kept = Set((parts.map(\.descriptor) + image.blobs).map(\.digest))
        if wanted.count < there.count, case .index = image.top.content {
            kept.formIntersection(try image.selection().kept(for: wanted))
            let serving = wanted.compactMap { image.instance(for: $0)?.descriptor.digest }
            kept.formUnion(serving)
            parts.removeAll { !kept.contains($0.descriptor.digest) }
        }
        return Item(
            name: image.reference.familiar, reference: try options.mapping.reference(for: image.reference),
            top: image.top, children: parts, narrowed: try image.top.narrowed(to: kept))
    }

    private mutating func add(_ item: Item, options: PushOptions) throws(Failure) {
        if let other = items.first(where: { $0.reference == item.reference }) {
            if other.top.descriptor == item.top.descriptor { return }
            throw Failure(
                .configuration, "push", item.name,
                because: "it would be called \(item.reference), as \(other.name) is, which is another image",
                remedy: "lead one of them elsewhere with --rewrite FROM=TO, or choose with --only")
        }
        items.append(item)
        for manifest in item.manifests {
            for blob in manifest.blobs { add(blob, item: item) }
        }
    }

    private mutating func add(_ blob: Descriptor, item: Item) {
        guard let place = places[blob.digest] else {
            places[blob.digest] = blobs.count
            blobs.append(Blob(descriptor: blob, owner: item.name, repositories: [item.reference]))
            return
        }
        let isKnown = blobs[place].repositories.contains { $0.repository == item.reference.repository }
        if !isKnown { blobs[place].repositories.append(item.reference) }
    }
}

/// A bundle, and what is made for a push.
struct PushSource: ContentSource {
    let bundle: Bundle

    func contains(_ digest: Digest) -> Bool {
        digest == FileArtifact.config.digest || bundle.contains(digest)
    }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        if descriptor.digest == FileArtifact.config.digest { return MemoryStream(FileArtifact.configBytes) }
        return try bundle.open(descriptor)
    }
}
