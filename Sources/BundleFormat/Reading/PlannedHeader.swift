// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The header of a member as a plan has it.
struct PlannedHeader {
    let name: String
    /// The size of the content.
    let size: Int64
    /// Where the header begins, and where its content does.
    let start: Int64
    let content: Int64

    init(_ name: String, size: Int64, content: Int64) {
        self.name = name
        self.size = size
        self.content = content
        start = content - Int64(Member.headerSize(name, size: size))
    }

    /// Those of each tool of `plan`, and of the first blob in each volume of that size whose header is wholly in it.
    static func all(of plan: BundlePlan, volumeSize: Int64?) -> [PlannedHeader] {
        let tools = plan.tools.map { PlannedHeader($0.tool.name, size: $0.tool.size, content: $0.offset) }
        guard let volumeSize else { return tools }
        var seen: Set<Int64> = []
        return tools
            + plan.blobs.compactMap { blob in
                let name = blob.descriptor.digest.layoutPath
                let header = PlannedHeader(name, size: blob.descriptor.size, content: blob.offset)
                let volume = header.start / volumeSize
                guard (header.content - 1) / volumeSize == volume else { return nil }
                return seen.insert(volume).inserted ? header : nil
            }
    }
}

extension Volumes {
    /// Of `headers`, those that are wholly in a further volume: a volume that is another's, or out of order, has other
    /// bytes there.
    func firstHeaders(of headers: [PlannedHeader]) -> [PlannedHeader] {
        headers.filter { header in
            let parts = regions(at: header.start, count: header.content - header.start)
            return parts.count == 1 && parts[0].file !== files[0]
        }
    }
}

extension Bundle {
    /// Compares the header before a member with the one that the writer gave it.
    /// - Throws: a `Failure` of kind `data` where it was altered.
    func checkHeader(_ name: String, at place: MemberPlace) throws(Failure) {
        let header = Member.header(name, size: place.size)
        let start = place.offset - Int64(header.count)
        guard try volumes.bytes(at: start, count: header.count) == header else {
            throw Failure(
                .data, "read the bundle", volumes.paths(at: start, count: 1),
                because: "the header of \(name) was altered",
                remedy: "copy it again from where it was made; if that does not help, collect it again")
        }
    }

    /// Checks what is around a member: its header, and that zeros fill its last block.
    func checkFrame(_ name: String, at place: MemberPlace) throws(Failure) {
        try checkHeader(name, at: place)
        let padding = TarBlock.padding(after: place.size)
        guard try volumes.bytes(at: place.offset + place.size, count: padding).allSatisfy({ $0 == 0 }) else {
            throw Failure(
                .data, "read the bundle", volumes.paths(at: place.offset + place.size, count: 1),
                because: "the padding after \(name) is not zero",
                remedy: "copy it again from where it was made; if that does not help, collect it again")
        }
    }
}
