// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// A file, folder or link of an archive, and where its content is in the file that has all contents.
struct ArchiveMember {
    /// The parts of its name, without empty ones and `.`.
    var parts: [[UInt8]]
    /// A file, a folder or a symbolic link.
    var kind: TarHeader.Kind
    /// Permission bits; set-id and sticky bits are left out.
    var mode: UInt32
    /// Where its content begins.
    var offset: Int64 = 0
    /// Bytes of its content.
    var size: Int64 = 0
    /// The target of a symbolic link.
    var link: [UInt8] = []

    /// The name.
    var path: [UInt8] { Array(parts.joined(separator: [UInt8(ascii: "/")])) }
}

/// Reads an archive that a spec unpacks: a tar in any compression, or a zip. Members that would leave the folder they are
/// unpacked into, and devices, are refused whether they are wanted or not.
struct ArchiveUnpacker {
    /// The most members of an archive.
    static let mostMembers = 1_000_000

    private let archive: File
    private let size: Int64
    private let artifact: String
    private var found: [ArchiveMember] = []
    private var byPath: [[UInt8]: Int] = [:]
    private var written = ByteTotal()

    /// - Parameter archive: all of it, which was verified.
    init(_ archive: File, size: Int64, artifact: String) {
        self.archive = archive
        self.size = size
        self.artifact = artifact
    }

    /// Writes the contents of all files to `target`, one after another, and returns the members in their order.
    /// - Throws: a ``Failure`` of kind `data` for what is no archive, is damaged or hostile.
    func members(to target: File) throws(Failure) -> [ArchiveMember] {
        var unpacker = self
        var head: [UInt8] = []
        var start = archive.stream(count: min(size, 4))
        try start.forEachChunk { (bytes) throws(Failure) in head += bytes }
        if head.starts(with: [0x50, 0x4B]) {
            try unpacker.zip(to: target)
        } else {
            try unpacker.tar(to: target)
        }
        if !unpacker.found.contains(where: { $0.kind == .file }) { throw refuse("it has no file") }
        return unpacker.found
    }

    private mutating func tar(to target: File) throws(Failure) {
        var plain = ReadAhead(try decompressed(archive.stream(count: size), limit: nil, artifact: artifact))
        let head = try TarballHead(&plain)
        if let fault = head.fault { throw refuse(fault) }
        var reader = TarReader(head.stream(plain), artifact: artifact)
        while let entry = try reader.next() {
            let header = entry.header
            if let fault = TarballRepacker.fault(of: header) { throw refuse(fault) }
            if header.kind == .hardLink {
                try add(hardLink: header)
                continue
            }
            let at = written.bytes
            guard try add(header.name, kind: header.kind, mode: header.mode, link: header.linkName) else {
                continue
            }
            var written = written
            let artifact = artifact
            try reader.forEachChunk { (bytes) throws(Failure) in
                try target.write(bytes, at: written.bytes)
                try written.add(Int64(bytes.count), artifact: artifact)
            }
            self.written = written
            found[found.count - 1].size = written.bytes - at
        }
    }

    private mutating func zip(to target: File) throws(Failure) {
        let reader = try ZipReader(archive, artifact: artifact)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while let member = try reader.next() {
            if let fault = TarballRepacker.fault(of: TarHeader(name: member.name, mode: 0)) {
                throw refuse(fault)
            }
            let at = written.bytes
            guard try add(member.name, kind: member.kind, mode: member.mode, link: member.linkName),
                member.kind == .file
            else { continue }
            while case let count = try reader.read(into: buffer), count > 0 {
                try target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: written.bytes)
                try written.add(Int64(count), artifact: artifact)
            }
            found[found.count - 1].size = written.bytes - at
        }
    }

    /// Takes in a member; false for one without a name, such as the folder around all.
    private mutating func add(
        _ name: [UInt8], kind: TarHeader.Kind?, mode: UInt32, link: [UInt8]
    ) throws(Failure) -> Bool {
        let parts = name.split(separator: UInt8(ascii: "/")).map(Array.init).filter {
            $0 != [UInt8(ascii: ".")]
        }
        if parts.isEmpty { return false }
        let shown = String(displaying: name.prefix(200))
        guard let kind, [.file, .directory, .symlink].contains(kind) else {
            throw refuse("its member '\(shown)' is a device, a pipe or a socket")
        }
        guard found.count < Self.mostMembers else { throw refuse("it has over \(Self.mostMembers) members") }
        try FileNode.check(Array(parts.joined(separator: [UInt8(ascii: "/")])))
        found.append(
            ArchiveMember(parts: parts, kind: kind, mode: mode & 0o777, offset: written.bytes, link: link))
        byPath[found[found.count - 1].path] = found.count - 1
        return true
    }

    /// Another name of an earlier file.
    private mutating func add(hardLink header: TarHeader) throws(Failure) {
        let target = header.linkName.split(separator: UInt8(ascii: "/")).map(Array.init).filter {
            $0 != [UInt8(ascii: ".")]
        }
        let path = Array(target.joined(separator: [UInt8(ascii: "/")]))
        guard let index = byPath[path], found[index].kind == .file else {
            throw refuse("its member '\(header.shownName)' links to a file that is not before it")
        }
        let file = found[index]
        guard try add(header.name, kind: .file, mode: file.mode, link: []) else { return }
        found[found.count - 1].offset = file.offset
        found[found.count - 1].size = file.size
    }

    private func refuse(_ fault: String) -> Failure {
        Failure(
            .data, "unpack", artifact, because: fault,
            remedy:
                "check that its place in the spec is that of the archive that is meant, and what the server sends"
        )
    }
}

extension ContextAssembler {
    /// Puts the members that `patterns` mean, all without them, below the folder `path`, without the first `strip` parts of
    /// their names. Files get their own permissions and the time 0, folders 0755.
    func unpack(
        _ file: BuildInputs.File, called name: String, into path: String, members patterns: [String]?,
        strip: Int
    ) throws(Failure) {
        guard let (members, contents) = try session.unpacked(file, called: name) else {
            problems.isIncomplete = true
            return
        }
        let top = path.split(separator: "/").map { Array($0.utf8) }
        let wanted = patterns?.map { PathPattern($0) }
        var unused = Set((patterns ?? []).indices)
        var count = 0
        for member in members {
            if let wanted {
                let shown = String(decoding: member.path, as: UTF8.self)
                guard let index = wanted.indices.first(where: { wanted[$0].covers(shown) }) else { continue }
                unused.subtract(wanted.indices.filter { $0 == index || wanted[$0].covers(shown) })
            }
            let inner = Array(member.parts.dropFirst(strip))
            if inner.isEmpty { continue }
            count += 1
            try files.put(node(member, at: inner, name: name, contents: contents), at: top + inner)
            if member.kind == .file {
                ship(
                    String(
                        decoding: Array((top + inner).joined(separator: [UInt8(ascii: "/")])), as: UTF8.self))
            }
        }
        if let first = unused.min() {
            throw Failure(
                .input, "unpack \(patterns![first]) of", name, because: "it has no such member",
                remedy: "name members as `tar -tf` or `unzip -l` shows them, before anything is stripped")
        }
        guard count > 0 else {
            throw Failure(
                .configuration, "unpack", name, because: "no member is left once \(strip) parts are stripped",
                remedy: "correct strip in the spec")
        }
    }

    private func node(
        _ member: ArchiveMember, at inner: [[UInt8]], name: String, contents: File
    ) throws(Failure) -> FileNode {
        let owner = session.maker.owner
        var attributes = FileNode.Attributes(mode: member.mode, uid: owner.uid, gid: owner.gid)
        switch member.kind {
        case .directory: return FileNode(.folder, attributes: attributes)
        case .symlink:
            guard Self.stays(member.link, in: inner.count - 1) else {
                throw Failure(
                    .data, "unpack", name,
                    because:
                        "its link '\(String(displaying: member.path.prefix(200)))' leads out of the folder it is unpacked into",
                    remedy: "name the members that are needed")
            }
            attributes.mode = 0o777
            return FileNode(.symlink(target: member.link), attributes: attributes)
        default:
            return FileNode(
                .file(.part(of: contents, at: member.offset), size: member.size), attributes: attributes)
        }
    }

    /// Whether a link's target, from `depth` folders deep, stays below the top.
    private static func stays(_ target: [UInt8], in depth: Int) -> Bool {
        if target.isEmpty || target.first == UInt8(ascii: "/") { return false }
        var depth = depth
        for part in target.split(separator: UInt8(ascii: "/")) where part != [UInt8(ascii: ".")] {
            depth += part.elementsEqual("..".utf8) ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }
}
