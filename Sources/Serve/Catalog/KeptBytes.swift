// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Many small byte strings in a few large buffers: ten thousand manifests in buffers of their own would take three times
/// their bytes.
struct KeptBytes: Sendable {
    /// Where a byte string is.
    struct Place: Sendable {
        fileprivate var buffer: Int32
        fileprivate var offset: Int32
        fileprivate var count: Int32
    }

    private var buffers: [ByteBuffer] = []
    /// Bytes of a buffer but for one that holds a single larger string.
    private static let size = 1 << 18
    /// Bytes of all strings.
    private(set) var count = 0

    /// Keeps `bytes`, of which there are less than 2 GiB.
    mutating func add(_ bytes: [UInt8]) -> Place {
        if (buffers.last?.writableBytes ?? -1) < bytes.count {
            buffers.append(ByteBufferAllocator().buffer(capacity: max(Self.size, bytes.count)))
        }
        let last = buffers.count - 1
        let offset = buffers[last].writerIndex
        buffers[last].writeBytes(bytes)
        count += bytes.count
        return Place(buffer: Int32(last), offset: Int32(offset), count: Int32(bytes.count))
    }

    /// The bytes, without a copy of them.
    func bytes(_ place: Place) -> ByteBuffer {
        buffers[Int(place.buffer)].getSlice(at: Int(place.offset), length: Int(place.count)) ?? ByteBuffer()
    }
}
