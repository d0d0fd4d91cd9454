// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// Bringing one blob into the bundle, from wherever it is.
extension Collector {
    /// How many bytes of a blob came over the network, and how many from this host's own disk.
    typealias Came = (fetched: Int64, copied: Int64)

    /// Brings one blob into the bundle: out of a bundle at hand, else from its source.
    func bring(_ blob: Descriptor, sources: Sources, into writer: BundleWriter) async throws -> Came {
        for bundle in sources.known where bundle.contains(blob.digest) {
            let present = writer.received(of: blob.digest)
            if try await onThread({ () throws(Failure) in try writer.reuse(blob, from: bundle) }) {
                events(.copied(bytes: blob.size - present))
                options.log.note(blob.digest, way: .bundle, place: bundle.path)
                return (0, blob.size)
            }
            events(.note("\(blob.digest) is damaged in \(bundle.path): it is fetched instead"))
        }
        let sink = try await onThread { () throws(Failure) in try writer.sink(for: blob) }
        let present = sink.received
        let origin = sources.source(of: blob)
        options.log.note(blob.digest, of: origin)
        if let bytes = sources.content.kept(blob.digest) {
            try await copy(to: sink) { () throws(Failure) in MemoryStream(bytes) }
            events(.copied(bytes: blob.size - present))
            return (blob.size, 0)
        }
        switch origin {
        case .registry(let reference):
            try await fetch(blob, of: reference, foreign: sources.urls(of: blob), into: sink)
        case .url(let urls):
            try await client.fetch(urls: urls, size: blob.size, into: sink)
        case .file(let path, let isOwn, _):
            try await copy(to: sink) { () throws(Failure) in try File.open(path).stream(count: blob.size) }
            events(.copied(bytes: blob.size - present))
            return isOwn ? (0, blob.size) : (blob.size, 0)
        case .content(let local):
            try await copy(to: sink) { () throws(Failure) in try local.source.open(blob) }
            events(.copied(bytes: blob.size - present))
            return local.isFetched ? (blob.size, 0) : (0, blob.size)
        }
        return (blob.size - present, 0)
    }

    /// Fetches a blob from its registry, or, where that may not distribute it, from where its manifest says.
    /// - Parameter urls: where a foreign layer may be had from; `nil` for any other blob.
    private func fetch(
        _ blob: Descriptor, of reference: Reference, foreign urls: [String]?, into sink: any BlobSink
    ) async throws(Failure) {
        do throws(Failure) { return try await client.fetch(blob, of: reference, into: sink) } catch {
            guard let urls, error.kind == .unavailable else { throw error }
            var failure = error
            failure.reason += "; it is a layer that registries may not distribute"
            guard let first = urls.first else {
                failure.reason += ", and its manifest names no other place"
                failure.remedy = "take the image from a registry that has all of its layers, or leave it out"
                throw failure
            }
            guard options.fetchesForeignLayers else {
                failure.reason += ", and its manifest names \(first)"
                failure.remedy =
                    "fetch it from there, without a login and verified by its digest, with --foreign-layers"
                throw failure
            }
            events(.note("\(reference.familiar): the layer \(blob.digest) comes from \(first)"))
            try await client.fetch(foreign: blob, from: urls, of: reference, into: sink)
        }
    }

    private func copy(
        to sink: any BlobSink, from open: @escaping @Sendable () throws(Failure) -> any ByteStream
    ) async throws {
        try await onThread { () throws(Failure) in
            try sink.restart()
            var stream = try open()
            try stream.forEachChunk { (bytes) throws(Failure) in try sink.append(bytes) }
            try sink.finish()
        }
    }
}

extension ProvenanceLog {
    /// Notes that a blob is taken from its source.
    fileprivate func note(_ digest: Digest, of source: Sources.Source) {
        switch source {
        case .registry: note(digest, way: .network, item: "\(digest)")
        case .url(let urls), .file(_, isOwn: false, let urls):
            note(digest, way: .network, item: RegistryClient.item(of: urls))
        case .file(let path, isOwn: true, _): note(digest, way: .file, place: path)
        case .content(let local) where local.isFetched: note(digest, way: .network, item: local.place)
        case .content(let local): note(digest, way: .archive, place: local.place)
        }
    }
}

/// Where each blob of a plan comes from.
struct Sources: Sendable {
    enum Source: Sendable {
        case registry(Reference)
        case url([String])
        /// A file that was fetched to learn its digest, or that is this host's own.
        case file(String, isOwn: Bool, urls: [String])
        case content(LocalContent)
    }
    private var places: [Digest: Source] = [:]
    private var foreign: [Digest: [String]] = [:]
    /// Bundles at hand: blobs are copied out of them in place of the network.
    var known: [Bundle] { content.bundles }
    let content: ContentCache
    /// What the items of a transfer are called before people: blobs by digest, files by URL.
    private(set) var names: [String: String] = [:]

    init(_ prepared: Collector.Prepared) {
        content = prepared.content
        for file in prepared.files {
            let source =
                file.local.map { Source.file($0, isOwn: file.isOwn, urls: file.urls) } ?? .url(file.urls)
            places[file.locked.digest] = source
            for url in file.urls { names[url] = file.locked.name }
        }
        for image in prepared.images {
            let manifests = [image.top] + image.instances.map(\.manifest) + image.others
            for blob in manifests.flatMap(\.blobs) where places[blob.digest] == nil {
                places[blob.digest] = image.local.map { .content($0) } ?? .registry(image.reference)
                names["\(blob.digest)"] = "\(image.reference.familiar) \(blob.digest.short)"
                if MediaType.isForeignLayer(blob.mediaType) { foreign[blob.digest] = blob.urls ?? [] }
            }
        }
    }

    /// The blobs in turn from each registry or server, so that a busy one does not hold up the others.
    func spread(_ blobs: [Descriptor]) -> [Descriptor] {
        var turns: [String: Int] = [:]
        return blobs.enumerated().map { position, blob in
            let turn = turns[origin(of: blob), default: 0]
            turns[origin(of: blob)] = turn + 1
            return (turn, position, blob)
        }
        .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    /// What the source of a blob is reached by.
    private func origin(of blob: Descriptor) -> String {
        switch source(of: blob) {
        case .registry(let reference): reference.domain
        case .url(let urls): urls.first?.split(separator: "/").dropFirst().first.map(String.init) ?? ""
        case .file, .content: ""
        }
    }

    /// Where a layer that registries may not distribute may be had from; `nil` for any other blob.
    func urls(of blob: Descriptor) -> [String]? { foreign[blob.digest] }

    /// Where `blob` is fetched from.
    /// - Precondition: the blob is of the plan that this was made from.
    func source(of blob: Descriptor) -> Source { places[blob.digest]! }
}
