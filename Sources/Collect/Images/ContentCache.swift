// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// Content of images that is at hand: from the bundles to reuse and from the bundle that a collect is about
/// to renew, where they have it, and from the registry otherwise. So a collect of what has not changed asks
/// for no blob.
struct KnownContent: Sendable {
    let client: RegistryClient
    /// Those to reuse, in order, then the one at the place of the new one, where there is one.
    let bundles: [Bundle]

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
        for bundle in bundles where bundle.contains(blob.digest) {
            let known = try? await onThread { () throws(Failure) in try bundle.bytes(of: blob, limit: limit) }
            if let known { return known }
        }
        return try await client.bytes(blob, of: reference, limit: limit)
    }

    /// The image, where a bundle has it with just these platforms and `top` is what it leads to.
    func image(_ reference: Reference, top: Descriptor, for platforms: [Platform]) -> BundleImage? {
        bundles.lazy.compactMap { $0.image(reference) }.first { image in
            image.locked.digest == top.digest && image.locked.platforms.map(\.platform) == platforms
        }
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
