// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// An OCI image layout of some images of a source, laid out before anything is written.
struct ExportedLayout {
    /// The bytes of `index.json`.
    let index: [UInt8]
    /// Blobs of the source, each once: manifests before what they name.
    private(set) var blobs: [Descriptor] = []
    /// Blobs that are in no source: see ``wrap(_:)``.
    private(set) var made: [(Descriptor, [UInt8])] = []

    /// The algorithms of all digests, in order of name.
    var algorithms: [Digest.Algorithm] {
        let all = Set((blobs + made.map(\.0)).map(\.digest.algorithm))
        return Digest.Algorithm.allCases.filter(all.contains)
    }

    /// The content of `oci-layout`.
    static let marker = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)

    /// One image has one descriptor: readers that are given no name take it. Of several, each of docker's types has a
    /// second one besides, by which readers that look for OCI types find its name.
    /// - Throws: a ``Failure`` of kind `input` when a blob of an instance that is there is missing.
    init(_ images: [NamedImage], from source: any ContentSource) throws(Failure) {
        var entries: [Descriptor] = []
        var seen: Set<Digest> = []
        var blobs: [Descriptor] = []
        var made: [(Descriptor, [UInt8])] = []
        for image in images {
            let name = image.reference.description
            let manifest = try source.manifest(image.descriptor)
            var instances = try Self.gather(manifest, source: source, seen: &seen, blobs: &blobs, depth: 0)
            var entry = manifest.descriptor
            entry.annotations = ["io.containerd.image.name": name]
            let isFound = entry.mediaType.hasPrefix("application/vnd.oci.") || images.count == 1
            if isFound { entry.annotations?["org.opencontainers.image.ref.name"] = name }
            entries.append(entry)
            if isFound { continue }
            if case .image(let config, _) = manifest.content {
                instances[0].platform = Self.platform(of: config, source: source)
            }
            var (wrapper, bytes) = try Self.wrap(instances)
            if seen.insert(wrapper.digest).inserted { made.append((wrapper, bytes)) }
            // containerd takes both for names of images, of which no two may be equal.
            wrapper.annotations = [
                "org.opencontainers.image.ref.name": name,
                "io.containerd.image.name":
                    "\(image.reference.domain)/\(image.reference.repository)@\(wrapper.digest)",
            ]
            entries.append(wrapper)
        }
        index = try Manifest.indexBytes(of: entries)
        self.blobs = blobs
        self.made = made
    }

    /// Adds what `manifest` points to; returns the instances that are there, with their platforms.
    private static func gather(
        _ manifest: Manifest, source: any ContentSource, seen: inout Set<Digest>,
        blobs: inout [Descriptor],
        depth: Int
    ) throws(Failure) -> [Descriptor] {
        if seen.insert(manifest.descriptor.digest).inserted { blobs.append(manifest.descriptor) }
        guard case .index(let children) = manifest.content else {
            for child in manifest.children where seen.insert(child.digest).inserted { blobs.append(child) }
            return [manifest.descriptor]
        }
        guard depth < Manifest.deepestNesting else { return [] }
        var instances: [Descriptor] = []
        for child in children {
            guard MediaType.accepted.contains(child.mediaType) else {
                if (try? source.open(child)) != nil, seen.insert(child.digest).inserted {
                    blobs.append(child)
                }
                continue
            }
            let below: Manifest
            do throws(Failure) { below = try source.manifest(child) } catch {
                // An index keeps naming the platforms that the bundle does not carry.
                if error.kind == .input { continue }
                throw error
            }
            for var instance in try gather(
                below, source: source, seen: &seen, blobs: &blobs, depth: depth + 1)
            {
                instance.platform = instance.platform ?? child.platform
                instances.append(instance)
            }
        }
        return instances
    }

    /// The platform in an image's config; `nil` where it names none.
    static func platform(of config: Descriptor, source: any ContentSource) -> PlatformFields? {
        (try? source.bytes(of: config)).flatMap(PlatformFields.init(config:))
    }

    /// An OCI index of `instances`: readers of layouts pass over docker's types in `index.json`, but follow
    /// an index to them.
    private static func wrap(_ instances: [Descriptor]) throws(Failure) -> (Descriptor, [UInt8]) {
        let bytes = try Manifest.indexBytes(of: instances)
        return (Descriptor(mediaType: MediaType.index, of: bytes), bytes)
    }
}
