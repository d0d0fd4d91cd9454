// SPDX-License-Identifier: Apache-2.0

/// An entry that ``TarReader`` came to.
package struct TarEntry: Sendable {
    /// What the entry says of itself, extended records applied.
    package var header: TarHeader
    /// All bytes between the end of the content before and the start of this entry's content: padding,
    /// extended headers, the header. Contents and `raw` bytes together are the tar, to the byte.
    package var raw: [UInt8]
    /// Where its content begins, counted from the start of the stream.
    package var offset: Int64
}

/// Reads a tar of anybody's making, in order, in one pass, with bounded memory.
///
/// Understood are v7, ustar, star, PAX (local and global records) and GNU (long names, base-256 numbers).
/// GNU sparse files, multi-volume and incremental archives are refused. Names come as they were written:
/// the code that extracts must check them. A tar may end without its two zero blocks, as for GNU tar.
package struct TarReader: ByteStream {
    /// Bounds against a tar that is made to exhaust memory.
    enum Bound {
        /// One extended header: as in Go's `archive/tar`.
        static let record = 1 << 20
        /// All that may be between two contents, or after the last.
        static let raw = 4 << 20
    }

    private var upstream: any ByteStream
    private let artifact: String
    private let input = InputBuffer()
    private var raw: [UInt8] = []
    private var contentLeft: Int64 = 0
    /// Where the next header begins, padding before it included.
    private var position: Int64 = 0
    private var padding = 0
    private var ended = false
    private var global = PAXRecords()

    /// After ``next()`` has returned `nil`: the bytes after the last content, to the end of the stream.
    package private(set) var trailer: [UInt8] = []
    private let keepsTrailer: Bool

    /// Reads the uncompressed tar `stream`; `artifact` names it in errors.
    /// - Parameter keepsTrailer: whether the stream is read to its end; otherwise to the end mark, and what follows it
    ///   (`tar -b`, a raw device) may be as long as it is.
    package init(_ stream: any ByteStream, artifact: String, keepsTrailer: Bool = true) {
        upstream = stream
        self.artifact = artifact
        self.keepsTrailer = keepsTrailer
    }

    /// Goes to the next entry and skips what is left of the one before; `nil` at the end, when the stream
    /// has been read to its last byte.
    /// - Throws: a ``Failure`` of kind `data` for whatever is not a well formed tar, or is not supported.
    package mutating func next() throws(Failure) -> TarEntry? {
        try skipContent()
        if ended { return nil }
        raw = []
        try take(padding, as: "the padding of an entry")
        padding = 0
        var records = PAXRecords()
        while true {
            guard let block = try headerBlock() else { return try finish() }
            let flag = block[156]
            switch flag {
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                records.merge(try paxRecords(block))
            case UInt8(ascii: "g"):
                let found = try paxRecords(block)
                if let key = found.perEntryKey {
                    throw refuse("a global header sets '\(key)' for all entries")
                }
                global.merge(found)
            case UInt8(ascii: "L"):
                records.path = try longName(block)
            case UInt8(ascii: "K"):
                records.linkPath = try longName(block)
            default:
                let header = try TarBlockParser(block).header(global, local: records, refuse: refuse)
                contentLeft = header.size
                padding = TarBlock.padding(after: header.size)
                let offset = position + Int64(raw.count)
                position = offset + header.size
                return TarEntry(header: header, raw: raw, offset: offset)
            }
        }
    }

    /// Reads on in the content of the current entry; 0 at its end.
    /// - Throws: a ``Failure`` of kind `data` where the tar ends inside it.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let wanted = Int(min(Int64(buffer.count), contentLeft))
        if wanted == 0 { return 0 }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        let count = try input.read(into: part, from: &upstream)
        guard count > 0 else { throw refuse("it ends inside the content of an entry") }
        contentLeft -= Int64(count)
        return count
    }

    private mutating func skipContent() throws(Failure) {
        contentLeft -= Int64(input.drop(contentLeft))
        if contentLeft > 0 { contentLeft -= try upstream.skip(contentLeft) }
        guard contentLeft > 0 else { return }
        try forEachChunk { _ in }
    }

    /// The next block, kept in `raw`; `nil` for the end mark or the end of the stream.
    private mutating func headerBlock() throws(Failure) -> [UInt8]? {
        guard let block = try nextBlock() else { return nil }
        guard block.allSatisfy({ $0 == 0 }) else { return block }
        if let second = try nextBlock(), !second.allSatisfy({ $0 == 0 }) {
            throw refuse("found a single zero block where a header or the end is expected")
        }
        return nil
    }

    private mutating func nextBlock() throws(Failure) -> [UInt8]? {
        let start = raw.count
        try take(TarBlock.size, as: "a header", mayEnd: true)
        return raw.count == start ? nil : Array(raw[start...])
    }

    /// Appends the next `count` bytes to `raw`. At the very end of the stream: nothing, if that is allowed.
    private mutating func take(_ count: Int, as what: String, mayEnd: Bool = false) throws(Failure) {
        guard raw.count + count <= Bound.raw else {
            throw refuse("more than \(Bound.raw) bytes of headers precede one entry")
        }
        let start = raw.count
        try input.append(count, to: &raw, from: &upstream)
        if raw.count == start + count || (mayEnd && raw.count == start) { return }
        throw refuse("it ends inside \(what)")
    }

    /// The content of an extended header.
    private mutating func extensionBody(_ block: [UInt8]) throws(Failure) -> ArraySlice<UInt8> {
        let size = try TarBlockParser(block).checkedSize(refuse)
        guard size <= Bound.record else { throw refuse("an extended header has \(size) bytes") }
        let start = raw.count
        try take(Int(size) + TarBlock.padding(after: size), as: "an extended header")
        return raw[start..<(start + Int(size))]
    }

    private mutating func paxRecords(_ block: [UInt8]) throws(Failure) -> PAXRecords {
        try PAXRecords(parsing: extensionBody(block), refuse)
    }

    private mutating func longName(_ block: [UInt8]) throws(Failure) -> [UInt8] {
        let body = try extensionBody(block)
        return Array(body.prefix { $0 != 0 })
    }

    private mutating func finish() throws(Failure) -> TarEntry? {
        if !keepsTrailer {
            (raw, ended) = ([], true)
            return nil
        }
        var rest = raw
        let refused = refuse("more than \(Bound.raw) bytes follow its end")
        var stream = BufferedRest(input: input, upstream: upstream)
        try stream.forEachChunk(of: 1 << 16) { (bytes) throws(Failure) in
            guard rest.count + bytes.count <= Bound.raw else { throw refused }
            rest.append(contentsOf: bytes)
        }
        trailer = rest
        raw = []
        ended = true
        return nil
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "read the tar", artifact, because: reason,
            remedy: "fetch it again; if that does not help, have it made again with GNU tar or docker")
    }
}

/// What is left of a stream, buffered bytes first.
private struct BufferedRest: ByteStream {
    let input: InputBuffer
    var upstream: any ByteStream

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        try input.read(into: buffer, from: &upstream)
    }
}

/// Reads ahead for headers, 64 KiB at a time; large reads of content go past it.
private final class InputBuffer {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    private var start = 0
    private var end = 0

    deinit { buffer.deallocate() }

    func read(
        into target: UnsafeMutableRawBufferPointer, from upstream: inout any ByteStream
    ) throws(Failure) -> Int {
        if start == end {
            if target.count >= buffer.count { return try upstream.read(into: target) }
            try refill(from: &upstream)
        }
        let count = min(target.count, end - start)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<(start + count)]))
        start += count
        return count
    }

    /// Drops at most `count` bytes of what was read ahead, and returns how many.
    func drop(_ count: Int64) -> Int {
        let step = Int(min(count, Int64(end - start)))
        start += step
        return step
    }

    /// Appends `count` bytes to `bytes`, or fewer where the stream ends.
    func append(_ count: Int, to bytes: inout [UInt8], from upstream: inout any ByteStream) throws(Failure) {
        var left = count
        while left > 0 {
            if start == end {
                try refill(from: &upstream)
                if end == 0 { return }
            }
            let part = min(left, end - start)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[start..<(start + part)]))
            start += part
            left -= part
        }
    }

    private func refill(from upstream: inout any ByteStream) throws(Failure) {
        (start, end) = (0, 0)
        end = try upstream.read(into: buffer)
    }
}
