// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

@Suite struct BeneathTests {
    /// `in/` with a folder, a file and links that lead out; `out/` beside it.
    static func place() throws -> (scratch: Scratch, folder: Folder) {
        let scratch = try Scratch()
        for name in ["in/sub/deep", "out"] {
            try FileManager.default.createDirectory(
                atPath: scratch(name), withIntermediateDirectories: true)
        }
        try scratch.write("out/file", Array("outside".utf8))
        try scratch.write("in/sub/file", Array("inside".utf8))
        symlink("../out", scratch("in/relative"))
        symlink(scratch("out"), scratch("in/absolute"))
        symlink("../out/file", scratch("in/file-link"))
        symlink("sub", scratch("in/harmless"))
        return (scratch, try Folder.open(scratch("in")))
    }

    @Test func whatLiesBelowIsOpened() throws {
        let (scratch, folder) = try Self.place()
        defer { withExtendedLifetime(scratch) {} }
        var stream = try folder.file(Array("sub/file".utf8)).stream(count: 6)
        #expect(try stream.readAll(limit: 10, artifact: "") == Array("inside".utf8))
        let names = try folder.folder(Array("sub".utf8)).names()
        #expect(names == [Array("deep".utf8), Array("file".utf8)])
        #expect(try folder.folder([]).names().count == 5)
    }

    @Test(arguments: [
        "relative/file", "absolute/file", "file-link", "harmless/file", "harmless", "../out/file",
        "sub/../../out/file",
        "/etc/passwd", "sub//file", "sub/./file", ".", "..", "sub/file/", "sub/fi\u{0}le",
    ])
    func nothingLeadsOut(path: String) throws {
        let (scratch, folder) = try Self.place()
        defer { withExtendedLifetime(scratch) {} }
        let bytes = Array(path.utf8)
        let asFile = #expect(throws: Failure.self) { _ = try folder.file(bytes) }
        let asFolder = #expect(throws: Failure.self) { _ = try folder.folder(bytes) }
        for failure in [asFile, asFolder] { #expect(failure?.kind == .data || failure?.kind == .input) }
    }

    @Test(arguments: ["relative/file", "absolute/file", "file-link", "harmless/file"])
    func theWayWithoutOpenat2IsAsStrict(path: String) throws {
        let (scratch, folder) = try Self.place()
        defer { withExtendedLifetime(scratch) {} }
        #expect(throws: Failure.self) {
            try folder.openByComponent(Array(path.utf8), flags: O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        }
        let found = try folder.openByComponent(
            Array("sub/file".utf8), flags: O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        #expect(found >= 0)
        close(found)
    }

    @Test func creatingReplacesNothingAndFollowsNothing() throws {
        let (scratch, folder) = try Self.place()
        defer { withExtendedLifetime(scratch) {} }
        for name in ["relative", "file-link", "sub"].map({ Array($0.utf8) }) {
            #expect(throws: Failure.self) { _ = try folder.createFile(name) }
            #expect(throws: Failure.self) { try folder.createFolder(name) }
            #expect(throws: Failure.self) { try folder.createLink(name, to: [0x61]) }
            #expect(throws: Failure.self) { try folder.createNode(name, kind: .fifo) }
        }
        for name in ["a/b", "..", ".", ""].map({ Array($0.utf8) }) {
            #expect(throws: Failure.self, "\(name)") { _ = try folder.createFile(name) }
        }
        #expect(throws: Failure.self) {
            try folder.createHardLink([0x68], to: Array("file-link".utf8), in: folder)
        }
        #expect(try scratch.bytes("out/file") == Array("outside".utf8))
    }

    @Test func ownersModesAndTimesAreSet() throws {
        let (scratch, folder) = try Self.place()
        defer { withExtendedLifetime(scratch) {} }
        let file = try folder.createFile([0x66])
        let time = Folder.Time(seconds: -2, nanoseconds: 999_999_999)
        try file.set(uid: geteuid(), gid: getegid(), mode: 0o4755, time: time)
        let status = try folder.status(of: [0x66])
        #expect(status.mode == 0o4755 && status.time == time && status.time.rounded == -1)
        try folder.set(Array("relative".utf8), uid: geteuid(), gid: getegid(), mode: nil, time: time)
        #expect(try folder.status(of: Array("relative".utf8)).time == time)
        var outside = stat()
        #expect(stat(scratch("out"), &outside) == 0 && outside.st_mtim.tv_sec > 0)
        #expect(try folder.linkTarget(of: Array("relative".utf8)) == Array("../out".utf8))
    }
}
