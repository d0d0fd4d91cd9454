// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import OCI
internal import Sealer

/// The bundle's blobs, and, of those that a delta leaves out, what the store's own layers hold.
struct ApplySource: ContentSource {
    let bundle: Bundle
    /// Looked for only where the bundle leaves something out.
    let stored: StoreBlobs?

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let stored, !bundle.contains(descriptor.digest), stored.contains(descriptor.digest) else {
            return try bundle.open(descriptor)
        }
        return try stored.open(descriptor)
    }

    func contains(_ digest: Digest) -> Bool {
        bundle.contains(digest) || stored?.contains(digest) == true
    }
}

extension Applier {
    /// Where all blobs come from that the run reads.
    func source() throws(Failure) -> ApplySource {
        ApplySource(bundle: bundle, stored: bundle.missing.isEmpty ? nil : try StoreBlobs(store))
    }
}

/// Passes blobs on and reports how many bytes of them were read.
struct ObservedSource: ContentSource {
    let inner: any ContentSource
    let read: @Sendable (Int64) -> Void

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        ObservedStream(inner: try inner.open(descriptor), read: read)
    }
}

private struct ObservedStream: ByteStream {
    var inner: any ByteStream
    let read: @Sendable (Int64) -> Void

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = try inner.read(into: buffer)
        read(Int64(count))
        return count
    }
}
