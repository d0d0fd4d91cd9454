// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A blob's verified bytes, given out in parts, each the body of one request.
///
/// The last piece is held back until size and digest of the whole are known to be right: of damaged content
/// no server ever has all the bytes.
// Unchecked: read by one feed at a time; the next part is asked for when the one before was taken whole,
// which the feed's lock orders.
final class BlobChunks: @unchecked Sendable {
    private var stream: any ByteStream
    private let size: Int64
    /// How many bytes were given out.
    private(set) var offset: Int64 = 0

    /// Opens `blob` and passes over its first `offset` bytes. Blocking.
    init(_ blob: Descriptor, from source: any ContentSource, at offset: Int64) throws(Failure) {
        stream = try source.open(blob)
        size = blob.size
        guard offset > 0 else { return }
        var skipped = Part(of: self, count: offset)
        try skipped.forEachChunk { _ in }
    }

    /// The next `count` bytes.
    func part(_ count: Int64) -> some ByteStream { Part(of: self, count: count) }

    private struct Part: ByteStream {
        let blob: BlobChunks
        var left: Int64

        init(of blob: BlobChunks, count: Int64) {
            self.blob = blob
            left = count
        }

        mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
            let wanted = Int(min(Int64(buffer.count), left))
            if wanted == 0 { return 0 }
            let count = try blob.stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            left -= Int64(count)
            blob.offset += Int64(count)
            if blob.offset == blob.size { try blob.verify() }
            return count
        }
    }

    /// The read that finds the end has verified all.
    private func verify() throws(Failure) {
        var surplus: UInt8 = 0
        _ = try withUnsafeMutableBytes(of: &surplus) { (byte) throws(Failure) in try stream.read(into: byte) }
    }
}
