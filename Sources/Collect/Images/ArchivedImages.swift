// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Spec

/// The images of a spec that come from archives on this host, opened.
struct ArchivedImages: Sendable {
    private let images: [Reference: [(platform: Platform?, image: ArchivedImage)]]
    /// Why an image cannot be had.
    private let failures: [Reference: Failure]

    /// Opens every archive once. What is wrong with one shows when its image is asked for.
    /// - Parameters:
    ///   - folder: where relative paths begin.
    ///   - scratch: the folder for archives that are compressed as a whole; made if it is needed.
    init(_ spec: Spec, folder: String, scratch: String) async throws(Failure) {
        let wanted = spec.archives ?? []
        (images, failures) = try await onThread { () throws(Failure) in
            var archives: [String: ImageArchive] = [:]
            var images: [Reference: [(platform: Platform?, image: ArchivedImage)]] = [:]
            var failures: [Reference: Failure] = [:]
            if !wanted.isEmpty { try makeFolder(scratch) }
            for archive in wanted {
                let (form, path) = (archive.from.form, archive.from.path)
                let key = "\(form.rawValue):\(path)"
                do throws(Failure) {
                    if archives[key] == nil {
                        archives[key] = try ImageArchive(
                            form, at: path.hasPrefix("/") ? path : folder + path,
                            scratch: "\(scratch)/archive-\(archives.count)")
                    }
                    guard let opened = archives[key] else { continue }
                    let image = try opened.image(archive.from.name, for: archive.image)
                    images[archive.image, default: []].append((archive.platform, image))
                } catch {
                    guard error.mayBeMistake else { throw error }
                    failures[archive.image] = failures[archive.image] ?? error
                }
            }
            return (images, failures)
        }
    }

    /// Where the image comes from; `nil` for one of a registry.
    ///
    /// Archives for a platform each are put together by a generated OCI index, in the order of the platforms'
    /// names; it names them all, also where only some are carried.
    /// - Throws: what is wrong with an archive.
    func origin(of reference: Reference) throws(Failure) -> LocalImage? {
        if let failure = failures[reference] { throw failure }
        guard let found = images[reference] else { return nil }
        if found.count == 1, found[0].platform == nil { return LocalImage(one: found[0].image) }
        let parts = found.compactMap { part in part.platform.map { (platform: $0, image: part.image) } }
        return try LocalImage(parts.sorted { $0.platform < $1.platform }, reference: reference)
    }
}

/// One image out of archives: what it begins with, and where its blobs are.
struct LocalImage: ContentSource {
    let descriptor: Descriptor
    private let index: Manifest?
    private let parts: [ArchivedImage]

    init(one image: ArchivedImage) {
        descriptor = image.descriptor
        index = nil
        parts = [image]
    }

    init(_ parts: [(platform: Platform, image: ArchivedImage)], reference: Reference) throws(Failure) {
        var instances: [Descriptor] = []
        for (platform, image) in parts {
            let top = try image.manifest(image.descriptor)
            var instance = top.descriptor
            if case .image(let config, _) = top.content {
                let bytes = try image.bytes(of: config, limit: PlatformFields.largestConfig)
                if let found = PlatformFields(config: bytes)?.named, !platform.runs(found) {
                    throw Failure(
                        .data, "collect", reference.familiar,
                        because: "the archive for \(platform) is for \(found)",
                        remedy: "name the right archive there")
                }
            } else if case .index(let children) = top.content {
                let fitting = children.filter { $0.platform.map { platform.runs($0.value) } ?? false }
                guard let child = fitting.first else {
                    throw Failure(
                        .input, "collect", reference.familiar,
                        because: "the archive for \(platform) has nothing for it",
                        remedy: "name another archive there")
                }
                instance = Descriptor(mediaType: child.mediaType, digest: child.digest, size: child.size)
            }
            instance.platform = PlatformFields(platform)
            instances.append(instance)
        }
        let index = try Manifest.index(of: instances)
        self.index = index
        self.parts = parts.map(\.image)
        descriptor = index.descriptor
    }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        if let index, index.descriptor.digest == descriptor.digest { return MemoryStream(index.raw) }
        return try FirstSource(sources: parts).open(descriptor)
    }
}
