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
    /// Ask for every manifest and blob, also below a tag that points to the image already: for a registry that lost some.
    package var asksForAll = false

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
        /// What the tag points to where the registry does not take the whole index; `nil` where it is whole.
        let narrowed: Manifest?

        /// All of its manifests.
        var manifests: [Manifest] { children + [top] }

        /// Whether its tag is that of a list of referrers, to which others add too.
        var isReferrersList: Bool {
            guard let tag = reference.tag, case .index = top.content else { return false }
            return Digest.Algorithm.allCases.contains { algorithm in
                guard tag.hasPrefix("\(algorithm.rawValue)-") else { return false }
                let digits = tag.dropFirst(algorithm.rawValue.count + 1)
                return digits.utf8.count == 64 && Digest(hex: digits) != nil
            }
        }
    }
    /// A blob, and every repository that needs it.
    struct Blob: Sendable {
        let descriptor: Descriptor
        /// What it belongs to, for people.
        let owner: String
        var repositories: [Reference]
    }
    private(set) var items: [Item] = []
    /// In the order in which they are in the bundle, so that a medium is read from its start to its end.
    private(set) var blobs: [Blob] = []
    private var places: [Digest: Int] = [:]

    /// - Throws: a ``Failure`` of kind `configuration` where two images would get one name, `input` where a
    ///   pattern means nothing, or an image has none of the platforms.
    init(_ bundle: Bundle, options: PushOptions) throws(Failure) {
        var wanted: [Candidate] = []
        for image in bundle.images {
            wanted.append(Candidate(name: image.reference, item: try Self.item(image, options: options)))
        }
        for file in bundle.files {
            let name = FileArtifact.reference(file, release: bundle.spec.release, in: options.mapping.domain)
            let item = Item(
                name: "the file \(file.title)", reference: try options.mapping.reference(for: name),
                top: try FileArtifact(file).manifest, children: [], narrowed: nil)
            wanted.append(Candidate(name: name, item: item))
        }
        if !options.only.isEmpty {
            wanted = try Self.chosen(of: wanted, by: options.only, in: bundle.path)
        }
        for candidate in wanted { try add(candidate.item) }
        let order = Dictionary(
            bundle.blobs.enumerated().map { ($1.descriptor.digest, $0) }, uniquingKeysWith: min)
        blobs.sort { order[$0.descriptor.digest, default: 0] < order[$1.descriptor.digest, default: 0] }
    }

    /// What may be pushed, under the name that it has in the bundle.
    private struct Candidate {
        let name: Reference
        let item: Item

        /// Whether it belongs to what has one of `digests` in its repository: by the subject that it names, or by a tag
        /// that begins with the digest, as cosign's `sha256-….sig` does.
        func belongs(to digests: [String: Set<Digest>]) -> Bool {
            guard let owners = digests[name.domain + "/" + name.repository] else { return false }
            if let subject = item.top.subject?.digest, owners.contains(subject) { return true }
            guard let tag = name.tag, let dash = tag.firstIndex(of: "-"),
                let algorithm = Digest.Algorithm(rawValue: String(tag[..<dash]))
            else { return false }
            let stem = tag[tag.index(after: dash)...].prefix { $0 != "." }
            return owners.contains { $0.algorithm == algorithm && $0.hex.prefix(64) == stem.prefix(64) }
        }
    }

    /// What one of `patterns` means, and all that belongs to it, in the order of `candidates`.
    /// - Throws: a ``Failure`` of kind `input` where a pattern means nothing.
    private static func chosen(
        of candidates: [Candidate], by patterns: [String], in bundle: String
    ) throws(Failure) -> [Candidate] {
        var isChosen = [Bool](repeating: false, count: candidates.count)
        for pattern in patterns {
            let matching = candidates.indices.filter {
                ImagePattern(pattern).matches(candidates[$0].name)
            }
            guard !matching.isEmpty else {
                throw Failure(
                    .input, "push", "'\(pattern)'", because: "nothing in \(bundle) matches",
                    remedy: "see the names with `sealift inspect`; files are called files/NAME")
            }
            for index in matching { isChosen[index] = true }
        }
        var digests: [String: Set<Digest>] = [:]
        var fresh = candidates.indices.filter { isChosen[$0] }
        while !fresh.isEmpty {
            for candidate in fresh.map({ candidates[$0] }) {
                digests[candidate.name.domain + "/" + candidate.name.repository, default: []]
                    .formUnion(candidate.item.manifests.map(\.descriptor.digest))
            }
            fresh = candidates.indices.filter { !isChosen[$0] && candidates[$0].belongs(to: digests) }
            for index in fresh { isChosen[index] = true }
        }
        return zip(candidates, isChosen).filter(\.1).map(\.0)
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

    private mutating func add(_ item: Item) throws(Failure) {
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
