// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where the members of a bundle are, in multiples of 512 bytes, as POSIX tar wants it.
struct TarOffsets {
    /// Offsets of the blobs' first bytes, counted from the end of the `index.json` member.
    private(set) var offsets: [Int64] = []
    private var end: Int64 = 0

    /// The two zero blocks that end a tar.
    static let trailer: Int64 = Int64(TarBlock.end.count)

    static func padded(_ size: Int64) -> Int64 { size + Int64(TarBlock.padding(after: size)) }

    /// Lays out the next blob.
    /// - Throws: a `Failure` of kind `data` when the whole would exceed 2^53 bytes.
    mutating func add(_ blob: Descriptor, artifact: String) throws(Failure) {
        try add(headerSize: Member.headerSize(of: blob), size: blob.size, artifact: artifact)
    }

    /// Lays out the next member, of that name and size.
    /// - Throws: as ``add(_:artifact:)``.
    mutating func add(_ name: String, size: Int64, artifact: String) throws(Failure) {
        try add(headerSize: Member.headerSize(name, size: size), size: size, artifact: artifact)
    }

    private mutating func add(headerSize: Int, size: Int64, artifact: String) throws(Failure) {
        let offset = end + Int64(headerSize)
        offsets.append(offset)
        end = offset + Self.padded(size)
        guard end <= Descriptor.largestSize else {
            throw Failure(.data, "lay out", artifact, because: "it would have more than 2^53 bytes")
        }
    }

    /// Where the blobs begin when `index.json` has `count` bytes.
    func firstBlob(withIndexOf count: Int) -> Int64 {
        let members = [(FormatName.layoutMember, FormatName.layout.count), (FormatName.indexMember, count)]
        return members.reduce(0) { sum, member in
            sum + Int64(Member.headerSize(member.0, size: Int64(member.1))) + Self.padded(Int64(member.1))
        }
    }

    /// The size of the whole when `index.json` has `count` bytes.
    func size(withIndexOf count: Int) -> Int64 { firstBlob(withIndexOf: count) + end + Self.trailer }
}
