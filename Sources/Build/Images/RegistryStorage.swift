// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI
internal import Sealer

/// Container images as the storage of a docker registry, which sealer mounts on `/var/lib/registry` of the
/// registry that it runs: `docker/registry/v2` with `blobs` and `repositories`.
///
/// A tag leads to what the reference led to, verbatim, so to the whole manifest list; only the chosen
/// platform's manifest, config and layers are there. Folders have mode 0750, files 0600, links 71 bytes. The
/// domain of a reference is dropped, since the cluster's registry stands in for all of them. What a registry
/// would have besides is an empty `_uploads` folder in each repository: it makes that itself when it needs it.
///
/// Source: distribution's `registry/storage/paths.go`; sealer rules 5.5 and 5.6.
package struct RegistryTree: Sendable {
    private let images: [RegistryImage]

    /// Takes the images that the registry shall hold.
    /// - Throws: a ``Failure`` of kind `configuration` where one has no tag, or two different ones have the
    ///   same name once the domain is dropped; it names both.
    package init(_ images: [RegistryImage]) throws(Failure) {
        var byPath: [String: RegistryImage] = [:]
        for image in images {
            guard let tag = image.reference.tag else {
                throw Failure(
                    .configuration, "save the image", image.reference.description,
                    because: "it has no tag, and the cluster pulls by tag", remedy: "name it with its tag")
            }
            let path = "\(image.reference.repository):\(tag)"
            if let other = byPath[path], other.manifests[0].descriptor != image.manifests[0].descriptor {
                throw Self.collision(other.reference, image.reference)
            }
            byPath[path] = image
        }
        self.images = byPath.sorted { $0.key < $1.key }.map(\.value)
    }

    static func collision(_ one: Reference, _ other: Reference) -> Failure {
        Failure(
            .configuration, "save the images", "\(one) and \(other)",
            because: "both become \(one.path) in the cluster's registry, and their content differs",
            remedy: "keep one of them, or give one another tag")
    }

    /// Writes the tree as the folder `registry` of the empty folder at `path`, every blob verified on its way.
    ///
    /// The same images give the same tree: all times are `time`, and every file belongs to the user, which as
    /// root is 0:0.
    /// - Parameter time: seconds since 1970.
    /// - Throws: a ``Failure`` of kind `data` where a blob is not what its manifest says; then the folder holds
    ///   a part of the tree.
    package func write(
        below path: String, from source: any ContentSource, time: Int64
    ) throws(Failure) {
        let writer = try RegistryTreeWriter(root: path, time: .init(seconds: time))
        for image in images {
            let repository = "repositories/\(image.reference.repository)"
            for manifest in image.manifests {
                let digest = manifest.descriptor.digest
                try writer.addBlob(manifest.descriptor, MemoryStream(manifest.raw))
                try writer.addLink("\(repository)/_manifests/revisions/sha256/\(digest.hex)", to: digest)
            }
            let top = image.manifests[0].descriptor.digest
            let tag = "\(repository)/_manifests/tags/\(image.reference.tag ?? "latest")"
            try writer.addLink("\(tag)/current", to: top)
            try writer.addLink("\(tag)/index/sha256/\(top.hex)", to: top)
            for blob in image.blobs {
                if !writer.hasBlob(blob.digest) { try writer.addBlob(blob, source.open(blob)) }
                try writer.addLink("\(repository)/_layers/sha256/\(blob.digest.hex)", to: blob.digest)
            }
        }
        try writer.finish()
    }
}

/// Writes files below `docker/registry/v2` and, at the end, sets the times of the folders it made.
private final class RegistryTreeWriter {
    private let root: Folder
    private let time: Folder.Time
    /// The folders that were made, a parent before its children.
    private var folders: [String] = []
    private var known: Set<String> = [""]
    private var blobs: Set<Digest> = []
    private var links: Set<String> = []

    private static let prefix = "registry/docker/registry/v2"

    init(root: String, time: Folder.Time) throws(Failure) {
        self.root = try Folder.open(root)
        self.time = time
    }

    func hasBlob(_ digest: Digest) -> Bool { blobs.contains(digest) }

    /// Writes a blob, unless it is there. The stream verifies itself.
    func addBlob(_ blob: Descriptor, _ stream: any ByteStream) throws(Failure) {
        guard blobs.insert(blob.digest).inserted else { return }
        let hex = blob.digest.hex
        // A thread of its own reads and hashes while this one writes, where that is worth a thread.
        var stream = blob.size > 1 << 20 ? ReadAhead(stream) : stream
        try addFile("data", in: "blobs/sha256/\(hex.prefix(2))/\(hex)") { (file) throws(Failure) in
            var offset: Int64 = 0
            try stream.forEachChunk { (bytes) throws(Failure) in
                try file.write(bytes, at: offset)
                offset += Int64(bytes.count)
            }
        }
    }

    /// Writes the file `link` in `folder`: the digest, no newline.
    func addLink(_ folder: String, to digest: Digest) throws(Failure) {
        guard links.insert(folder).inserted else { return }
        try addFile("link", in: folder) { (file) throws(Failure) in
            var stream = MemoryStream(Array(digest.description.utf8))
            try stream.forEachChunk { (bytes) throws(Failure) in try file.write(bytes, at: 0) }
        }
    }

    /// Sets the times of all folders; nothing may be written afterwards.
    func finish() throws(Failure) {
        for path in folders.reversed() {
            let folder = try root.folder(Array(path.utf8))
            try folder.set(uid: geteuid(), gid: getegid(), mode: 0o750, time: time)
        }
    }

    private func addFile(
        _ name: String, in path: String, _ write: (File) throws(Failure) -> Void
    ) throws(Failure) {
        let path = "\(Self.prefix)/\(path)"
        try makeFolder(path)
        let folder = try root.folder(Array(path.utf8))
        let file = try folder.createFile(Array(name.utf8))
        try write(file)
        try file.set(uid: geteuid(), gid: getegid(), mode: 0o600, time: time)
    }

    private func makeFolder(_ path: String) throws(Failure) {
        guard known.insert(path).inserted else { return }
        let slash = path.lastIndex(of: "/")
        let parent = slash.map { String(path[..<$0]) } ?? ""
        try makeFolder(parent)
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        try root.folder(Array(parent.utf8)).createFolder(Array(name.utf8))
        folders.append(path)
    }
}
