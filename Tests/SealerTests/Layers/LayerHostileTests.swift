// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// A tar made entry by entry, of whatever a hostile writer would put in it.
struct TarMaker {
    private(set) var bytes: [UInt8] = []

    mutating func add(
        _ name: String, _ kind: TarHeader.Kind = .file, to target: String = "", _ content: String = "",
        mode: UInt32 = 0o644
    ) {
        let header = TarHeader(
            name: Array(name.utf8), kind: kind, mode: mode, uid: geteuid(), gid: getegid(),
            size: Int64(content.utf8.count), mtime: 1_600_000_000, linkName: Array(target.utf8),
            deviceMajor: kind == .characterDevice ? 5 : 0)
        bytes += header.encoded() + Array(content.utf8)
        bytes += [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
    }

    /// A record by hand: the encoder of ours writes no such name.
    mutating func add(pathRecord path: [UInt8]) {
        let rest = path.count + 7
        let record = Array("\(rest + 2 + (rest > 97 ? 1 : 0)) path=".utf8) + path + [0x0A]
        var header = TarHeader(name: [0x78], mode: 0, size: Int64(record.count)).encoded()
        header[156] = UInt8(ascii: "x")
        for index in 148..<156 { header[index] = 0x20 }
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        header.replaceSubrange(
            148..<156, with: Array("\(String(repeating: "0", count: 6 - sum.count))\(sum)\0 ".utf8))
        bytes += header + record + [UInt8](repeating: 0, count: TarBlock.padding(after: Int64(record.count)))
        add("x", .file)
    }

    var whole: [UInt8] { bytes + TarBlock.end }
}

/// What Threats.md, "Extraction", says that a layer may try.
@Suite struct LayerHostileTests {
    /// Unpacks into `tree/` of a folder that has a file outside of it, and sees to it that nothing else changed.
    static func attempt(_ tar: [UInt8]) throws -> Failure? {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        try FileManager.default.createDirectory(
            atPath: scratch("out"), withIntermediateDirectories: false)
        try Data("outside".utf8).write(to: URL(filePath: scratch("out/file")))
        var failure: Failure?
        do throws(Failure) {
            _ = try Layer.unpack(MemoryStream(tar), into: scratch("tree"), tarSplit: nil)
        } catch { failure = error }
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: scratch.path)) == ["out", "tree"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch("out")) == ["file"])
        #expect(try String(contentsOfFile: scratch("out/file"), encoding: .utf8) == "outside")
        return failure
    }

    @Test(arguments: [
        "../out/new", "a/../../out/new", "..", "/etc/new", "//new", "a\nb", "a//b",
        "a/./b",
        "", ".", "./", "f/", "\u{7F}", "a/" + String(repeating: "x", count: 256),
    ])
    func aNameIsRefused(name: String) throws {
        var tar = TarMaker()
        tar.add("a", .directory, mode: 0o755)
        tar.add(name, .file, "new")
        let failure = try Self.attempt(tar.whole)
        #expect(failure?.kind == .data)
    }

    @Test func aNULInARecordIsRefused() throws {
        var tar = TarMaker()
        tar.add(pathRecord: Array("ok\u{0}/../../out/new".utf8))
        #expect(try Self.attempt(tar.whole)?.kind == .data)
        tar = TarMaker()
        tar.add(pathRecord: [UInt8](repeating: 0x61, count: 5000))
        #expect(try Self.attempt(tar.whole)?.kind == .data)
    }

    @Test(
        arguments: ["../out", "/tmp", ".", "loop"],
        ["loop/new", "loop/.wh.file", "loop/.wh..wh..opq", "loop/d/new"])
    func nothingIsWrittenThroughALink(target: String, name: String) throws {
        var tar = TarMaker()
        tar.add("loop", .symlink, to: target)
        tar.add(name)
        #expect(try Self.attempt(tar.whole)?.kind == .data)
    }

    @Test(arguments: ["../out/file", "/etc/passwd", "link/file", "link", "nothing", "", "a", "./../out/file"])
    func aHardLinkThatLeavesIsRefused(target: String) throws {
        var tar = TarMaker()
        tar.add("a", .directory, mode: 0o755)
        tar.add("link", .symlink, to: "../out")
        tar.add("hard", .hardLink, to: target)
        let failure = try Self.attempt(tar.whole)
        #expect(failure?.kind == .data || failure?.kind == .input)
    }

    @Test func nothingIsThereTwice() throws {
        for kind in [TarHeader.Kind.file, .directory, .symlink, .fifo] {
            for second in [TarHeader.Kind.file, .directory, .symlink, .hardLink] {
                var tar = TarMaker()
                tar.add("other")
                tar.add("a", kind, to: "other", mode: 0o755)
                tar.add("./a", second, to: "other", mode: 0o755)
                #expect(try Self.attempt(tar.whole)?.kind == .data, "\(kind) \(second)")
            }
        }
    }

    @Test(arguments: [".wh.", ".wh..", ".wh...", ".wh..wh.plnk", "a/.wh."])
    func aWhiteoutOfNothingIsRefused(name: String) throws {
        var tar = TarMaker()
        tar.add("a", .directory, mode: 0o755)
        tar.add(name)
        #expect(try Self.attempt(tar.whole)?.kind == .data)
        tar = TarMaker()
        tar.add(".wh.full", .file, "content")
        #expect(try Self.attempt(tar.whole)?.kind == .data)
    }

    @Test func linksThatLeadOutAreKeptAndNotFollowed() throws {
        var tar = TarMaker()
        tar.add("link", .symlink, to: "../out/file")
        tar.add("z", .file, "last")
        #expect(try Self.attempt(tar.whole) == nil)
    }

    @Test func aTruncatedLayerIsRefused() throws {
        var tar = TarMaker()
        tar.add("a", .file, String(repeating: "x", count: 3000))
        for cut in [100, 512, 2000, 3512, 3590] {
            #expect(try Self.attempt(Array(tar.whole[..<cut]))?.kind == .data, "cut at \(cut)")
        }
    }

    @Test func mutationsNeverEscape() throws {
        var maker = TarMaker()
        maker.add("d", .directory, mode: 0o755)
        maker.add("d/a", .file, "text")
        maker.add("l", .symlink, to: "d")
        maker.add("h", .hardLink, to: "d/a")
        maker.add("d/.wh.gone")
        maker.add(String(repeating: "n/", count: 12) + "f", .file, "deep")
        var numbers = LayerNumbers(5)
        var refused = 0
        for _ in 0..<150 {
            var tar = maker.whole
            // Fields that matter, with a checksum that is right, so that more than the checksum is tried.
            let block = Int.random(in: 0..<(tar.count / 512), using: &numbers) * 512
            let fields = [0, 1, 2, 100, 124, 135, 148, 156, 157, 158, 345]
            let offset = fields[Int.random(in: 0..<fields.count, using: &numbers)]
            let values = Array("./\\\0d017sxL5".utf8)
            tar[block + offset] = values[Int.random(in: 0..<values.count, using: &numbers)]
            let sum = (0..<512).reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(tar[block + $1])) }
            let digits = String(sum, radix: 8)
            tar.replaceSubrange(
                (block + 148)..<(block + 154),
                with: Array((String(repeating: "0", count: 6 - digits.count) + digits).utf8))
            if try Self.attempt(tar) != nil { refused += 1 }
        }
        #expect(refused > 20 && refused < 150)
    }
}

/// Numbers that look random and are the same at each run: xorshift64*.
struct LayerNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
