// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// Content of images that is at hand: from the bundles to reuse and from the bundle that a collect is about
/// to renew, where they have it, from what was fetched before, and from the registry otherwise. So a collect of what has
/// not changed asks for no blob, and none is asked for twice.
final class ContentCache: Sendable {
    let client: RegistryClient
    /// Those to reuse, in order, then the one at the place of the new one, where there is one.
    let bundles: [Bundle]
    private let fetched = Monitor<(blobs: [Digest: [UInt8]], size: Int)>(([:], 0))

    /// How many blobs or images are worked on at once. More than are fetched: while one is made durable or verified, the
    /// connections carry others.
    var worksAtOnce: Int { client.requestsAtOnce * 2 }

    /// So many bytes of small blobs are kept at most.
    private static let memory = 64 << 20

    /// Opens the bundles at `paths`, and the one at `place`, if there is one.
    /// - Throws: a `Failure` for a bundle of `paths` that cannot be opened: the user has named it.
    init(
        client: RegistryClient, bundles paths: [String] = [], trusting trust: Trust = .none,
        at place: String? = nil
    ) async throws(Failure) {
        self.client = client
        bundles = try await onThread { () throws(Failure) in
            var bundles: [Bundle] = []
            for path in paths { bundles.append(try Bundle(opening: path, trusting: trust)) }
            // One that is damaged is made again: no reason to stop.
            if let place, let old = try? Bundle(opening: place) { bundles.append(old) }
            return bundles
        }
    }

    /// The verified bytes of a blob of at most `limit` bytes.
    func bytes(_ blob: Descriptor, of reference: Reference, limit: Int) async throws(Failure) -> [UInt8] {
        if let known = kept(blob.digest) { return known }
        if let known = await atHand(blob, limit: limit) { return known }
        let bytes = try await client.bytes(blob, of: reference, limit: limit)
        fetched.locked { fetched in
            guard fetched.size + bytes.count <= Self.memory, fetched.blobs[blob.digest] == nil else { return }
            fetched.blobs[blob.digest] = bytes
            fetched.size += bytes.count
        }
        return bytes
    }

    /// The verified bytes of a blob that ``bytes(_:of:limit:)`` has fetched; `nil` for any other.
    func kept(_ digest: Digest) -> [UInt8]? { fetched.locked { $0.blobs[digest] } }

    /// What `reference` points to now. Where a bundle has the image, the registry is only asked for the digest.
    func top(_ reference: Reference) async throws(Failure) -> Manifest {
        guard bundles.contains(where: { $0.image(reference) != nil }) else {
            return try await client.manifest(reference, expecting: nil)
        }
        return try await manifest(try await client.resolve(reference), of: reference)
    }

    /// The verified manifest of that descriptor.
    func manifest(_ descriptor: Descriptor, of reference: Reference) async throws(Failure) -> Manifest {
        if let bytes = await atHand(descriptor, limit: Int(Manifest.largestSize)),
            let manifest = try? Manifest(
                parsing: bytes, type: descriptor.mediaType, artifact: "\(reference)",
                by: descriptor.digest.algorithm)
        {
            return manifest
        }
        return try await client.manifest(reference, expecting: descriptor)
    }

    /// The verified bytes of a blob of a bundle at hand; `nil` where none has it whole.
    func atHand(_ blob: Descriptor, limit: Int) async -> [UInt8]? {
        for bundle in bundles where bundle.contains(blob.digest) {
            let known = try? await onThread { () throws(Failure) in try bundle.bytes(of: blob, limit: limit) }
            if let known { return known }
        }
        return nil
    }
}

/// Several sources in order: a blob comes from the first that has it.
struct FirstSource: ContentSource {
    let sources: [any ContentSource]

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        var missing = Failure(
            .input, "read", "\(descriptor.digest)", because: "it was not found in any source")
        for source in sources {
            do throws(Failure) { return try source.open(descriptor) } catch {
                guard error.kind == .input else { throw error }
                missing = error
            }
        }
        throw missing
    }
}
