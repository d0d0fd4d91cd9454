// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import NIOCore
internal import OCI

/// Gathers a ``Catalog`` image by image.
struct CatalogBuilder {
    private let shelves: [any ServedContent]
    private(set) var images: [NamedImage] = []
    private(set) var manifests: [Digest: Catalog.Stored] = [:]
    private(set) var missing: Set<Digest> = []
    /// Bytes of all manifests and blobs of images, each counted once.
    private(set) var total: Int64 = 0
    private var counted: Set<Digest> = []
    /// By full name.
    private var repositories: [String: Repository] = [:]
    /// Full names by the name without the domain, in the order in which they came.
    private var domainsOf: [String: [String]] = [:]
    private var seen: Set<Reference> = []
    private var parsed: [Digest: [Descriptor]] = [:]
    private var subjects: [Digest: (subject: Digest, descriptor: Descriptor)] = [:]
    private(set) var kept = KeptBytes()

    init(_ shelves: [any ServedContent]) { self.shelves = shelves }

    mutating func add(_ image: NamedImage) throws(Failure) {
        let reference = image.reference
        guard try load(image.descriptor) != nil else {
            missing.insert(image.descriptor.digest)
            return
        }
        if seen.insert(reference).inserted { images.append(image) }
        let name = reference.domain + "/" + reference.repository
        if repositories[name] == nil { domainsOf[reference.repository, default: []].append(reference.domain) }
        var repository = repositories.removeValue(forKey: name) ?? Repository()
        if let tag = reference.tag, repository.tags[tag] == nil { repository.tags[tag] = image.descriptor }
        _ = try walk(image.descriptor, into: &repository, depth: 0)
        repositories[name] = repository
    }

    /// All names with what they point to, and the names that are listed.
    func named() -> (repositories: [String: Repository], names: [String], shared: [Catalog.SharedName]) {
        var named: [String: Repository] = [:]
        var names: [String] = []
        var shared: [Catalog.SharedName] = []
        for (path, domains) in domainsOf {
            var merged = Repository()
            let domains = domains.filter { $0 == "docker.io" } + domains.filter { $0 != "docker.io" }
            if domains.count > 1 { shared.append(Catalog.SharedName(name: path, domains: domains)) }
            for domain in domains {
                guard var repository = repositories[domain + "/" + path] else { continue }
                repository.sort()
                named[domain + "/" + path] = repository
                if domains.count == 1 {
                    // One value under both names: its storage is shared.
                    merged = repository
                } else {
                    merged.merge(repository)
                    names.append(domain + "/" + path)
                }
            }
            if domains.count > 1 { merged.sort() }
            named[path] = merged
            names.append(path)
        }
        return (named, names.sorted(), shared.sorted { $0.name < $1.name })
    }

    /// Puts what `descriptor` points to into `repository`; returns the sizes of all that is here of it, and its
    /// platforms.
    private mutating func walk(
        _ descriptor: Descriptor, into repository: inout Repository, depth: Int
    ) throws(Failure) -> (sizes: [Digest: Int64], platforms: [Platform]) {
        guard depth <= Manifest.deepestNesting, let children = try load(descriptor) else { return ([:], []) }
        let first = repository.manifests.insert(descriptor.digest).inserted
        var sizes = [descriptor.digest: descriptor.size]
        var platforms: [Platform] = []
        let isIndex = MediaType.indexes.contains(manifests[descriptor.digest]?.descriptor.mediaType ?? "")
        for child in children {
            if isIndex {
                let below = try walk(child, into: &repository, depth: depth + 1)
                sizes.merge(below.sizes) { size, _ in size }
                platforms += below.platforms
                if !below.sizes.isEmpty, let platform = child.platform?.value { platforms.append(platform) }
            } else if find(child.digest).isEmpty {
                missing.insert(child.digest)
            } else {
                repository.blobs.insert(child.digest)
                if counted.insert(child.digest).inserted { total = [total, child.size].clampedTotal { $0 } }
                sizes[child.digest] = child.size
            }
        }
        if first, let (subject, descriptor) = subjects[descriptor.digest] {
            repository.referrers[subject, default: []].append(descriptor)
        }
        manifests[descriptor.digest]?.total = sizes.values.clampedTotal { $0 }
        manifests[descriptor.digest]?.platforms = platforms
        return (sizes, platforms)
    }

    private func find(_ digest: Digest) -> [Region] {
        shelves.lazy.map { $0.regions(of: digest) }.first { !$0.isEmpty } ?? []
    }

    /// Reads the manifest once; returns what it names, or `nil` when no shelf has it.
    private mutating func load(_ descriptor: Descriptor) throws(Failure) -> [Descriptor]? {
        if let children = parsed[descriptor.digest] { return children }
        let regions = find(descriptor.digest)
        guard !regions.isEmpty else { return nil }
        if counted.insert(descriptor.digest).inserted {
            total = [total, descriptor.size].clampedTotal { $0 }
        }
        let artifact = "the manifest \(descriptor.digest)"
        guard descriptor.size <= Manifest.largestSize else {
            throw Failure(.data, "serve", artifact, because: "it has \(descriptor.size) bytes")
        }
        var stream = VerifyingStream(RegionStream(regions), descriptor: descriptor, artifact: artifact)
        let bytes = try stream.readAll(limit: Int(Manifest.largestSize), artifact: artifact)
        // What is no image and no index, an older kind of artifact, is still served as it is.
        let manifest = try? Manifest(parsing: bytes, type: descriptor.mediaType, artifact: artifact)
        var stored = Catalog.Stored(descriptor: descriptor)
        stored.descriptor.mediaType = manifest?.descriptor.mediaType ?? descriptor.mediaType
        if case .image(let config, _) = manifest?.content { stored.configType = config.mediaType }
        if kept.count + bytes.count <= Catalog.memory { stored.kept = kept.add(bytes) }
        manifests[descriptor.digest] = stored
        parsed[descriptor.digest] = manifest?.children ?? []
        if manifest == nil || manifest?.subject != nil,
            let fields = try? JSONText.decode(SubjectFields.self, from: bytes),
            let subject = fields.subject
        {
            let referrer = Descriptor(
                mediaType: stored.descriptor.mediaType, digest: descriptor.digest, size: descriptor.size,
                annotations: fields.annotations, artifactType: fields.artifactType ?? fields.config?.mediaType
            )
            subjects[descriptor.digest] = (subject.digest, referrer)
        }
        return parsed[descriptor.digest]
    }

    /// What the referrers list says of a manifest. Source: distribution specification, "Listing Referrers".
    private struct SubjectFields: Decodable {
        struct Config: Decodable { var mediaType: String }
        var subject: Descriptor?
        var artifactType: String?
        var config: Config?
        var annotations: [String: String]?
    }
}

/// The bytes of a blob from wherever its parts are.
struct RegionStream: ByteStream {
    private var rest: ArraySlice<Region>
    private var current: FileStream?

    init(_ regions: [Region]) { rest = regions[...] }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            if let count = try current?.read(into: buffer), count > 0 { return count }
            guard let next = rest.popFirst() else { return 0 }
            current = next.file.stream(at: next.offset, count: next.count)
        }
    }
}
