// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Writes one blob of a bundle to its place and hashes it on the way.
///
/// Unchecked, as a `BlobSink` is used by one thread at a time: its user orders all accesses.
final class BundleBlobSink: BlobSink, @unchecked Sendable {
    /// So much of the blob is fetched again at most when the writer is killed: 256 KiB, or a thousandth.
    private let noteEvery: Int64

    private let place: BundlePlan.Blob
    private let files: Volumes
    private let writer: BundleWriter
    private var hash: ContentHash
    private var noted: Int64
    private(set) var received: Int64

    /// Takes over the first `received` bytes, which it reads and hashes.
    init(
        _ place: BundlePlan.Blob, files: Volumes, resumingAt received: Int64, of writer: BundleWriter
    ) throws(Failure) {
        self.place = place
        noteEvery = max(256 << 10, place.descriptor.size / 1000)
        self.files = files
        self.writer = writer
        hash = ContentHash(place.descriptor.digest.algorithm)
        self.received = received
        noted = received
        var stream = files.stream(at: place.offset, count: received)
        try stream.forEachChunk { (bytes) throws(Failure) in hash.update(bytes) }
    }

    deinit { writer.close(place.descriptor.digest) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard received + Int64(bytes.count) <= place.descriptor.size else {
            throw refuse("it has more than the \(place.descriptor.size) bytes that were promised")
        }
        try files.write(bytes, at: place.offset + received)
        hash.update(bytes)
        received += Int64(bytes.count)
        guard received - noted >= noteEvery else { return }
        try writer.note(place, received: received, done: false)
        noted = received
    }

    func restart() throws(Failure) {
        hash = ContentHash(place.descriptor.digest.algorithm)
        (received, noted) = (0, 0)
        try writer.note(place, received: 0, done: false)
    }

    func finish() throws(Failure) {
        let (digest, seen) = (hash.digest(), received)
        guard seen == place.descriptor.size, digest == place.descriptor.digest else {
            try restart()
            throw seen == place.descriptor.size
                ? refuse("its content is \(digest), not the promised \(place.descriptor.digest)")
                : refuse("it ends after \(seen) of \(place.descriptor.size) bytes")
        }
        try writer.note(place, received: seen, done: true)
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "take the blob", "\(place.descriptor.digest) of \(place.owner)", because: reason,
            remedy: "fetch it again; if it stays so, the source holds other content than the lock says")
    }
}
