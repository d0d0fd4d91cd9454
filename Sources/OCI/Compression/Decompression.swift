// SPDX-License-Identifier: Apache-2.0

/// The bytes of `stream`, decompressed when they are gzip, zstd, xz or bzip2, which the first bytes tell;
/// else as they are. Every checksum that the format has is verified.
///
/// Work is done by the reads, on the caller's thread; wrap the result in ``ReadAhead`` to have it done on
/// another. The read that returns 0 has read `stream` to its end.
/// - Parameters:
///   - stream: the bytes as they are stored.
///   - limit: the largest number of bytes to give out. `nil`: no more than gzip can reach at best, 1032
///     times the input, beyond the first 64 MiB.
///   - isPromised: a digest of the unpacked bytes says what must come out, so that an honest stream of any ratio is
///     accepted: up to 64 GiB.
///   - artifact: names the stream in errors.
/// - Throws: a ``Failure`` of kind `data`, here or from a read, for data that is truncated or damaged, that
///   has something after its end, or that exceeds the limit.
package func decompressed(
    _ stream: any ByteStream, limit: Int64?, isPromised: Bool = false, artifact: String
) throws(Failure) -> any ByteStream {
    var upstream = stream
    var head: [UInt8] = []
    let longest = Compression.headSize
    try withUnsafeTemporaryBytes(longest) { (buffer) throws(Failure) in
        while head.count < longest {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(longest - head.count)])
            let count = try upstream.read(into: part)
            if count == 0 { return }
            head.append(contentsOf: part[..<count])
        }
    }
    let form = Compression(head)
    let source = CountedStream(head: head, rest: upstream)
    let plain: any ByteStream =
        switch form {
        case .gzip: GzipReader(source, artifact: artifact)
        case .zstd, .xz, .bzip2: try LibarchiveFilterReader(source, form: form!, artifact: artifact)
        case nil: source
        }
    return CappedStream(
        plain, input: source, limit: limit, floor: isPromised ? CappedStream.promised : CappedStream.floor,
        artifact: artifact)
}

/// A compressed form that is understood.
enum Compression: CaseIterable {
    case gzip, zstd, xz, bzip2
    /// How many bytes tell the form.
    static let headSize = 10

    /// Tells the form by the first ten bytes; `nil` for anything else.
    init?(_ head: [UInt8]) {
        guard let found = Self.allCases.first(where: { $0.begins(head) }) else { return nil }
        self = found
    }

    private func begins(_ head: [UInt8]) -> Bool {
        switch self {
        case .gzip: head.starts(with: [0x1F, 0x8B])
        case .zstd: head.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
        case .xz: head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00])
        // `BZh` alone may begin the name of a tar's first file: a block or the end must follow.
        case .bzip2:
            head.starts(with: [0x42, 0x5A, 0x68])
                && [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]]
                    .contains(head.dropFirst(4).prefix(6).map(Int.init))
        }
    }
}

/// Gives `body` some bytes of scratch memory.
func withUnsafeTemporaryBytes(
    _ count: Int, body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
) throws(Failure) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { buffer.deallocate() }
    try body(buffer)
}

/// The whole stream again after its first bytes were looked at, and how much of it was read.
package final class CountedStream: ByteStream {
    private var head: MemoryStream
    private var rest: any ByteStream
    /// How many bytes were read.
    package private(set) var count: Int64 = 0

    /// `head`, then `rest`.
    package init(head: [UInt8] = [], rest: any ByteStream) {
        self.head = MemoryStream(head)
        self.rest = rest
    }

    /// Reads on.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        var got = try head.read(into: buffer)
        if got == 0 { got = try rest.read(into: buffer) }
        count += Int64(got)
        return got
    }
}

/// Stops what inflates beyond measure.
private struct CappedStream: ByteStream {
    /// deflate turns one byte into 1032 at most; below the floor no ratio is held against anybody.
    static let (ratio, floor): (Int64, Int64) = (1032, 64 << 20)
    /// The floor where a digest says what comes out.
    static let promised: Int64 = 64 << 30

    private var upstream: any ByteStream
    private let input: CountedStream
    private let limit: Int64?
    private let floor: Int64
    private let artifact: String
    private var seen: Int64 = 0

    init(_ upstream: any ByteStream, input: CountedStream, limit: Int64?, floor: Int64, artifact: String) {
        self.upstream = upstream
        self.floor = floor
        self.input = input
        self.limit = limit
        self.artifact = artifact
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = try upstream.read(into: buffer)
        seen += Int64(count)
        if let limit {
            guard seen <= limit else {
                throw refuse("it unpacks to more than the \(limit) bytes it may have")
            }
        } else if seen > floor, seen / Self.ratio > input.count {
            throw refuse("it unpacks to more than \(Self.ratio) times its size")
        }
        return count
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "unpack", artifact, because: reason,
            remedy: "do not trust it: a file made to fill the disk looks like this")
    }
}
