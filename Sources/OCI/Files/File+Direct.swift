// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension File {
    /// What the offset, the count and the buffer of a transfer past the cache are multiples of: no medium has larger sectors.
    package static let directAlignment = 4096

    /// The same file once more, read and written past the system's cache (`O_DIRECT`); `nil` where the file system cannot
    /// do that, or where another file has its path by now.
    /// - Parameter writing: whether it is opened for writing too.
    package func openedDirectly(writing: Bool = false) -> File? {
        let flags = (writing ? O_RDWR : O_RDONLY) | Int32(sealift_o_direct)
        let twin = Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard twin >= 0 else { return nil }
        let file = File(taking: twin, path: path)
        var (own, other) = (stat(), stat())
        guard fstat(descriptor, &own) == 0, fstat(twin, &other) == 0, own.st_ino == other.st_ino,
            own.st_dev == other.st_dev
        else { return nil }
        return file
    }

    /// Writes all of `bytes` at `offset` of a file that was ``openedDirectly(writing:)``.
    /// - Returns: `false` where the medium does not take these bytes in this way; some of them may be written.
    /// - Throws: a ``Failure`` of kind `space` when there is none left.
    package func writeDirectly(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) -> Bool {
        guard let base = bytes.baseAddress, offset % Int64(Self.directAlignment) == 0,
            [bytes.count, Int(bitPattern: base)].allSatisfy({ $0 % Self.directAlignment == 0 })
        else { return false }
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EINVAL { return false }
            guard count >= 0 else { throw Failure.system("write", artifact: path) }
            done += count
        }
        return true
    }
}

/// Bytes of a part of a file as the medium gives them, past the system's cache, which keeps none of them. What the medium
/// does not give in this way is read through the cache.
package struct DirectStream: ByteStream {
    private var plain: FileStream
    private let direct: File?
    private let block: Block

    /// Streams `count` bytes of `file` from `offset`.
    package init(of file: File, at offset: Int64, count: Int64) {
        plain = file.stream(at: offset, count: count)
        direct = file.openedDirectly()
        block = Block()
    }

    /// Reads on.
    /// - Throws: a ``Failure`` of kind `data` where the file is shorter than the part.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        guard let direct, plain.left > 0, block.fill(from: direct, at: plain.offset) else {
            return try plain.read(into: buffer)
        }
        let bytes = block.bytes(from: plain.offset)
        let count = min(buffer.count, bytes.count, Int(clamping: plain.left))
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        return Int(try plain.skip(Int64(count)))
    }

    /// The last bytes that were read, from an aligned place on.
    private final class Block {
        private let storage = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 1 << 20, alignment: File.directAlignment)
        private var start: Int64 = 0
        private var count = 0

        deinit { storage.deallocate() }

        /// Has the byte at `offset` in it afterwards; `false` where it cannot be read in this way.
        func fill(from file: File, at offset: Int64) -> Bool {
            if offset >= start, offset < start + Int64(count) { return true }
            start = offset - offset % Int64(File.directAlignment)
            count = max(0, pread(file.descriptor, storage.baseAddress, storage.count, off_t(start)))
            return start + Int64(count) > offset
        }

        func bytes(from offset: Int64) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: storage[Int(offset - start)..<count])
        }
    }
}
