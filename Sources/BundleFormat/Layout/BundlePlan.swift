// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// A bundle laid out to the last byte before any large blob is fetched.
///
/// Equal specs and locks (with equal `have` and volume size) give equal plans, and so equal bundles.
package struct BundlePlan: Sendable {
    /// One blob and its place.
    package struct Blob: Sendable {
        /// Its digest and size, as the first manifest that names it says.
        package let descriptor: Descriptor
        /// What it belongs to, for people: a reference, or the title of a file.
        package let owner: String
        /// Where its first byte is, counted from the start of the bundle.
        package let offset: Int64
        /// The content, where it is known without fetching: manifests and the bundle document.
        package let bytes: [UInt8]?

        /// The blob without its place.
        package var item: Item { Item(descriptor: descriptor, owner: owner) }
    }

    /// A blob without its place.
    package struct Item: Sendable, Equatable {
        /// Its digest and size, as the first manifest that names it says.
        package let descriptor: Descriptor
        /// What it belongs to, for people: a reference, or the title of a file.
        package let owner: String
    }

    /// A tool and its place.
    package struct PlacedTool: Sendable {
        /// What it is.
        package let tool: CarriedTool
        /// Where its first byte is, counted from the start of the bundle.
        package let offset: Int64
    }

    /// The bytes of `index.json`.
    package let index: [UInt8]
    /// The digest of ``index``: the bundle's identity.
    package let indexDigest: Digest
    /// The blobs in order of their offsets, each digest once.
    package let blobs: [Blob]
    /// The executables that travel with the bundle: between the small blobs and the large ones.
    package let tools: [PlacedTool]
    /// The blobs that are left out because they are had already, in order of first use.
    package let required: [Item]
    /// The bundle's size in bytes.
    package let size: Int64
    /// The size of each volume but the last in bytes; `nil` for a single file.
    package let volumeSize: Int64?

    /// The least size of volumes: the first holds the index and the tools, and there are ``mostVolumes``.
    let leastVolume: Int64

    /// The most volumes of a bundle, as their names have three digits.
    package static let mostVolumes: Int64 = 999

    /// Lays out a bundle of the whole lock.
    /// - Parameters:
    ///   - images: one for each image of the lock, in any order.
    ///   - have: layers and files with these digests are left out and listed as ``required``.
    ///   - volumeSize: splits the bundle into files of so many bytes; `nil` for a single file.
    ///   - outcome: what apply must produce. Plans that differ in it alone have all blobs at the same places.
    ///   - tools: the executables that travel with it, in any order.
    ///   - version: of the document, for a bundle that was written earlier; `nil` for a new one.
    /// - Throws: a `Failure` of kind `data` where the images are not those of the lock or descriptors
    ///   disagree; of kind `configuration` for a volume size that cannot be.
    package init(
        spec: Spec, lock: Lock, images: [BundleImage], have: Set<Digest> = [], volumeSize: Int64? = nil,
        outcome: BuildOutcome? = nil, tools: [CarriedTool] = [], version: Int? = nil
    ) throws(Failure) {
        try self.init(
            spec: spec, lock: lock, images: images.sorted { $0.reference < $1.reference }, have: have,
            volumeSize: volumeSize, outcome: outcome, tools: tools, version: version, written: nil)
    }

    /// The same for images in order.
    /// - Parameter written: the bytes of the document but for the count of spaces at their end, and their descriptor,
    ///   where they are known.
    init(
        spec: Spec, lock: Lock, images: [BundleImage], have: Set<Digest>, volumeSize: Int64?,
        outcome: BuildOutcome?, tools: [CarriedTool], version: Int?,
        written: (bytes: [UInt8], descriptor: Descriptor)?
    ) throws(Failure) {
        guard images.lazy.map(\.locked).elementsEqual(lock.images) else {
            throw Failure(
                .data, "lay out", "the bundle \(spec.name)",
                because: "the images at hand are not those of the lock")
        }
        var contents = try BlobOrder(spec: spec, lock: lock, images: images, have: have)
        let tools = tools.sorted { $0.name < $1.name }
        let document = BundleDocument(
            lock: lock, outcome: outcome, required: contents.required.map(\.descriptor.digest), spec: spec,
            tools: tools.isEmpty ? nil : tools, version: version ?? BundleDocument.version(with: tools),
            volumeSize: volumeSize)
        let leader = try Self.leader(of: document, images: images, written: written, in: &contents)
        var layout = TarOffsets()
        for item in contents.small { try layout.add(item.descriptor, artifact: "the bundle \(spec.name)") }
        for tool in tools { try layout.add(tool.name, size: tool.size, artifact: "the bundle \(spec.name)") }
        for item in contents.large { try layout.add(item.descriptor, artifact: "the bundle \(spec.name)") }
        var index = ImageIndex(annotations: [FormatName.size: ""], manifests: [leader])
        index.annotations?[FormatName.volumeSize] = volumeSize.map { "\($0)" }
        for tool in tools { index.annotations?[FormatName.toolPrefix + tool.name] = "\(tool.digest)" }
        let text = try IndexText(index, images: images, version: document.version)
        (self.index, size) = try Self.closed(text.bytes, over: layout)
        indexDigest = Digest(of: self.index)
        self.volumeSize = volumeSize
        required = contents.required
        let first = layout.firstBlob(withIndexOf: self.index.count)
        let (count, places) = (contents.small.count, layout.offsets.map { first + $0 })
        let blobPlaces = places[..<count] + places[(count + tools.count)...]
        blobs = zip(contents.small + contents.large, blobPlaces).map { item, offset in
            Blob(descriptor: item.descriptor, owner: item.owner, offset: offset, bytes: item.bytes)
        }
        self.tools = zip(tools, places[count...]).map { PlacedTool(tool: $0, offset: $1) }
        let start = self.tools.last.map { $0.offset + $0.tool.size } ?? first
        leastVolume = max(start, (size + Self.mostVolumes - 1) / Self.mostVolumes)
        if let volumeSize {
            try Self.check(volumeSize, least: leastVolume, carriesTools: !tools.isEmpty)
        }
    }

    /// The bytes of an index with the size of the whole in them, and that size.
    private static func closed(
        _ index: [UInt8], over layout: TarOffsets
    ) throws(Failure) -> (bytes: [UInt8], size: Int64) {
        var bytes = index
        // The index states a size that its own length changes: the digits grow until they fit.
        var size: Int64 = 0
        while case let next = layout.size(withIndexOf: bytes.count + "\(size)".utf8.count), next != size {
            size = next
        }
        // The first key of all, as keys are sorted.
        let start = Array("{\"annotations\":{\"\(FormatName.size)\":\"".utf8)
        guard bytes.starts(with: start) else {
            throw Failure(.fault, "lay out", "index.json", because: "it does not begin with the size")
        }
        bytes.insert(contentsOf: "\(size)".utf8, at: start.count)
        return (bytes, size)
    }

    /// Puts the bundle document before the other blobs and returns the descriptor that points to it.
    private static func leader(
        of document: BundleDocument, images: [BundleImage],
        written: (bytes: [UInt8], descriptor: Descriptor)?, in contents: inout BlobOrder
    ) throws(Failure) -> Descriptor {
        let owner = "the bundle document"
        let config: [UInt8]
        let descriptor: Descriptor
        let room = try document.room(images: images)
        if let written, written.bytes.reversed().prefix(while: { $0 == UInt8(ascii: " ") }).count == room {
            (config, descriptor) = written
        } else {
            config = try document.bytes(images: images)
            descriptor = Descriptor(mediaType: FormatName.config, of: config)
        }
        let artifact = ArtifactManifest(
            config: descriptor, layers: document.lock.files.map(\.descriptor))
        let manifest = try Manifest(
            parsing: try StrictJSON.compact(artifact), type: MediaType.manifest, artifact: owner)
        try contents.lead(with: [
            .init(descriptor: manifest.descriptor, owner: owner, bytes: manifest.raw),
            .init(descriptor: descriptor, owner: owner, bytes: config),
        ])
        var leader = manifest.descriptor
        leader.artifactType = FormatName.artifact
        return leader
    }

    private static func check(
        _ volumeSize: Int64, least: Int64, carriesTools: Bool
    ) throws(Failure) {
        guard volumeSize >= least else {
            throw Failure(
                .configuration, "split the bundle into volumes of", "\(volumeSize) bytes",
                because:
                    "the first must hold the index\(carriesTools ? " and the tool" : ""), and there can be \(mostVolumes) at most",
                remedy:
                    "choose at least \(least) bytes\(carriesTools ? ", or leave the tool out with --no-tool" : "")"
            )
        }
    }
}
