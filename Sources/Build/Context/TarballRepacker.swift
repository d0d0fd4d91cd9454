// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI
internal import Sealer

/// A tarball as upstream ships it, made into the one that a base image holds: its single top folder
/// stripped, reproducible, gzip.
package struct TarballRepacker {
    /// What must be known of the members afterwards.
    package struct Outcome {
        /// Regular files at the top level, in order.
        package var programs: [String] = []
        /// Whether the marker occurs in the content of a member.
        package var holdsMarker = false

        /// Nothing is known yet.
        package init() {}
    }

    /// Bytes to look for in the members' content, such as a version that a program carries in itself.
    let marker: [UInt8]

    /// A repacking that looks for `marker`.
    package init(marker: [UInt8]) { self.marker = marker }

    /// Writes `tarball`, in whatever compression it comes, to the empty file `target` as tar.gz.
    ///
    /// Members keep order, mode, times and content; owners become root. A tarball with more than one name
    /// at the top level keeps its shape. It is opened once, or twice where its first member looked like a
    /// single top folder and a later one is next to it.
    /// - Throws: a `Failure` of kind `data` for a tarball that is damaged or has no member.
    package func write(
        _ tarball: () throws(Failure) -> any ByteStream, artifact: String, to target: File
    ) throws(Failure) -> Outcome {
        if let outcome = try copy(tarball(), artifact: artifact, to: target, stripping: true) {
            return outcome
        }
        guard ftruncate(target.descriptor, 0) == 0 else {
            throw Failure.system("empty", artifact: target.path)
        }
        guard let outcome = try copy(tarball(), artifact: artifact, to: target, stripping: false) else {
            throw Failure(.fault, "repack", artifact, because: "its shape changed between two readings")
        }
        return outcome
    }

    /// Copies all members; `nil` where they are to be stripped of a top folder that not all are below.
    private func copy(
        _ tarball: any ByteStream, artifact: String, to target: File, stripping: Bool
    ) throws(Failure) -> Outcome? {
        var plain = ReadAhead(try decompressed(tarball, limit: nil, artifact: artifact))
        let head = try TarballHead(&plain)
        if let fault = head.fault { throw Self.refuse(artifact, fault: fault) }
        var reader = TarReader(head.stream(plain), artifact: artifact)
        var written: Int64 = 0
        let writer = GzipWriter { (bytes) throws(Failure) in
            try target.write(bytes, at: written)
            written += Int64(bytes.count)
        }
        var outcome = Outcome()
        var places = TarballPlaces()
        while let header = try reader.next()?.header {
            if header.pathComponents.isEmpty { continue }
            if let fault = Self.fault(of: header) ?? places.fault(adding: header) {
                throw Self.refuse(artifact, fault: fault)
            }
            if stripping, !places.haveOneTopFolder { return nil }
            guard let renamed = Self.owned(header, stripping: stripping) else { continue }
            try add(renamed, from: &reader, to: writer, outcome: &outcome)
        }
        if let fault = places.fault(ofAll: outcome, stripping: stripping) {
            throw Self.refuse(artifact, fault: fault)
        }
        try writer.write(TarBlock.end)
        try writer.finish()
        return outcome
    }

    /// The header of the member that it becomes: root's, and below the top folder where that is stripped; `nil` for
    /// that folder itself.
    private static func owned(_ header: TarHeader, stripping: Bool) -> TarHeader? {
        let parts = header.pathComponents
        guard
            var header = header.renamed(
                parts.dropFirst(stripping ? 1 : 0), below: stripping ? parts.first ?? [] : [])
        else { return nil }
        (header.uid, header.gid, header.userName, header.groupName) = (0, 0, [], [])
        return header
    }

    /// Writes the member that `reader` is at.
    private func add(
        _ header: TarHeader, from reader: inout TarReader, to writer: borrowing GzipWriter,
        outcome: inout Outcome
    ) throws(Failure) {
        try writer.write(header.encoded())
        if header.kind == .file, !header.name.contains(UInt8(ascii: "/")) {
            outcome.programs.append(String(decoding: header.name, as: UTF8.self))
        }
        var search = ByteSearch(marker)
        try reader.forEachChunk { (bytes) throws(Failure) in
            search.feed(bytes)
            try writer.write(bytes)
        }
        outcome.holdsMarker = outcome.holdsMarker || search.found
        try writer.write([UInt8](repeating: 0, count: TarBlock.padding(after: header.size)))
    }
}

extension TarballRepacker {
    static func refuse(_ artifact: String, fault: String) -> Failure {
        Failure(
            .data, "repack", artifact, because: fault,
            remedy:
                "check that its URL in the spec is that of the tarball that is meant, and what the server sends; "
                + "`file:` in place of `repack:` carries any file as it is")
    }

    /// Why a member must not be in what the base's scripts unpack as root; `nil` for an honest one.
    static func fault(of header: TarHeader) -> String? {
        func leaves(_ name: [UInt8]) -> Bool {
            name.first == UInt8(ascii: "/")
                || name.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
        }
        if leaves(header.name) {
            return "its member '\(header.shownName)' leaves the folder it is unpacked into"
        }
        if header.kind == .hardLink, leaves(header.linkName) {
            return "its member '\(header.shownName)' links to something outside of it"
        }
        return nil
    }
}

/// The names of a tarball's members so far, to find those that would be written through a link or over another.
private struct TarballPlaces {
    /// Names of all that is no folder, their parts joined by slashes.
    private var leaves: Set<[UInt8]> = []
    private var top: [UInt8]?
    private var hasFile = false
    /// Whether all members so far are one folder and what is in it.
    private(set) var haveOneTopFolder = true

    /// Why the next member must not be there; `nil` for an honest one.
    mutating func fault(adding header: TarHeader) -> String? {
        let parts = header.pathComponents
        hasFile = hasFile || header.kind == .file
        let isBelow = parts.count > 1 || header.kind == .directory
        haveOneTopFolder = haveOneTopFolder && isBelow && (top == nil || top == parts.first)
        top = parts.first
        var name: [UInt8] = []
        for (depth, part) in parts.enumerated() {
            if depth > 0, leaves.contains(name) {
                return "its member '\(header.shownName)' is below a member that is not a folder"
            }
            name += (depth > 0 ? [UInt8(ascii: "/")] : []) + part
        }
        if header.kind == .directory {
            return leaves.contains(name) ? "its member '\(header.shownName)' is there twice" : nil
        }
        return leaves.insert(name).inserted ? nil : "its member '\(header.shownName)' is there twice"
    }

    /// Why nothing can be done with the whole; `nil` for a tarball with a file that would be found.
    func fault(ofAll outcome: TarballRepacker.Outcome, stripping: Bool) -> String? {
        guard hasFile else { return "it is a tar without files" }
        guard outcome.programs.isEmpty else { return nil }
        return stripping
            ? "it has no file directly below its top folder, so that nothing of it would be found"
            : "it has several folders at its top and no file, so that nothing of it would be found"
    }
}

/// The begin of what should be a tarball, decompressed: names what it is instead.
struct TarballHead {
    private var bytes: [UInt8] = []

    /// Takes the first block of `stream`.
    init(_ stream: inout ReadAhead) throws(Failure) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: TarBlock.size, alignment: 16)
        defer { block.deallocate() }
        while bytes.count < TarBlock.size {
            let wanted = TarBlock.size - bytes.count
            let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: block[..<wanted]))
            if count == 0 { break }
            bytes.append(contentsOf: block[..<count])
        }
    }

    /// Why it is not a tarball; `nil` where it may be one.
    var fault: String? {
        if bytes.isEmpty { return "it is empty" }
        let text = bytes.drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
        if text.first == UInt8(ascii: "<") {
            return
                "it is a page (HTML or XML), not a tarball: a proxy's login or a server's error, most likely"
        }
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "it is a zip archive, not a tarball" }
        if bytes.starts(with: "!<arch>".utf8) {
            return "it is a Debian package or an ar archive, not a tarball"
        }
        if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return "it is a program, not a tarball" }
        return bytes.count < TarBlock.size ? "it is too short to be a tarball" : nil
    }

    /// The whole stream again.
    func stream(_ rest: ReadAhead) -> any ByteStream { Joined(head: MemoryStream(bytes), rest: rest) }

    private struct Joined: ByteStream {
        var head: MemoryStream
        var rest: ReadAhead

        mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
            let count = try head.read(into: buffer)
            return count > 0 ? count : try rest.read(into: buffer)
        }
    }
}

extension TarHeader {
    /// The parts of the name, without empty ones and `.`.
    var pathComponents: [[UInt8]] {
        name.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
    }

    /// The header under the name `parts`, its hard link taken out of the folder `top` too; `nil` for no name.
    func renamed(_ parts: ArraySlice<[UInt8]>, below top: [UInt8]) -> TarHeader? {
        guard !parts.isEmpty else { return nil }
        var header = self
        header.name = Array(parts.joined(separator: [UInt8(ascii: "/")]))
        if kind == .hardLink, !top.isEmpty, linkName.starts(with: top + [UInt8(ascii: "/")]) {
            header.linkName = Array(linkName.dropFirst(top.count + 1))
        }
        return header
    }
}

/// A search for a short run of bytes in a stream that comes in pieces.
struct ByteSearch {
    private let needle: [UInt8]
    private var tail: [UInt8] = []
    /// Whether it has occurred so far.
    private(set) var found = false

    init(_ needle: [UInt8]) { self.needle = needle }

    /// Looks through the next piece, and over the seam to the one before.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        guard !found, !needle.isEmpty, !bytes.isEmpty else { return }
        let seam = tail + bytes.prefix(needle.count - 1)
        found = seam.withUnsafeBytes(occurs) || occurs(bytes)
        tail = Array((tail + bytes.suffix(needle.count - 1)).suffix(needle.count - 1))
    }

    private func occurs(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        while rest.count >= needle.count, let base = rest.baseAddress {
            guard let hit = memchr(base, Int32(needle[0]), rest.count - needle.count + 1) else {
                return false
            }
            if memcmp(hit, needle, needle.count) == 0 { return true }
            rest = rest.dropFirst(UnsafeRawPointer(hit) - base + 1)
        }
        return false
    }
}

extension Slice<UnsafeRawBufferPointer> {
    fileprivate var baseAddress: UnsafeRawPointer? { base.baseAddress.map { $0 + startIndex } }
}
