// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A member of a bundle's tar.
struct Member {
    var name: String
    /// Where its content begins.
    var offset: Int64
    /// The size of its content in bytes.
    var size: Int64
    /// Whether its header is the one that a writer of ours gives it, to the byte.
    var isCanonical: Bool

    /// The header of a member: mode 0644, of a tool 0755, owner 0, time 0, so that equal contents give equal tars.
    static func header(_ name: String, size: Int64) -> [UInt8] {
        TarHeader(name: Array(name.utf8), mode: CarriedTool.isName(name) ? 0o755 : 0o644, size: size)
            .encoded()
    }

    /// Bytes of the header of a member of that name and size.
    static func headerSize(_ name: String, size: Int64) -> Int {
        // Up to 8 GiB - 1 the size fits into the ustar field, and names of up to 100 bytes do.
        size < 1 << 33 && name.utf8.count <= 100 ? TarBlock.size : header(name, size: size).count
    }

    /// Bytes of the header of a blob.
    static func headerSize(of blob: Descriptor) -> Int {
        // Without making the name, which has 77 bytes.
        blob.digest.algorithm == .sha256 && blob.size < 1 << 33
            ? TarBlock.size : headerSize(blob.digest.layoutPath, size: blob.size)
    }

    /// The digest in the name; `nil` for a member that is not a blob.
    var digest: Digest? { Digest(layoutPath: name) }
}

/// Goes through the headers of a bundle's tar and leaves the contents unread.
///
/// A tar made by others from the same members passes too: with `./` before the names, with directories,
/// other owners, times and order. What is not a member of a bundle does not.
struct MemberScanner {
    private let volumes: Volumes
    private var position: Int64 = 0

    init(_ volumes: Volumes) { self.volumes = volumes }

    /// The next member; `nil` after the last, when the end of the tar has been found right.
    /// - Throws: a `Failure` of kind `data` for a header that is damaged or out of place, padding that is
    ///   not zero, a foreign name or type, an end that is too early or too late.
    mutating func next() throws(Failure) -> Member? {
        while true {
            let start = position
            var reader = TarReader(
                HeaderStream(volumes: volumes, position: start),
                artifact: "\(volumes.paths(at: start, count: 512)), at byte \(start)")
            let entry: TarEntry?
            do throws(Failure) { entry = try reader.next() } catch  where error.kind == .data && start == 0 {
                throw Failure(
                    .data, "open the bundle", volumes.paths(at: 0, count: 1),
                    because: "it does not begin as a bundle does: \(error.reason)",
                    remedy: "name a file that `sealift collect` wrote; if it is one, copy it again")
            }
            guard let entry else {
                try checkEnd(reader.trailer)
                return nil
            }
            let (header, raw) = (entry.header, entry.raw)
            guard Self.hasExactChecksum(raw[(raw.count - TarBlock.size)...]) else {
                throw refuse("the checksum of the header at byte \(start) is damaged", at: start)
            }
            let content = start + Int64(raw.count)
            let end = content + header.size
            position = end + Int64(TarBlock.padding(after: header.size))
            guard position <= volumes.size else {
                throw refuse("it ends at byte \(volumes.size), inside \(header.shownName)", at: end)
            }
            guard try volumes.bytes(at: end, count: Int(position - end)).allSatisfy({ $0 == 0 }) else {
                throw refuse("the padding after \(header.shownName) is not zero", at: end)
            }
            guard let name = try name(of: header, at: start) else { continue }
            return Member(
                name: name, offset: content, size: header.size,
                isCanonical: raw == Member.header(name, size: header.size))
        }
    }

    /// The name of a member without `./`; `nil` for a directory on the way to the blobs.
    private func name(of header: TarHeader, at start: Int64) throws(Failure) -> String? {
        var name = header.name[...]
        if name.starts(with: "./".utf8) { name = name.dropFirst(2) }
        let text = String(decoding: name, as: UTF8.self)
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        let folders = ["", ".", "blobs"] + Digest.Algorithm.allCases.map { "blobs/\($0.rawValue)" }
        if header.kind == .directory, folders.contains(bare) { return nil }
        guard header.kind == .file else {
            throw refuse("\(header.shownName) is a \(header.kind), which a bundle does not hold", at: start)
        }
        if text == FormatName.layoutMember || text == FormatName.indexMember || CarriedTool.isName(text) {
            return text
        }
        let member = Member(name: text, offset: 0, size: 0, isCanonical: false)
        guard member.digest != nil else {
            throw refuse("\(header.shownName) is not a member of a bundle", at: start)
        }
        return text
    }

    /// A tar ends with two zero blocks; GNU tar fills up its last record of 10240 bytes.
    private func checkEnd(_ trailer: [UInt8]) throws(Failure) {
        guard trailer.count >= TarOffsets.trailer else {
            throw refuse("it ends at byte \(volumes.size), before the end of the tar", at: volumes.size - 1)
        }
        let filled = volumes.size % 10240 == 0 && trailer.count < 10240 + Int(TarOffsets.trailer)
        guard trailer.allSatisfy({ $0 == 0 }), trailer.count == TarOffsets.trailer || filled else {
            throw refuse(
                "\(trailer.count) bytes follow its last member, where 1024 zeros are expected",
                at: volumes.size - 1)
        }
    }

    /// Six octal digits, NUL, space, as every tar of today writes it: a damaged one is not read kindly.
    private static func hasExactChecksum(_ block: ArraySlice<UInt8>) -> Bool {
        let field = block.dropFirst(148).prefix(8)
        return field.prefix(6).allSatisfy { (0x30...0x37).contains($0) } && field.suffix(2) == [0, 0x20]
    }

    private func refuse(_ reason: String, at offset: Int64) -> Failure {
        Failure(
            .data, "read the bundle", volumes.paths(at: offset, count: 1), because: reason,
            remedy: "copy it again from where it was made, and compare the sizes")
    }
}

/// Bytes of a bundle from a header on, a block at a time: a reader that looks ahead reads no content.
private struct HeaderStream: ByteStream {
    let volumes: Volumes
    var position: Int64

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = Int(min(Int64(min(buffer.count, TarBlock.size)), volumes.size - position))
        if count == 0 { return 0 }
        try volumes.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: position)
        position += Int64(count)
        return count
    }
}
