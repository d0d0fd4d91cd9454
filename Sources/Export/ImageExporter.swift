// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// Takes single images and files out of a bundle, in forms that other tools read.
package enum ImageExporter {
    /// A form of an export.
    package enum Format: String, Sendable, CaseIterable {
        /// What `docker save` writes; one platform.
        case dockerArchive = "docker-archive"
        /// An OCI image layout in a tar; every platform that is there.
        case ociArchive = "oci-archive"
        /// An OCI image layout as a folder; every platform that is there.
        case oci
        /// The bytes of one file.
        case file
    }

    /// Writes `images` as `docker save` does.
    /// - Parameters:
    ///   - platform: the instance to take of an index.
    ///   - path: a file, which appears whole or not at all; a pipe or device; or `-`, standard output.
    ///   - progress: receives the length so far, in bytes.
    /// - Throws: a ``Failure`` of kind `input` for a platform that an image does not have, and those of
    ///   ``DockerArchive/write(_:from:to:progress:)``.
    package static func dockerArchive(
        _ images: [NamedImage], platform: Platform, from source: any ContentSource, to path: String,
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        var chosen: [DockerArchive.Image] = []
        for image in images {
            let manifest = try instance(of: image, for: platform, source: source)
            chosen.append(.init(references: [image.reference], manifest: manifest))
        }
        try output(path) { (file) throws(Failure) in
            try DockerArchive.write(chosen, from: source, to: file, progress: progress)
        }
    }

    /// Writes `images` as an OCI image layout in a tar, reproducibly; `path` as in
    /// ``dockerArchive(_:platform:from:to:progress:)``.
    /// - Parameter platform: take only the instance for it of each image; `nil` for all that are there.
    /// - Throws: a ``Failure`` of kind `input` for a platform that an image does not have.
    package static func ociArchive(
        _ images: [NamedImage], platform: Platform? = nil, from source: any ContentSource, to path: String,
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        let layout = try ExportedLayout(narrowed(images, to: platform, source: source), from: source)
        try output(path) { (file) throws(Failure) in
            var archive = TarWriter(file, progress: progress)
            try archive.file("oci-layout", bytes: ExportedLayout.marker)
            try archive.file("index.json", bytes: layout.index)
            try archive.folder("blobs")
            for algorithm in layout.algorithms { try archive.folder("blobs/\(algorithm.rawValue)") }
            for (descriptor, bytes) in layout.made {
                try archive.file(descriptor.digest.layoutPath, bytes: bytes)
            }
            for blob in layout.blobs {
                try archive.file(blob.digest.layoutPath, size: blob.size, from: try source.open(blob))
            }
            try archive.finish()
        }
    }

    /// Writes `images` as an OCI image layout into the folder `path`, which is new or empty, and appears whole
    /// or not at all.
    /// - Parameter platform: as in ``ociArchive(_:platform:from:to:progress:)``.
    /// - Throws: a ``Failure`` of kind `space` when something is in the folder already, `input` for a platform that an
    ///   image does not have.
    package static func ociFolder(
        _ images: [NamedImage], platform: Platform? = nil, from source: any ContentSource, to path: String,
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        let layout = try ExportedLayout(narrowed(images, to: platform, source: source), from: source)
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        if rmdir(path) != 0, errno != ENOENT {
            if errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR {
                throw Failure(
                    .space, "write the image layout to", path, because: "something is there already",
                    remedy: "name a folder that is new or empty")
            }
            throw Failure.system("write the image layout to", artifact: path)
        }
        let temporary = AtomicWrite.temporaryPath(for: path)
        do throws(Failure) {
            try write(layout, from: source, to: temporary, progress: progress)
            try AtomicWrite.rename(temporary, to: path)
        } catch {
            try? removeTree(at: temporary)
            throw error
        }
    }

    private static func write(
        _ layout: ExportedLayout, from source: any ContentSource, to path: String,
        progress: @escaping (Int64) -> Void
    ) throws(Failure) {
        let algorithms = layout.algorithms.map { "/blobs/\($0.rawValue)" }
        for folder in ["", "/blobs"] + algorithms where mkdir(path + folder, 0o755) != 0 {
            throw Failure.system("create", artifact: path + folder)
        }
        var written: Int64 = 0
        for blob in layout.blobs {
            try AtomicWrite.write(to: "\(path)/\(blob.digest.layoutPath)") { (file) throws(Failure) in
                try copy(blob, from: source, to: file) { progress(written + $0) }
            }
            written += blob.size
        }
        for (descriptor, bytes) in layout.made {
            try AtomicWrite.write(bytes, to: "\(path)/\(descriptor.digest.layoutPath)")
        }
        try AtomicWrite.write(ExportedLayout.marker, to: path + "/oci-layout")
        try AtomicWrite.write(layout.index, to: path + "/index.json")
    }

    /// Writes the bytes of `file`; `path` as in ``dockerArchive(_:platform:from:to:progress:)``.
    package static func file(
        _ file: NamedFile, from source: any ContentSource, to path: String,
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(Failure) {
        let blob = Descriptor(mediaType: MediaType.octets, digest: file.digest, size: file.size)
        try output(path, mode: file.isExecutable ? 0o755 : 0o644) { (output) throws(Failure) in
            try copy(blob, from: source, to: output, progress: progress)
        }
    }

    private static func copy(
        _ blob: Descriptor, from source: any ContentSource, to file: File, progress: (Int64) -> Void
    ) throws(Failure) {
        var stream = try source.open(blob)
        var done: Int64 = 0
        try stream.forEachChunk { (bytes) throws(Failure) in
            try file.append(bytes)
            done += Int64(bytes.count)
            progress(done)
        }
    }

    private static func output(
        _ path: String, mode: UInt32 = 0o644, body: (File) throws(Failure) -> Void
    ) throws(Failure) {
        if path == "-" {
            let descriptor = fcntl(1, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw Failure.system("open", artifact: "standard output") }
            return try body(File(taking: descriptor, path: "standard output"))
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Failure.system("open", artifact: path) }
            return try body(File(taking: descriptor, path: path))
        }
        try AtomicWrite.write(to: path, mode: mode, body)
    }

    /// The images, each resolved to its manifest for `platform`; artifacts that are for no platform as they are.
    private static func narrowed(
        _ images: [NamedImage], to platform: Platform?, source: any ContentSource
    ) throws(Failure) -> [NamedImage] {
        guard let platform else { return images }
        var narrowed: [NamedImage] = []
        for image in images {
            let manifest = try instance(of: image, for: platform, source: source)
            narrowed.append(NamedImage(reference: image.reference, descriptor: manifest.descriptor))
        }
        return narrowed
    }

    /// The manifest for `platform` of what `image` points to; the manifest itself where it is for no platform.
    /// - Throws: a ``Failure`` of kind `input` where it is for others only, or is not there for this one.
    private static func instance(
        of image: NamedImage, for platform: Platform, source: any ContentSource
    ) throws(Failure) -> Manifest {
        var found: [Platform] = []
        if let manifest = try search(
            image.descriptor, for: platform, found: &found, source: source, depth: 0)
        {
            return manifest
        }
        let there = found.reduce(into: [Platform]()) { if !$0.contains($1) { $0.append($1) } }
        let others = there.map(\.description).joined(separator: ", ")
        throw Failure(
            .input, "export", image.reference.familiar,
            because: "it is not there for \(platform)" + (others.isEmpty ? "" : ", only for \(others)"),
            remedy: others.isEmpty
                ? "take it from a bundle that carries it" : "choose one of them with --platform")
    }

    /// - Parameter found: gets the platforms of the instances that are there.
    private static func search(
        _ descriptor: Descriptor, for platform: Platform, found: inout [Platform],
        source: any ContentSource, depth: Int
    ) throws(Failure) -> Manifest? {
        let manifest = try source.manifest(descriptor)
        switch manifest.content {
        case .image(let config, _):
            // An index says more of a platform than a config does, so its word counts.
            let own =
                if let platform = descriptor.platform { platform.named } else {
                    ExportedLayout.platform(of: config, source: source)?.named
                }
            guard let own else { return depth == 0 ? manifest : nil }
            found.append(own)
            return own == platform ? manifest : nil
        case .index(let children):
            guard depth < Manifest.deepestNesting else { return nil }
            for child in children where MediaType.accepted.contains(child.mediaType) {
                do throws(Failure) {
                    if let manifest = try search(
                        child, for: platform, found: &found, source: source, depth: depth + 1)
                    {
                        return manifest
                    }
                } catch {
                    // An index keeps naming what the bundle does not carry.
                    if error.kind != .input { throw error }
                }
            }
            return nil
        }
    }
}
