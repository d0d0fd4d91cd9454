// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// Reads a whole tar: its entries, their contents, and all bytes put together again.
func readTar(
    _ bytes: [UInt8]
) throws -> (entries: [(header: TarHeader, content: [UInt8])], reassembled: [UInt8]) {
    var tar = TarReader(Trickle(bytes), artifact: "test.tar")
    var entries: [(TarHeader, [UInt8])] = []
    var all: [UInt8] = []
    while let entry = try tar.next() {
        let content = try tar.readAll(limit: 1 << 24, artifact: "content")
        all += entry.raw + content
        entries.append((entry.header, content))
    }
    return (entries, all + tar.trailer)
}

/// Makes one block by hand, with a checksum that is right.
func tarBlock(_ header: TarHeader, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var block = header.encoded()
    change(&block)
    for index in 148..<156 { block[index] = 0x20 }
    let sum = block.reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    block.replaceSubrange(
        148..<156, with: Array((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8))
    return block
}

@Suite struct TarReaderTests {
    static let deep = String(repeating: "d", count: 90) + "/" + String(repeating: "e", count: 90)

    /// A tree with what the formats differ in.
    static func tree(_ scratch: Scratch, longNames: Bool) throws {
        let files = FileManager.default
        let names =
            ["a", "dir/b", "dir/empty"] + (longNames ? [deep + "/" + String(repeating: "f", count: 150)] : [])
        for (index, name) in names.enumerated() {
            let url = URL(filePath: scratch("tree/" + name))
            try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            let content = Data((0..<(name.hasSuffix("empty") ? 0 : 700 + index)).map { UInt8($0 % 251) })
            try content.write(to: url)
        }
        symlink("dir/b", scratch("tree/link"))
        if longNames { symlink(String(repeating: "t", count: 180), scratch("tree/long-link")) }
        link(scratch("tree/a"), scratch("tree/z-hard"))
        var times = [
            timespec(tv_sec: 1_600_000_000, tv_nsec: 0), timespec(tv_sec: 1_600_000_000, tv_nsec: 0),
        ]
        for name in names { utimensat(AT_FDCWD, scratch("tree/" + name), &times, 0) }
    }

    /// Offsets are where the contents are, also where they are passed over instead of read.
    @Test(arguments: ["gnu", "posix"]) func passesOverContents(format: String) throws {
        let scratch = try Scratch()
        try Self.tree(scratch, longNames: true)
        try scratch.write("tree/large", [UInt8](repeating: 7, count: 300_000))
        try tool("tar", "--format=\(format)", "-C", scratch("tree"), "-cf", scratch("a.tar"), ".")
        let whole = try scratch.bytes("a.tar")
        let file = try File.open(scratch("a.tar"))
        var skipping = TarReader(file.stream(count: try file.size()), artifact: "a.tar")
        let read = try readTar(whole).entries
        var number = 0
        while let entry = try skipping.next() {
            #expect(entry.header == read[number].header)
            let start = Int(entry.offset)
            #expect(Array(whole[start..<(start + Int(entry.header.size))]) == read[number].content)
            number += 1
        }
        #expect(number == read.count && number > 8)
        try tool("truncate", "-s", "200000", scratch("a.tar"))
        let cut = try File.open(scratch("a.tar"))
        #expect(throws: Failure.self) {
            var reader = TarReader(cut.stream(count: try cut.size()), artifact: "a.tar")
            while try reader.next() != nil {}
        }
    }

    @Test(arguments: ["v7", "oldgnu", "gnu", "ustar", "posix"])
    func readsWhatGNUTarWrites(format: String) throws {
        let scratch = try Scratch()
        let long = ["oldgnu", "gnu", "posix"].contains(format)
        try Self.tree(scratch, longNames: long)
        try tool(
            "tar", "--format=\(format)", "--sort=name", "-C", scratch("tree"), "-cf", scratch("t.tar"), ".")
        let bytes = try scratch.bytes("t.tar")
        let (entries, reassembled) = try readTar(bytes)
        #expect(reassembled == bytes)
        let byName = Dictionary(
            uniqueKeysWithValues: entries.map { (String(decoding: $0.header.name, as: UTF8.self), $0) })
        #expect(byName.count == (long ? 11 : 7))
        #expect(byName["./dir/"]?.header.kind == .directory)
        #expect(byName["./link"]?.header.kind == .symlink)
        #expect(byName["./link"]?.header.linkName == Array("dir/b".utf8))
        #expect(byName["./z-hard"]?.header.kind == .hardLink)
        #expect(byName["./z-hard"]?.header.linkName == Array("./a".utf8))
        let b = try #require(byName["./dir/b"])
        #expect(b.header.kind == .file && b.header.size == 701 && b.header.mtime == 1_600_000_000)
        #expect(try b.content == scratch.bytes("tree/dir/b"))
        if long {
            let name = "./" + Self.deep + "/" + String(repeating: "f", count: 150)
            #expect(byName[name]?.content.count == 703)
            #expect(byName["./long-link"]?.header.linkName == [UInt8](repeating: 0x74, count: 180))
        }
    }

    @Test(arguments: ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
    func readsWhatPythonWrites(format: String) throws {
        let scratch = try Scratch()
        let script = """
            import tarfile, io, sys
            t = tarfile.open(sys.argv[1], 'w', format=tarfile.\(format))
            def add(name, data=b'', **kw):
                i = tarfile.TarInfo(name); i.size = len(data)
                for k, v in kw.items(): setattr(i, k, v)
                t.addfile(i, io.BytesIO(data))
            add('plain', b'x' * 1000, uid=1, gid=2, uname='u', gname='g', mode=0o4755, mtime=1600000000)
            if '\(format)' != 'USTAR_FORMAT':
                add('n' * 250, b'long', mtime=1)
                add('big-owner', b'', uid=3000000, gid=2**31)
                add('old', b'1', mtime=-5)
            if '\(format)' == 'PAX_FORMAT':
                add('fraction', b'', mtime=1600000000.25)
                add('before-1970', b'', mtime=-1.5)
                add('h\\u00e9', b'utf8')
            add('dev', type=tarfile.CHRTYPE, devmajor=5, devminor=1)
            add('pipe', type=tarfile.FIFOTYPE)
            t.close()
            """
        try tool("python3", "-c", script, scratch("t.tar"))
        let bytes = try scratch.bytes("t.tar")
        let (entries, reassembled) = try readTar(bytes)
        #expect(reassembled == bytes)
        let byName = Dictionary(
            uniqueKeysWithValues: entries.map { (String(decoding: $0.header.name, as: UTF8.self), $0) })
        let plain = try #require(byName["plain"]?.header)
        #expect(plain.mode == 0o4755 && plain.uid == 1 && plain.gid == 2 && plain.size == 1000)
        #expect(plain.userName == Array("u".utf8) && plain.groupName == Array("g".utf8))
        #expect(byName["dev"]?.header.kind == .characterDevice)
        #expect(byName["dev"]?.header.deviceMajor == 5 && byName["dev"]?.header.deviceMinor == 1)
        #expect(byName["pipe"]?.header.kind == .fifo)
        guard format != "USTAR_FORMAT" else { return }
        #expect(byName[String(repeating: "n", count: 250)]?.content == Array("long".utf8))
        #expect(byName["big-owner"]?.header.uid == 3_000_000 && byName["big-owner"]?.header.gid == 1 << 31)
        #expect(byName["old"]?.header.mtime == -5)
        guard format == "PAX_FORMAT" else { return }
        #expect(byName["fraction"]?.header.nanoseconds == 250_000_000)
        #expect(byName["before-1970"]?.header.mtime == -2)
        #expect(byName["before-1970"]?.header.nanoseconds == 500_000_000)
        #expect(byName["h\u{e9}"]?.content == Array("utf8".utf8))
    }

    @Test func readsWhatItWrites() throws {
        var bytes: [UInt8] = []
        var headers: [TarHeader] = []
        for (index, length) in [1, 99, 100, 101, 155, 156, 157, 255, 256, 257, 300, 5000].enumerated() {
            var header = TarHeader(
                name: (0..<length).map { $0 % 50 == 49 && $0 < length - 1 ? 0x2F : 0x61 },
                kind: [.file, .symlink, .directory][index % 3], mode: 0o7777,
                uid: UInt32(1) << UInt32(index * 2), gid: UInt32.max - 1,
                mtime: [0, -1, 1 << 33, 1_600_000_000][index % 4], userName: Array("root".utf8))
            if header.kind == .symlink { header.linkName = [UInt8](repeating: 0x62, count: length) }
            headers.append(header)
            bytes += header.encoded()
        }
        bytes += TarBlock.end
        let (entries, reassembled) = try readTar(bytes)
        #expect(entries.map(\.header) == headers)
        #expect(reassembled == bytes)
    }

    @Test func gnuSparseIsRefusedByName() throws {
        let scratch = try Scratch()
        try tool("truncate", "-s", "1M", scratch("hole"))
        for format in ["gnu", "posix"] {
            try tool("tar", "--format=\(format)", "-S", "-C", scratch.path, "-cf", scratch("s.tar"), "hole")
            let bytes = try scratch.bytes("s.tar")
            let failure = #expect(throws: Failure.self) { _ = try readTar(bytes) }
            #expect(failure?.kind == .data && failure!.reason.contains("sparse"))
        }
    }

    static let file = TarHeader(name: Array("f".utf8), mode: 0o644, size: 3)

    @Test func damageIsRefused() throws {
        let whole =
            Self.file.encoded() + Array("abc".utf8) + [UInt8](repeating: 0, count: 509) + TarBlock.end
        #expect(try readTar(whole).entries.count == 1)
        var (flipped, afterZeros) = (whole, whole)
        flipped[0] ^= 1
        afterZeros[1536] = 1
        let damaged = [
            ("a wrong checksum", flipped), ("text after one zero block", afterZeros),
            ("a truncated header", Array(whole[..<412])), ("no content", Array(whole[..<512])),
            ("half the content", Array(whole[..<514])), ("no padding", Array(whole[..<515])),
            ("a truncated end", Array(whole[..<1100])),
        ]
        for (what, bytes) in damaged {
            #expect(throws: Failure.self, "\(what)") { _ = try readTar(bytes) }
        }
    }

    @Test(arguments: [
        ("a negative size", 124, [UInt8](repeating: 0xFF, count: 12)),
        ("a size of 2^63 and more", 124, [0x80, 0, 0, 0, 0x80] + [UInt8](repeating: 0, count: 7)),
        ("a size that is no number", 124, Array("0000000009x\0".utf8)),
        ("an owner of -1", 108, [UInt8](repeating: 0xFF, count: 8)),
        ("an unknown type", 156, [UInt8(ascii: "V")]),
    ])
    func fieldsOutOfBoundsAreRefused(what: String, offset: Int, value: [UInt8]) throws {
        let block = tarBlock(Self.file) { $0.replaceSubrange(offset..<(offset + value.count), with: value) }
        let failure = #expect(throws: Failure.self) { _ = try readTar(block + TarBlock.end) }
        #expect(failure?.kind == .data)
    }

    @Test(arguments: [
        "11 path=a\n", "8 path=a\n", "x path=a\n", "10 path=a\n10 pa", "0 path=a\n", "11 mtime=x\n",
        "12 size=-1\n",
        "99999999999999999999 path=a\n", "22 GNU.sparse.major=1\n", "18 uid=4294967295\n", "6 abc\n",
    ])
    func malformedRecordsAreRefused(body: String) throws {
        let size = Int64(body.utf8.count)
        let block = tarBlock(TarHeader(name: [0x78], mode: 0, size: size)) { $0[156] = UInt8(ascii: "x") }
        let padding = [UInt8](repeating: 0, count: TarBlock.padding(after: size))
        let bytes =
            block + Array(body.utf8) + padding + TarHeader(name: [0x66], mode: 0).encoded() + TarBlock.end
        #expect(throws: Failure.self) { _ = try readTar(bytes) }
    }

    @Test func extendedHeadersCannotFillTheMemory() throws {
        let huge = tarBlock(TarHeader(name: [0x78], mode: 0, size: 1 << 40)) { $0[156] = UInt8(ascii: "x") }
        #expect(throws: Failure.self) { _ = try readTar(huge) }
        let global = tarBlock(TarHeader(name: [0x67], mode: 0, size: 0)) { $0[156] = UInt8(ascii: "g") }
        let many = Array(repeatElement(global, count: 9000).joined())
        let failure = #expect(throws: Failure.self) { _ = try readTar(many) }
        #expect(failure!.reason.contains("headers"))
    }

    @Test func mutationsNeverCrash() throws {
        var numbers = SeededNumbers(7)
        var seed: [UInt8] = []
        for length in [5, 150, 300] {
            let name = (0..<length).map { $0 % 40 == 39 ? UInt8(0x2F) : 0xC3 }
            seed += TarHeader(name: name, mode: 0o755, uid: 1 << 22, size: 600, mtime: -1).encoded()
            seed += [UInt8](repeating: 7, count: 1024)
        }
        seed += TarBlock.end
        var refused = 0
        for _ in 0..<3000 {
            let bytes = mutated(seed, &numbers)
            do {
                let (_, reassembled) = try readTar(bytes)
                #expect(reassembled == bytes)
            } catch is Failure { refused += 1 }
        }
        #expect(refused > 1000)
    }
}
