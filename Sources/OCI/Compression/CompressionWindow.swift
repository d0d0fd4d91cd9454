// SPDX-License-Identifier: Apache-2.0

/// How much memory a compressed stream wants for what was unpacked last, by its first bytes.
enum CompressionWindow {
    /// The largest window that is unpacked: 64 MiB, that of `xz -9` and `zstd --long=26`.
    static let largest: UInt64 = 64 << 20
    /// How many bytes of a stream ``bytes(_:head:)`` looks at.
    static let headSize = 64

    /// The window that the first frame or block asks for; `nil` where its form has none, or the head is not well formed:
    /// then the decoder reports it.
    static func bytes(_ form: Compression, head: [UInt8]) -> UInt64? {
        switch form {
        case .gzip, .bzip2: nil
        case .zstd: zstd(head)
        case .xz: xz(head)
        }
    }

    /// The frame header of RFC 8878, 3.1.1.1.
    private static func zstd(_ head: [UInt8]) -> UInt64? {
        guard head.count > 6 else { return nil }
        let descriptor = head[4]
        if descriptor & 0x20 == 0 {
            let base = UInt64(1) << (10 + UInt64(head[5] >> 3))
            return base + base / 8 * UInt64(head[5] & 7)
        }
        // A single segment: the window is the content.
        let start = 5 + [0, 1, 2, 4][Int(descriptor & 3)]
        let count = [1, 2, 4, 8][Int(descriptor >> 6)]
        guard head.count >= start + count else { return nil }
        let size = head[start..<(start + count)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return count == 2 ? size + 256 : size
    }

    /// The dictionary size of the LZMA2 filter in the first block header of the .xz format, 3.1 and 5.3.1.
    private static func xz(_ head: [UInt8]) -> UInt64? {
        guard head.count > 16, head[12] != 0 else { return nil }
        let flags = head[13]
        var at = 14
        func skipNumber() { while at < head.count, head[at] & 0x80 != 0 { at += 1 }; at += 1 }
        if flags & 0x40 != 0 { skipNumber() }
        if flags & 0x80 != 0 { skipNumber() }
        // LZMA2 is the last filter of a chain.
        for _ in 0...Int(flags & 3) {
            guard at + 1 < head.count else { return nil }
            let (id, size) = (head[at], Int(head[at + 1]))
            if id == 0x21, size == 1, at + 2 < head.count {
                let bits = head[at + 2]
                if bits > 40 { return nil }
                return bits == 40 ? UInt64(UInt32.max) : UInt64(2 | bits & 1) << (UInt64(bits) / 2 + 11)
            }
            at += 2 + size
        }
        return nil
    }
}
