// SPDX-License-Identifier: Apache-2.0

/// How much memory a compressed stream wants for what was unpacked last, by the heads of its frames and blocks.
enum CompressionWindow {
    /// The largest window that is unpacked: 64 MiB, that of `xz -9` and `zstd --long=26`.
    static let largest: UInt64 = 64 << 20
}

/// Watches a compressed stream on its way to the decoder. Each frame of a zstd stream and each block of an xz stream asks for
/// a window of its own, so each is looked at before the decoder sees its end.
struct WindowWatch {
    private var form: (any FrameForm)?
    private let artifact: String
    /// What was taken of the part that comes next, how long that part is, and what is passed over before it.
    private var part: [UInt8] = []
    private var size: Int
    private var passed: UInt64 = 0

    /// Watches a stream of `compression` from its first byte.
    init(_ compression: Compression, artifact: String) {
        form =
            switch compression {
            case .gzip, .bzip2: nil
            case .zstd: ZstdFrames()
            case .xz: XZBlocks()
            }
        size = form?.first ?? 0
        self.artifact = artifact
    }

    /// Takes the next bytes of the stream.
    /// - Throws: a ``Failure`` of kind `data` where a frame asks for a larger window than ``CompressionWindow/largest``, or
    ///   where its form is not that of the specification: the decoder might read it in another way.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard var form else { return }
        var rest = bytes[...]
        while !rest.isEmpty {
            if passed > 0 {
                let count = Int(min(passed, UInt64(rest.count)))
                passed -= UInt64(count)
                rest = rest.dropFirst(count)
                continue
            }
            let missing = rest.prefix(size - part.count)
            part.append(contentsOf: missing)
            rest = rest.dropFirst(missing.count)
            if part.count == size { try step(&form) }
        }
        self.form = form
    }

    private mutating func step(_ form: inout any FrameForm) throws(Failure) {
        switch form.next(after: part) {
        case .more(let count): size = count
        case .then(let passed, let count):
            (self.passed, size) = (passed, count)
            part.removeAll(keepingCapacity: true)
        case .malformed:
            throw Failure(
                .data, "unpack", artifact,
                because: "its compressed data is damaged, or something else follows it",
                remedy: "fetch or copy it again; if it stays so, the source itself is damaged")
        }
        guard form.window <= CompressionWindow.largest else {
            throw Failure(
                .data, "unpack", artifact,
                because:
                    "it asks for a window of \(form.window) bytes in memory, and at most \(CompressionWindow.largest) are given",
                remedy: "compress it with a smaller window: zstd --long=26 or less, xz -9 or less")
        }
    }
}

/// What follows a part of a stream that was looked at.
private enum FrameStep {
    /// The same part has so many bytes in all.
    case more(Int)
    /// So many bytes are passed over, then a part of `count` bytes follows.
    case then(passed: UInt64, count: Int)
    /// It is not of the form.
    case malformed
}

/// Finds the heads in a compressed stream.
private protocol FrameForm {
    /// Bytes of the first part.
    var first: Int { get }
    /// The window that the frame or block at hand asks for.
    var window: UInt64 { get }
    /// Says what follows, where `part` is what was asked for.
    mutating func next(after part: [UInt8]) -> FrameStep
}

extension [UInt8] {
    /// The number in `self[range]`, the least significant byte first.
    fileprivate func little(_ range: Range<Int>) -> UInt64 {
        self[range].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The frames of RFC 8878: those of zstd, and those that are skipped.
private struct ZstdFrames: FrameForm {
    private enum Place { case frame, head, block }

    let first = 4
    private(set) var window: UInt64 = 0
    private var place = Place.frame
    private var hasChecksum = false

    mutating func next(after part: [UInt8]) -> FrameStep {
        switch place {
        case .frame:
            // 3.1.2: a mark, and the size of what is skipped.
            if part[0] & 0xF0 == 0x50, part[1...3].elementsEqual([0x2A, 0x4D, 0x18]) {
                return part.count < 8 ? .more(8) : .then(passed: part.little(4..<8), count: 4)
            }
            guard part.elementsEqual([0x28, 0xB5, 0x2F, 0xFD]) else { return .malformed }
            place = .head
            return .then(passed: 0, count: 1)
        case .head: return head(part)
        case .block:
            // 3.1.1.2: whether it is the last, its type, its size; a run has one byte.
            let head = part.little(0..<3)
            let type = head >> 1 & 3
            if type == 3 { return .malformed }
            let size = type == 1 ? 1 : head >> 3
            if head & 1 == 0 { return .then(passed: size, count: 3) }
            place = .frame
            return .then(passed: size + (hasChecksum ? 4 : 0), count: 4)
        }
    }

    /// 3.1.1.1: the descriptor, the window unless it is the content, an id of a dictionary, the size of the content.
    private mutating func head(_ part: [UInt8]) -> FrameStep {
        let descriptor = part[0]
        let isSingle = descriptor & 0x20 != 0
        let start = (isSingle ? 1 : 2) + [0, 1, 2, 4][Int(descriptor & 3)]
        let sizes = [isSingle ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
        guard part.count == start + sizes else { return .more(start + sizes) }
        if isSingle {
            window = part.little(start..<(start + sizes)) + (sizes == 2 ? 256 : 0)
        } else {
            let base = UInt64(1) << (10 + UInt64(part[1] >> 3))
            window = base + base / 8 * UInt64(part[1] & 7)
        }
        hasChecksum = descriptor & 4 != 0
        place = .block
        return .then(passed: 0, count: 3)
    }
}

/// The blocks of the streams of the .xz format 1.1, with their chunks of LZMA2.
private struct XZBlocks: FrameForm {
    private enum Place {
        case stream, blockSize, block, chunk, chunkSize
        /// So many numbers of the index are left; the first is the count of its records.
        case index(UInt64), indexCount
    }

    let first = 4
    private(set) var window: UInt64 = 0
    private var place = Place.stream
    private var checkSize: UInt64 = 0
    /// Bytes of the block's data or of the index, which are padded to a multiple of four.
    private var length: UInt64 = 0
    private var padding: UInt64 { (4 - length % 4) % 4 }

    mutating func next(after part: [UInt8]) -> FrameStep {
        switch place {
        case .stream: return stream(part)
        case .blockSize:
            // 3.1.1; an index begins with a zero.
            (place, length) = (part[0] == 0 ? .indexCount : .block, 1)
            return part[0] == 0 ? .then(passed: 0, count: 1) : .more((Int(part[0]) + 1) * 4)
        case .block:
            guard let size = Self.dictionary(part) else { return .malformed }
            (window, place, length) = (size, .chunk, 0)
            return .then(passed: 0, count: 1)
        case .chunk:
            length += 1
            if part[0] == 0 {
                place = .blockSize
                return .then(passed: padding + checkSize, count: 1)
            }
            guard part[0] <= 2 || part[0] >= 0x80 else { return .malformed }
            place = .chunkSize
            return .more(part[0] <= 2 ? 3 : 5)
        case .chunkSize:
            // 0x80 and above: compressed, with new properties from 0xC0 on.
            let at = part[0] <= 2 ? 1 : 3
            let data = (UInt64(part[at]) << 8 | UInt64(part[at + 1])) + 1 + (part[0] >= 0xC0 ? 1 : 0)
            length += UInt64(part.count - 1) + data
            place = .chunk
            return .then(passed: data, count: 1)
        case .indexCount, .index: return index(part)
        }
    }

    /// 2.1.1 and 2.2: four zeros between streams, or a head.
    private mutating func stream(_ part: [UInt8]) -> FrameStep {
        if part.count == 4 {
            return part.allSatisfy { $0 == 0 } ? .then(passed: 0, count: 4) : .more(12)
        }
        guard part.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]), part[6] == 0, part[7] < 16 else {
            return .malformed
        }
        checkSize = part[7] == 0 ? 0 : 4 << UInt64((part[7] - 1) / 3)
        place = .blockSize
        return .then(passed: 0, count: 1)
    }

    /// 4: a count of records and two numbers for each, padding, a checksum; then the end of the stream.
    private mutating func index(_ part: [UInt8]) -> FrameStep {
        guard part.count <= 9 else { return .malformed }
        if part[part.count - 1] & 0x80 != 0 { return .more(part.count + 1) }
        length += UInt64(part.count)
        let number = part.reversed().reduce(UInt64(0)) { $0 << 7 | UInt64($1 & 0x7F) }
        var left = number * 2
        if case .index(let numbers) = place { left = numbers - 1 }
        place = .index(left)
        if left > 0 { return .then(passed: 0, count: 1) }
        place = .stream
        return .then(passed: padding + 4 + 12, count: 4)
    }

    /// The size of the dictionary of LZMA2, the last filter of a block's head (3.1 and 5.3.1); `nil` where it is not there.
    private static func dictionary(_ head: [UInt8]) -> UInt64? {
        let flags = head[1]
        var at = 2
        func skipNumber() { while at < head.count, head[at] & 0x80 != 0 { at += 1 }; at += 1 }
        if flags & 0x40 != 0 { skipNumber() }
        if flags & 0x80 != 0 { skipNumber() }
        for filter in 0...Int(flags & 3) {
            guard at + 2 < head.count else { return nil }
            let (id, size) = (head[at], Int(head[at + 1]))
            if filter == Int(flags & 3) {
                let bits = head[at + 2]
                guard id == 0x21, size == 1, bits <= 40 else { return nil }
                return bits == 40 ? UInt64(UInt32.max) : UInt64(2 | bits & 1) << (UInt64(bits) / 2 + 11)
            }
            guard id & 0x80 == 0, size < 0x80 else { return nil }
            at += 2 + size
        }
        return nil
    }
}
