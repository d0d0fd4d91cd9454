// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where the members of a bundle lie, in multiples of 512 bytes, as POSIX tar wants it.
struct Layout {
    /// Offsets of the blobs' first bytes, counted from the end of the `index.json` member.
    private(set) var offsets: [Int64] = []
    private var end: Int64 = 0

    /// The two zero blocks that end a tar.
    static let trailer: Int64 = Int64(TarBlock.end.count)

    static func padded(_ size: Int64) -> Int64 { size + Int64(TarBlock.padding(after: size)) }

    /// Lays out the next blob.
    /// - Throws: a `Failure` of kind `data` when the whole would exceed 2^53 bytes.
    mutating func add(_ size: Int64, artifact: String) throws(Failure) {
        let offset = end + Int64(Member.headerSize(for: size))
        offsets.append(offset)
        end = offset + Self.padded(size)
        guard end <= Descriptor.largestSize else {
            throw Failure(.data, "lay out", artifact, because: "it would have more than 2^53 bytes")
        }
    }

    /// Where the blobs begin when `index.json` has `count` bytes.
    func firstBlob(withIndexOf count: Int) -> Int64 {
        [FormatName.layout.count, count].reduce(0) { sum, count in
            sum + Int64(Member.headerSize(for: Int64(count))) + Self.padded(Int64(count))
        }
    }

    /// The size of the whole when `index.json` has `count` bytes.
    func size(withIndexOf count: Int) -> Int64 { firstBlob(withIndexOf: count) + end + Self.trailer }
}
