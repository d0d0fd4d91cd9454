// SPDX-License-Identifier: Apache-2.0

/// Images that are on this host in a form that other tools write: what `docker save`, `podman save` and
/// `skopeo copy` leave. Nothing is unpacked; names in it are only looked up, never made into paths.
package struct ImageArchive: Sendable {
    /// A form of an archive. The raw values are the transports of skopeo and podman.
    package enum Form: String, Sendable, CaseIterable {
        /// What `docker save` writes.
        case dockerArchive = "docker-archive"
        /// An OCI image layout in a tar.
        case ociArchive = "oci-archive"
        /// An OCI image layout as a folder.
        case oci
    }

    /// Where the archive is, for errors.
    package let path: String
    private let form: Form
    private let files: ArchiveFiles

    /// Opens the archive at `path`.
    /// - Parameters:
    ///   - form: what the spec says that it is.
    ///   - path: the file or folder.
    ///   - scratch: where a tar that is compressed as a whole is unpacked to, since its members must be found in any
    ///     order; the caller removes it.
    /// - Throws: a ``Failure`` of kind `input` where nothing is there; of kind `data` for a tar that is
    ///   damaged, has a member twice, or too many.
    package init(_ form: Form, at path: String, scratch: String) throws(Failure) {
        self.form = form
        self.path = path
        if form == .oci {
            files = .folder(try Folder.open(path))
        } else {
            let file = try File.open(path)
            files = .tar(try TarIndex(try Self.plain(file, scratch: scratch), path: path))
        }
    }

    /// The tar itself: the file, or what it unpacks to.
    private static func plain(_ file: File, scratch: String) throws(Failure) -> File {
        let size = try file.size()
        var head = file.stream(count: min(size, 10))
        guard Compression(try head.readAll(limit: 10, artifact: file.path)) != nil else { return file }
        let unpacked = try File.create(scratch)
        // Inflating and writing overlap.
        var stream = ReadAhead(try decompressed(file.stream(count: size), limit: nil, artifact: file.path))
        var end: Int64 = 0
        while try stream.withNext({ (bytes) throws(Failure) in
            try unpacked.write(bytes, at: end)
            end += Int64(bytes.count)
        }) {}
        return unpacked
    }

    /// The image that is called `name` in the archive.
    /// - Parameters:
    ///   - name: as the archive has it; `nil` for the only one, or the one that goes by `reference`.
    ///   - reference: what the spec calls the image.
    /// - Throws: a ``Failure`` of kind `input` where there is none or several, naming what there is; of kind
    ///   `data` for an archive that is not of its form.
    package func image(_ name: String?, for reference: Reference) throws(Failure) -> ArchivedImage {
        switch form {
        case .dockerArchive: try DockerArchiveReader(files).image(name, for: reference)
        case .ociArchive, .oci: try ImageLayout(files).image(name, for: reference)
        }
    }
}

/// One image of an archive, with all of its blobs; each is verified when it is read.
package struct ArchivedImage: ContentSource {
    /// The manifest or index that the image begins with.
    package let descriptor: Descriptor
    private let files: ArchiveFiles
    /// What is in the archive under another name than its digest.
    private let names: [Digest: String]
    /// What is not in the archive, but made of it.
    private let made: [Digest: [UInt8]]

    init(
        _ descriptor: Descriptor, in files: ArchiveFiles, names: [Digest: String] = [:],
        made: [Digest: [UInt8]] = [:]
    ) {
        self.descriptor = descriptor
        self.files = files
        self.names = names
        self.made = made
    }

    /// Opens a blob of the image, verified on the way.
    /// - Throws: a ``Failure`` of kind `input` where the archive does not have it, `data` where it is a
    ///   link, or has another size than was promised.
    package func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        let artifact = "\(descriptor.digest) in \(files.path)"
        if let bytes = made[descriptor.digest] {
            return VerifyingStream(MemoryStream(bytes), descriptor: descriptor, artifact: artifact)
        }
        let name = names[descriptor.digest]
        let region = try files.region(
            name ?? descriptor.digest.layoutPath, followingLink: name != nil)
        guard region.count == descriptor.size else {
            throw Failure(
                .data, "read", artifact,
                because: "it has \(region.count) bytes, and its descriptor says \(descriptor.size)",
                remedy: "have the archive made again")
        }
        return VerifyingStream(
            region.file.stream(at: region.offset, count: region.count), descriptor: descriptor,
            artifact: artifact)
    }
}

/// The files of an archive, by name.
enum ArchiveFiles: Sendable {
    case folder(Folder)
    case tar(TarIndex)

    /// Where the archive is, for errors.
    var path: String {
        switch self {
        case .folder(let folder): folder.path
        case .tar(let index): index.path
        }
    }

    /// Where the file's bytes are. In a folder no symbolic link is followed; in a tar one, if that is allowed:
    /// `docker save` writes a layer that two images share once.
    func region(_ name: String, followingLink: Bool = false) throws(Failure) -> Region {
        switch self {
        case .folder(let folder):
            do throws(Failure) {
                let file = try folder.file(Array(name.utf8))
                return Region(file: file, offset: 0, count: try file.size())
            } catch {
                var failure = error
                if failure.remedy.isEmpty {
                    failure.remedy = "have the layout made again, of plain files only"
                }
                throw failure
            }
        case .tar(let index): return try index.region(of: name, followingLink: followingLink)
        }
    }

    /// The bytes of a small file.
    func bytes(_ name: String, limit: Int) throws(Failure) -> [UInt8] {
        let region = try region(name)
        guard region.count <= limit else {
            throw refuse("\(name) has \(region.count) bytes, more than \(limit)")
        }
        var stream = region.file.stream(at: region.offset, count: region.count)
        return try stream.readAll(limit: limit, artifact: path)
    }

    func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "read the image archive", path, because: reason,
            remedy: "have it made again by docker, podman or skopeo, and check the form that the spec gives")
    }

    /// The failure where no image, or more than one, is meant.
    func choice(_ name: String?, reference: Reference, there: [String]) -> Failure {
        let known = there.isEmpty ? "none that has a name" : there.prefix(20).joined(separator: ", ")
        return Failure(
            .input, "find \(name ?? reference.familiar) in", path, because: "it has \(known)",
            remedy: "write the name that is meant behind the path: \(path):NAME")
    }
}
