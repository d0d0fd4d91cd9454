// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Reads small blobs of a bundle, many at once where they follow one another.
struct MemberReader {
    let volumes: Volumes
    /// The bundle's path, for errors.
    let base: String
    /// Whether the headers of blobs are still to be looked at.
    let isLaidOut: Bool
    private var window = Window()

    /// The bytes that were read last.
    private struct Window {
        var start: Int64 = 0
        var bytes: [UInt8] = []
        /// What is read at once: 1 MiB.
        static let size: Int64 = 1 << 20
    }

    init(volumes: Volumes, base: String, isLaidOut: Bool) {
        (self.volumes, self.base, self.isLaidOut) = (volumes, base, isLaidOut)
    }

    /// The verified bytes of the blob that `member` is.
    mutating func bytes(
        of descriptor: Descriptor, at member: MemberPlace, limit: Int64
    ) throws(Failure) -> [UInt8] {
        guard member.size <= limit else {
            throw refuse("\(descriptor.digest) has \(member.size) bytes, more than \(limit)")
        }
        if isLaidOut { try checkHeader(of: descriptor, member) }
        let bytes = try bytes(at: member.offset, count: Int(member.size))
        guard member.size == descriptor.size,
            Digest(of: bytes, descriptor.digest.algorithm) == descriptor.digest
        else {
            // Says what is wrong as every other reader of a blob does.
            var stream = VerifyingStream(
                MemoryStream(bytes), descriptor: descriptor,
                artifact: "\(descriptor.digest) in \(volumes.paths(at: member.offset, count: member.size))")
            return try stream.readAll(limit: Int(limit), artifact: "\(descriptor.digest)")
        }
        return bytes
    }

    private mutating func checkHeader(of descriptor: Descriptor, _ member: MemberPlace) throws(Failure) {
        let name = descriptor.digest.layoutPath
        let header = Member.header(name, size: descriptor.size)
        let start = member.offset - Int64(header.count)
        guard try bytes(at: start, count: header.count) == header else { throw altered(name, at: start) }
    }

    /// Bytes of the bundle, out of the window where they are in it.
    private mutating func bytes(at offset: Int64, count: Int) throws(Failure) -> [UInt8] {
        guard count < Window.size else { return try volumes.bytes(at: offset, count: count) }
        let end = window.start + Int64(window.bytes.count)
        if offset < window.start || offset + Int64(count) > end {
            window.bytes = try volumes.bytes(at: offset, count: Int(min(Window.size, volumes.size - offset)))
            window.start = offset
        }
        let start = Int(offset - window.start)
        guard start + count <= window.bytes.count else { throw refuse("it ends too early", at: offset) }
        return Array(window.bytes[start..<(start + count)])
    }

    func altered(_ name: String, at offset: Int64) -> Failure {
        refuse("the header of \(name) was altered", at: offset)
    }

    func refuse(_ reason: String, at offset: Int64? = nil) -> Failure {
        let paths = offset.map { volumes.paths(at: $0, count: 1) }
        return Failure(
            .data, "read the bundle", paths ?? base, because: reason,
            remedy: "copy it again from where it was made; if that does not help, collect it again")
    }
}
