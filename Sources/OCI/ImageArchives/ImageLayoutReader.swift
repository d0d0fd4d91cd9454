// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// An OCI image layout that others have written. Source: OCI image specification, `image-layout.md`.
struct ImageLayout {
    private let files: ArchiveFiles
    private let images: [Descriptor]

    /// Reads the marker and the index.
    /// - Throws: a ``Failure`` of kind `data` for a layout of another version or an index that is none.
    init(_ files: ArchiveFiles) throws(Failure) {
        struct Marker: Decodable { var imageLayoutVersion: String }
        self.files = files
        let marker = try files.bytes("oci-layout", limit: 4096)
        guard (try? JSONText.decode(Marker.self, from: marker))?.imageLayoutVersion == "1.0.0" else {
            throw files.refuse("its oci-layout is not of version 1.0.0")
        }
        let index = try Manifest(
            parsing: files.bytes("index.json", limit: Int(Manifest.largestSize)), type: MediaType.index,
            artifact: files.path)
        guard case .index(let listed) = index.content else {
            throw files.refuse("its index.json is no index")
        }
        // A bundle's own document is no image.
        images = listed.filter {
            $0.artifactType?.hasPrefix("application/vnd.sealift.bundle.") != true
                && MediaType.accepted.contains($0.mediaType)
        }
    }

    /// As ``ImageArchive/image(_:for:)``.
    func image(_ name: String?, for reference: Reference) throws(Failure) -> ArchivedImage {
        if name == nil, Set(images.map(\.digest)).count == 1 { return image(images[0]) }
        // containerd's key has the full name; the other may be no more than a tag, or point to a copy.
        let keys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
        for key in keys {
            let found = images.filter { Self.means($0.annotations?[key], name: name, reference: reference) }
            if Set(found.map(\.digest)).count == 1 { return image(found[0]) }
            if let whole = try index(of: found) { return whole }
        }
        let names = Set(images.flatMap { image in keys.compactMap { image.annotations?[$0] } })
        if name == nil, names.isEmpty, let whole = try index(of: images) { return whole }
        let there = images.flatMap { image in keys.compactMap { image.annotations?[$0] } }
        throw files.choice(name, reference: reference, there: Set(there).sorted())
    }

    private func image(_ descriptor: Descriptor) -> ArchivedImage {
        ArchivedImage(Self.bare(descriptor), in: files)
    }

    /// Type, digest, size and platform alone.
    private static func bare(_ descriptor: Descriptor) -> Descriptor {
        var bare = Descriptor(
            mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size)
        bare.platform = descriptor.platform
        return bare
    }

    /// An index of the images of one name, where the layout's own index lists a platform each; `nil` for images that
    /// their platforms do not tell apart. The same images give the same bytes.
    private func index(of images: [Descriptor]) throws(Failure) -> ArchivedImage? {
        let platforms = images.map { $0.platform?.named }
        guard images.count > 1, !platforms.contains(nil), Set(platforms).count == images.count else {
            return nil
        }
        let index = try Manifest.index(of: images.map(Self.bare))
        return ArchivedImage(index.descriptor, in: files, made: [index.descriptor.digest: index.raw])
    }

    /// Whether `written` is the name that is asked for: to the letter, or as a reference.
    static func means(_ written: String?, name: String?, reference: Reference) -> Bool {
        guard let written else { return false }
        if written == name { return true }
        guard let read = try? Reference(written) else { return false }
        let wanted = name.map { try? Reference($0) } ?? reference
        guard let wanted else { return false }
        // A tag names it; a digest behind the tag is held against the content later.
        return read.domain == wanted.domain && read.repository == wanted.repository && read.tag == wanted.tag
    }
}
