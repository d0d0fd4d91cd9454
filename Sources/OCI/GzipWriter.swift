// SPDX-License-Identifier: Apache-2.0
internal import CISAL

/// Writes gzip (RFC 1952) whose bytes depend on the input alone: no time, no name, system "unknown".
public struct GzipWriter: ~Copyable {
    private let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    private let level = UnsafeMutableRawBufferPointer.allocate(
        byteCount: Int(sealift_level_buffer), alignment: 64)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    private let sink: (UnsafeRawBufferPointer) throws(Failure) -> Void

    /// Starts a gzip file whose bytes go to `sink`, in order, at most 64 KiB at a time.
    public init(to sink: @escaping (UnsafeRawBufferPointer) throws(Failure) -> Void) {
        self.sink = sink
        isal_deflate_init(stream)
        stream.pointee.level = UInt32(sealift_level)
        stream.pointee.level_buf = level.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.level_buf_size = UInt32(level.count)
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
    }

    deinit {
        stream.deallocate()
        level.deallocate()
        output.deallocate()
    }

    /// Compresses `bytes`, in order.
    /// - Throws: what the sink throws.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            try deflate(part)
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        }
    }

    /// Compresses `bytes`, in order.
    public mutating func write(_ bytes: [UInt8]) throws(Failure) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        try write(UnsafeRawBufferPointer(copy))
    }

    /// Ends the file: after return the sink has all bytes. Write no more.
    public mutating func finish() throws(Failure) {
        stream.pointee.end_of_stream = 1
        try deflate(UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private mutating func deflate(_ input: UnsafeRawBufferPointer) throws(Failure) {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        repeat {
            stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(output.count)
            guard isal_deflate(stream) == COMP_OK else { fatalError("ISA-L refused to deflate") }
            let made = output.count - Int(stream.pointee.avail_out)
            if made > 0 { try sink(UnsafeRawBufferPointer(rebasing: output[..<made])) }
        } while stream.pointee.avail_out == 0
    }
}
