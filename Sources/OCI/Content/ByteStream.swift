// SPDX-License-Identifier: Apache-2.0

/// Bytes that come in order and end. Blocking: read it on a thread of its own (``onThread(_:)``).
package protocol ByteStream {
    /// Reads at least one byte and at most `buffer.count` into `buffer`, and returns how many.
    /// 0 means that all bytes have been read; an error is never reported as an end.
    /// - Throws: a ``Failure`` when the bytes cannot be had or are not what was promised.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    /// Passes over at most `count` of the next bytes without reading them, and returns over how many: 0 for
    /// a stream that must read all of its bytes.
    mutating func skip(_ count: Int64) throws(Failure) -> Int64
}

extension ByteStream {
    /// Skips nothing.
    package mutating func skip(_ count: Int64) throws(Failure) -> Int64 { 0 }

    /// Reads to the end and gives each piece to `body`, at most `chunk` bytes at a time.
    package mutating func forEachChunk(
        of chunk: Int = 1 << 18, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Reads to the end into memory.
    /// - Throws: a ``Failure`` of kind `data` when there are more than `limit` bytes.
    package mutating func readAll(limit: Int, artifact: String) throws(Failure) -> [UInt8] {
        var all: [UInt8] = []
        try forEachChunk { (bytes) throws(Failure) in
            guard all.count + bytes.count <= limit else {
                throw Failure(.data, "read", artifact, because: "it has more than \(limit) bytes")
            }
            all.append(contentsOf: bytes)
        }
        return all
    }
}

/// Where content comes from: a bundle, an image layout, a file. Any number of threads may open blobs.
package protocol ContentSource: Sendable {
    /// Opens the blob's bytes from the first to the last, verified against `descriptor` on the way: a
    /// wrong size or digest is thrown by the read that would otherwise have ended the stream.
    /// - Throws: a ``Failure`` of kind `input` when there is no such blob.
    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream
}

extension ContentSource {
    /// The verified bytes of a small blob.
    /// - Throws: a ``Failure`` of kind `data` when it is larger than `limit` bytes.
    package func bytes(of descriptor: Descriptor, limit: Int = 4 << 20) throws(Failure) -> [UInt8] {
        var stream = try open(descriptor)
        return try stream.readAll(limit: limit, artifact: "\(descriptor.digest)")
    }

    /// The manifest that `descriptor` names.
    package func manifest(_ descriptor: Descriptor) throws(Failure) -> Manifest {
        try Manifest(
            parsing: bytes(of: descriptor), type: descriptor.mediaType, artifact: "\(descriptor.digest)",
            by: descriptor.digest.algorithm)
    }
}

/// Passes bytes on and, at their end, holds them to what a descriptor promised.
package struct VerifyingStream: ByteStream {
    private final class State {
        var hash: ContentHash
        init(_ algorithm: Digest.Algorithm) { hash = ContentHash(algorithm) }
    }
    private var upstream: any ByteStream
    private let digest: Digest
    private let size: Int64?
    private let artifact: String
    private let state: State
    private var seen: Int64 = 0
    private var ended = false

    /// Verifies `upstream` against size and digest of `descriptor`; `artifact` names it in errors.
    package init(_ upstream: any ByteStream, descriptor: Descriptor, artifact: String) {
        self.init(upstream, digest: descriptor.digest, size: descriptor.size, artifact: artifact)
    }

    /// Verifies `upstream` against `digest`, and against `size` bytes where a size was promised: the
    /// `diff_ids` of an image config promise none.
    package init(_ upstream: any ByteStream, digest: Digest, size: Int64? = nil, artifact: String) {
        self.upstream = upstream
        self.digest = digest
        self.size = size
        self.artifact = artifact
        state = State(digest.algorithm)
    }

    /// Reads on. The call that returns 0 has verified all bytes.
    /// - Throws: a ``Failure`` of kind `data` for too few bytes, too many, or another digest.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        if ended { return 0 }
        let count = try upstream.read(into: buffer)
        seen += Int64(count)
        if let size, seen > size {
            throw refuse("it has more than the \(size) bytes that were promised")
        }
        if count > 0 {
            state.hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return count
        }
        if let size, seen < size { throw refuse("it ends after \(seen) of \(size) bytes") }
        let found = state.hash.digest()
        if found != digest {
            throw refuse("its content is \(found), not the promised \(digest)")
        }
        ended = true
        return 0
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "verify", artifact, because: reason,
            remedy: "fetch or copy it again; if it stays so, the source holds other content than it says")
    }
}

/// A stream of bytes that are in memory.
package struct MemoryStream: ByteStream {
    private var rest: ArraySlice<UInt8>

    /// Streams `bytes`.
    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Copies the next bytes.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = min(buffer.count, rest.count)
        buffer.copyBytes(from: rest.prefix(count))
        rest = rest.dropFirst(count)
        return count
    }
}
