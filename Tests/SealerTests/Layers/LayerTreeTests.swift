// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// Trees made here, held against the independent model of sealer's layers and against GNU tar.
@Suite(.enabled(if: isRoot)) struct LayerTreeTests {
    /// Makes a tree with names, modes, owners, times and sizes that the rules differ on.
    static func makeTree(_ root: String, _ numbers: inout LayerNumbers, links: Bool) throws {
        var folders = [""]
        for _ in 0..<60 {
            let parent = folders[Int.random(in: 0..<folders.count, using: &numbers)]
            let path = parent + name(&numbers)
            guard path.utf8.count < 3000, access(root + "/" + path, F_OK) != 0 else { continue }
            let place = root + "/" + path
            switch Int.random(in: 0..<(links ? 8 : 6), using: &numbers) {
            case 0, 1:
                guard mkdir(place, 0o755) == 0 else { continue }
                folders.append(path + "/")
            case 6: symlink(name(&numbers), place)
            case 7: mknod(place, S_IFCHR | 0o600, 0)
            default:
                let sizes = [0, 1, 511, 512, 513, 5000]
                let size = sizes[Int.random(in: 0..<sizes.count, using: &numbers)]
                let data = Data((0..<size).map { _ in UInt8.random(in: 0...255, using: &numbers) })
                guard FileManager.default.createFile(atPath: place, contents: data) else { continue }
            }
            let owners: [UInt32] = [0, 1, 12345, 2_097_151, 2_097_152, 4_000_000_000]
            lchown(
                place, owners[Int.random(in: 0..<6, using: &numbers)],
                owners[Int.random(in: 0..<6, using: &numbers)])
            var status = stat()
            if lstat(place, &status) == 0, status.st_mode & S_IFMT != S_IFLNK,
                status.st_mode & S_IFMT != S_IFCHR
            {
                chmod(place, UInt32.random(in: 0...0o7777, using: &numbers))
            }
            let second = [0, -1, -315_619_200, 1_600_000_000, 4_000_000_000][
                Int.random(in: 0..<5, using: &numbers)]
            let nano = [0, 1, 499_999_999, 500_000_000, 999_999_999][Int.random(in: 0..<5, using: &numbers)]
            let time = timespec(tv_sec: second, tv_nsec: nano)
            utimensat(AT_FDCWD, place, [time, time], AT_SYMLINK_NOFOLLOW)
        }
    }

    static func name(_ numbers: inout LayerNumbers) -> String {
        let alphabets: [String] = ["ab-._0", "aé世\u{2028}", "<>&\"\\ \t\n\r\u{1}\u{7F}", "xyz"]
        let letters = Array(alphabets[Int.random(in: 0..<4, using: &numbers)])
        let lengths = [1, 3, 20, 60]
        let length = lengths[Int.random(in: 0..<4, using: &numbers)]
        let text = String(
            (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &numbers)] })
        return text == "." || text == ".." ? "dot" : text.hasPrefix(".wh.") ? "wh" : text
    }

    @Test(arguments: 1...12) func randomTreesMatchTheModel(seed: Int) throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        var numbers = LayerNumbers(UInt64(seed))
        mkdir(scratch("tree"), 0o755)
        // The model copies a bug of sealer: a symlink's own path as its target. Ours are the true ones.
        try Self.makeTree(scratch("tree"), &numbers, links: false)
        let measure = try Layer.measure(hostNamed(scratch("tree")), tarSplit: scratch("split.gz"))
        let model = try Golden.model(scratch("tree"))
        #expect(measure.id.description == model.id)
        #expect(measure.tarSize == model.size)
        let split = try Golden.run("gzip", "-dc", scratch("split.gz"))
        #expect(
            try split == Golden.run("python3", Golden.path("sealer_layer.py"), "tarsplit", scratch("tree")))
    }

    @Test(arguments: 21...26) func whatWasPackedUnpacksToTheSameId(seed: Int) throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        var numbers = LayerNumbers(UInt64(seed))
        mkdir(scratch("tree"), 0o755)
        try Self.makeTree(scratch("tree"), &numbers, links: true)
        try Golden.run(
            "find", scratch("tree"), "-name", "*[\\\\[:cntrl:]]*", "-depth", "-exec", "rm", "-rf", "{}", ";")
        let packed = try Layer.measure(folder: scratch("tree"), tarSplit: scratch("one.gz"))
        let tar = try Layer.tar(of: scratch("tree"))
        let unpacked = try Layer.unpack(tar, into: scratch("again"), tarSplit: scratch("two.gz"))
        #expect(unpacked == packed)
        #expect(try Layer.measure(folder: scratch("again"), tarSplit: nil) == packed)
        #expect(
            try Golden.run("gzip", "-dc", scratch("one.gz")) == Golden.run("gzip", "-dc", scratch("two.gz")))
    }

    @Test(arguments: ["symlink", "whiteout"]) func goldenTreesSurviveUnpacking(kind: String) throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        try Golden.run("python3", Golden.path("mktree.py"), scratch("tree"), kind)
        let packed = try Layer.measure(hostNamed(scratch("tree")), tarSplit: scratch("split.gz"))
        // The tree has names that unpacking refuses, U+2028 not among them.
        let tar = try LayerTarStream(of: hostNamed(scratch("tree")))
        let unpacked = try Layer.unpack(tar, into: scratch("again"), tarSplit: nil)
        #expect(unpacked == packed)
        #expect(try Layer.measure(hostNamed(scratch("again"))) == packed)
        guard kind == "whiteout" else { return }
        #expect(try packed.id.description == Golden.model(scratch("tree")).id)
        let split = try Golden.run("gzip", "-dc", scratch("split.gz"))
        #expect(
            try split == Golden.run("python3", Golden.path("sealer_layer.py"), "tarsplit", scratch("tree")))
        #expect(split.contains("nested/one/.wh.gone") && split.contains("a0/.wh..wh..opq"))
    }

    @Test func gnuTarReadsWhatIsWritten() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        try Golden.run("python3", Golden.path("mktree.py"), scratch("tree"), "symlink")
        var tar = try Layer.tar(of: scratch("tree"))
        let bytes = try tar.readAll(limit: 1 << 24, artifact: "tar")
        try Data(bytes).write(to: URL(filePath: scratch("t.tar")))
        mkdir(scratch("gnu"), 0o755)
        try Golden.run("tar", "-xpf", scratch("t.tar"), "-C", scratch("gnu"))
        // Times are whole seconds now, which is what the id is made from.
        #expect(
            try Layer.measure(folder: scratch("gnu"), tarSplit: nil).id
                == Layer.measure(folder: scratch("tree"), tarSplit: nil).id)
        #expect(Digest(of: bytes) == (try Layer.measure(folder: scratch("tree"), tarSplit: nil).id))
    }

    @Test func sparseAndHugeFilesAreStreamed() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        mkdir(scratch("tree"), 0o755)
        let size: Int64 = 8 << 30 + 5
        let file = try File.create(scratch("tree/huge"))
        try Array("middle".utf8).withUnsafeBytes { try file.write($0, at: 1 << 32) }
        #expect(truncate(scratch("tree/huge"), off_t(size)) == 0)
        let time = timespec(tv_sec: 1_600_000_000, tv_nsec: 0)
        utimensat(AT_FDCWD, scratch("tree/huge"), [time, time], 0)
        var tar = try Layer.tar(of: scratch("tree"))
        var head = [UInt8](repeating: 0, count: 2048)
        _ = try head.withUnsafeMutableBytes { try tar.read(into: $0) }
        #expect(head[156] == UInt8(ascii: "x"), "a size of 8 GiB needs a PAX record")
        #expect(String(decoding: head[512..<536], as: UTF8.self).contains("size=\(size)"))
        let content = LayerContent(try File.open(scratch("tree/huge")), size: size)
        #expect(content.left == size)
    }

    @Test func sparseFilesMatchTheModel() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        mkdir(scratch("tree"), 0o755)
        for (name, size) in [("end", 3_000_000), ("all", 2_000_000)] {
            let file = try File.create(scratch("tree/" + name))
            if name == "end" { try Array("x".utf8).withUnsafeBytes { try file.write($0, at: 1_234_567) } }
            truncate(scratch("tree/" + name), off_t(size))
        }
        let measure = try Layer.measure(hostNamed(scratch("tree")), tarSplit: scratch("split.gz"))
        #expect(try measure.id.description == Golden.model(scratch("tree")).id)
        let split = try Golden.run("gzip", "-dc", scratch("split.gz"))
        #expect(
            try split == Golden.run("python3", Golden.path("sealer_layer.py"), "tarsplit", scratch("tree")))
    }

    @Test func pipesAndSocketsAreLeftOut() throws {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        mkdir(scratch("tree"), 0o755)
        mkfifo(scratch("tree/pipe"), 0o600)
        mknod(scratch("tree/socket"), S_IFSOCK | 0o600, 0)
        #expect(try Layer.measure(folder: scratch("tree"), tarSplit: nil).empty)
    }
}
