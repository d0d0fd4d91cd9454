// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Spec

/// A bundle that has been opened: its index, document and manifests are verified, and the layout says where every blob
/// is. Blobs and their headers are verified as they are read, or all at once by ``verify(jobs:progress:)``. Opening takes
/// a number of reads that depends on the bytes of the manifests, not on how many blobs there are. Any number of threads
/// may use it.
package final class Bundle: ContentSource {
    /// The path of the file; of volumes, the base of their names.
    package let path: String
    /// What it was made from.
    package let spec: Spec
    /// What it carries.
    package let lock: Lock
    /// What apply must produce; `nil` where no rehearsal has derived it.
    package let outcome: BuildOutcome?
    /// The executables that travel with it, in order of name.
    package let tools: [CarriedTool]
    /// The version of its document.
    package let version: Int
    /// The base and the images, in the lock's order.
    package let images: [BundleImage]
    /// All blobs that are in it, each once, in the order of a fresh bundle, with what they belong to.
    package let blobs: [BundlePlan.Blob]
    /// The blobs that were left out because the isolated host has them, in order of first use.
    package let required: [BundlePlan.Item]
    /// The bytes of `index.json`, which a signature covers.
    package let index: [UInt8]
    /// The digest of ``index``: the bundle's identity.
    package let indexDigest: Digest
    /// Its size in bytes, all volumes together.
    package let size: Int64
    /// Whether it is in volumes.
    package let isSplit: Bool
    /// The trusted keys that have signed it; none where it was opened without any.
    package let signers: [Signer]

    let volumes: Volumes
    /// As its document states it; a copy may be split in another way.
    private let volumeSize: Int64?
    private let members: [Digest: MemberPlace]
    private let toolMembers: [String: MemberPlace]
    /// Whether the places follow from the layout, so that a header is looked at when its member is read.
    let isLaidOut: Bool
    private let overlays: [Bundle]

    /// Opens the bundle at `path`: a file, the base of volumes' names, or the first volume, `….001`.
    ///
    /// All volumes are looked at before any blob is read. Blobs that were left out are taken from
    /// `overlays`; those that are not there either are ``missing``, which is no error here.
    /// - Parameter trust: with any key, a bundle that none of them signed is refused before it is parsed, and so is one
    ///   whose tools are not those that were signed: they would be run before anything else verifies them.
    /// - Throws: a `Failure` of kind `input` where the file or a volume is not there, naming it; of kind
    ///   `data` for whatever is not, to the byte, a bundle: damaged or foreign members, a volume of
    ///   another size, an index that its own document does not give; and for one that no trusted key signed.
    package init(
        opening path: String, with overlays: [Bundle] = [], trusting trust: Trust = .none
    ) throws(Failure) {
        let set = try VolumeDiscovery(opening: path, trusting: trust)
        let members = try MemberTable(set)
        let signed = if let signed = set.signed { signed } else { try members.signed(trust) }
        let contents = try BundleIndexReader(set, members: members)
        guard contents.plan.index == signed.index else {
            throw members.refuse("its index.json changed while it was read")
        }
        signers = signed.signers
        try members.check(against: contents.plan)
        self.path = set.base
        (spec, lock) = (contents.document.spec, contents.document.lock)
        volumeSize = contents.document.volumeSize
        (outcome, version) = (contents.document.outcome, contents.document.version)
        tools = contents.document.tools ?? []
        images = contents.images
        blobs = contents.plan.blobs.map { $0.bytes == nil ? $0 : $0.withoutBytes }
        required = contents.plan.required
        index = contents.plan.index
        indexDigest = contents.plan.indexDigest
        size = set.volumes.size
        isSplit = set.isSplit
        volumes = set.volumes
        self.members = members.blobs
        toolMembers = members.documents
        isLaidOut = members.isLaidOut
        self.overlays = overlays
        if trust.isConfigured { for tool in tools { try verify(tool) } }
    }

    private func verify(_ tool: CarriedTool) throws(Failure) {
        guard var stream = open(tool) else { return }
        do throws(Failure) { try stream.forEachChunk { _ in } } catch {
            guard error.kind == .data else { throw error }
            throw Failure(
                .data, "accept", "\(tool.owner) of \(path)", because: error.reason,
                remedy:
                    "do not run it: it is not the one that was signed; copy the bundle again from where it was made"
            )
        }
    }

    /// Opens a tool of ``tools``, verified on the way.
    func open(_ tool: CarriedTool, fromMedium: Bool = false) -> VerifyingStream? {
        toolMembers[tool.name].map { member in
            VerifyingStream(
                volumes.stream(at: member.offset, count: member.size, fromMedium: fromMedium),
                descriptor: tool.descriptor, artifact: "\(tool.owner) in \(path)")
        }
    }

    /// Where a tool is; `nil` for one of another bundle.
    func place(of tool: CarriedTool) -> MemberPlace? { toolMembers[tool.name] }

    /// Where the bytes of a tool are; none for one of another bundle.
    func regions(of tool: CarriedTool) -> [Region] {
        toolMembers[tool.name].map { volumes.regions(at: $0.offset, count: $0.size) } ?? []
    }

    /// Its layout as it was before its outcome was known: what a collect begins with.
    func draft() throws(Failure) -> BundlePlan { try plan(with: nil) }

    /// Its layout.
    package func plan() throws(Failure) -> BundlePlan { try plan(with: outcome) }

    private func plan(with outcome: BuildOutcome?) throws(Failure) -> BundlePlan {
        try BundlePlan(
            spec: spec, lock: lock, images: images, have: Set(required.map(\.descriptor.digest)),
            volumeSize: volumeSize, outcome: outcome, tools: tools, version: version)
    }

    /// All that it is: its blobs, then those that it requires.
    var items: [BundlePlan.Item] { blobs.map(\.item) + required }

    /// The blobs that are neither in it nor in its overlays.
    package var missing: [BundlePlan.Item] { required.filter { !contains($0.descriptor.digest) } }

    /// The paths and sizes of the files that it is in.
    package var fileSizes: [(path: String, size: Int64)] {
        Volumes.names(path, size: size, volumeSize: volumes.volumeSize)
    }

    /// The files, as the lock names them.
    package var files: [Lock.File] { lock.files }

    /// The image that `reference` means, where it is carried; a digest in it is compared with the content.
    package func image(_ reference: Reference) -> BundleImage? {
        let meant = images.filter { reference.means($0.reference, content: $0.locked.digests) }
        return meant.first { $0.reference == reference } ?? meant.first
    }

    /// The file of that name for `platform`, where it is carried. One that does not depend on the
    /// platform serves them all.
    package func file(_ name: String, for platform: Platform) -> Lock.File? {
        files.first { $0.name == name && ($0.platform == nil || $0.platform == platform) }
    }

    /// Whether the blob can be read, from it or from an overlay.
    package func contains(_ digest: Digest) -> Bool {
        members[digest] != nil || overlays.contains { $0.contains(digest) }
    }

    /// Where the blob's bytes are, in order, in it or in an overlay; `nil` where it has none. For
    /// `sendfile` and `copy_file_range`: the bytes are not verified.
    package func regions(of digest: Digest) -> [Region]? {
        if let member = members[digest] { return volumes.regions(at: member.offset, count: member.size) }
        if let tool = tools.first(where: { $0.digest == digest }) { return regions(of: tool) }
        for overlay in overlays { if let regions = overlay.regions(of: digest) { return regions } }
        return nil
    }

    /// Where its own blobs and tools are: all that is left to know once its images are known, and small.
    package var places: BlobPlaces {
        var places = members
        for tool in tools { places[tool.digest] = places[tool.digest] ?? toolMembers[tool.name] }
        return BlobPlaces(volumes: volumes, places: places)
    }

    /// Opens the blob's bytes, verified on the way.
    /// - Throws: a `Failure` of kind `input` where neither the bundle nor an overlay has it.
    package func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        try open(descriptor, fromMedium: false)
    }

    /// The same; `fromMedium` reads what is long past the system's cache.
    func open(_ descriptor: Descriptor, fromMedium: Bool) throws(Failure) -> any ByteStream {
        guard let member = members[descriptor.digest] else {
            if let tool = tools.first(where: { $0.digest == descriptor.digest }),
                let stream = open(tool, fromMedium: fromMedium)
            {
                return stream
            }
            for overlay in overlays where overlay.contains(descriptor.digest) {
                return try overlay.open(descriptor, fromMedium: fromMedium)
            }
            throw Failure(
                .input, "read", "\(descriptor.digest)", because: "it is not in \(path)",
                remedy: required.contains { $0.descriptor.digest == descriptor.digest }
                    ? "the bundle is a delta: name the bundle that it builds on with --with"
                    : "take the bundle that the image or file came in")
        }
        if isLaidOut { try checkHeader(descriptor.digest.layoutPath, at: member) }
        return VerifyingStream(
            volumes.stream(at: member.offset, count: member.size, fromMedium: fromMedium),
            descriptor: descriptor, artifact: "\(descriptor.digest) in \(path)")
    }

    /// Checks the header and the padding of a blob that is in this very bundle, where opening has not done so.
    func checkFrame(of digest: Digest) throws(Failure) {
        guard isLaidOut, let member = members[digest] else { return }
        try checkFrame(digest.layoutPath, at: member)
    }

    /// Checks the header and the padding of a tool.
    func checkFrame(of tool: CarriedTool) throws(Failure) {
        guard isLaidOut, let member = toolMembers[tool.name] else { return }
        try checkFrame(tool.name, at: member)
    }
}

extension BundlePlan.Blob {
    /// The same place without the content: an open bundle reads it again where it is wanted.
    fileprivate var withoutBytes: Self {
        Self(descriptor: descriptor, owner: owner, offset: offset, bytes: nil)
    }
}
