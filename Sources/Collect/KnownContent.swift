// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// Small content of images: from the bundle that a collect is about to renew, where it is there, and from
/// the registry otherwise. So a collect of what has not changed asks for no blob.
struct KnownContent: Sendable {
    let client: RegistryClient
    /// The bundle at the place of the new one; `nil` where there is none that can be read.
    let bundle: Bundle?

    /// Opens the bundle at `path`, if there is one.
    init(client: RegistryClient, at path: String?) async {
        self.client = client
        bundle = await Self.open(path)
    }

    private static func open(_ path: String?) async -> Bundle? {
        guard let path else { return nil }
        // A bundle that is damaged is made anew: no reason to stop.
        return try? await onThread { () throws(Failure) in try Bundle(opening: path) }
    }

    /// The verified bytes of a blob of at most `limit` bytes.
    func bytes(_ blob: Descriptor, of reference: Reference, limit: Int) async throws(Failure) -> [UInt8] {
        if let bundle, bundle.contains(blob.digest) {
            let known = try? await onThread { () throws(Failure) in try bundle.bytes(of: blob, limit: limit) }
            if let known { return known }
        }
        return try await client.bytes(blob, of: reference, limit: limit)
    }

    /// The image, where the bundle has it with just these platforms and `top` is what it leads to.
    func image(_ reference: Reference, top: Descriptor, for platforms: [Platform]) -> BundleImage? {
        guard let image = bundle?.image(reference), image.locked.digest == top.digest,
            image.locked.platforms.map(\.platform) == platforms
        else { return nil }
        return image
    }
}
