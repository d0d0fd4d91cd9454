// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Registry

/// One image of a spec and where it is: a registry, or archives on this host.
struct ImageSource: Sendable {
    let reference: Reference
    /// The archives; `nil` for an image of a registry.
    let local: LocalImage?
    let content: ContentCache

    /// What the reference points to.
    func top() async throws -> Manifest {
        guard let local else { return try await content.top(reference) }
        return try await onThread { () throws(Failure) in try local.manifest(local.descriptor) }
    }

    /// The verified manifest of that descriptor.
    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let local else { return try await content.manifest(descriptor, of: reference) }
        return try await onThread { () throws(Failure) in try local.manifest(descriptor) }
    }

    /// The verified bytes of a blob of at most `limit` bytes.
    func bytes(_ blob: Descriptor, limit: Int) async throws -> [UInt8] {
        guard let local else { return try await content.bytes(blob, of: reference, limit: limit) }
        return try await onThread { () throws(Failure) in try local.bytes(of: blob, limit: limit) }
    }
}

extension PlatformFields {
    /// The largest config that is read: 8 MiB.
    static let largestConfig = 8 << 20
}
