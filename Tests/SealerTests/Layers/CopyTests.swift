// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite struct CopyTests {
    /// The paths that `COPY value` gives from a context of a few files.
    static func copied(_ value: String, prepare: (String) throws -> Void = { _ in }) throws -> [String] {
        let scratch = try Scratch()
        let context = scratch("context")
        for path in [
            "imageList", "Kubefile", "etc/a.yaml", "etc/b.conf", "amd64/bin", "x/etc/c.yaml", ".hidden",
        ] {
            try put(path, at: path, below: context)
        }
        try prepare(context)
        let plan = try CopySources(
            .init(keyword: .copy, value: value, line: 2), architecture: "amd64", artifact: "Kubefile")
        let folder = try FileNode.scanned(context)
        let root = FileNode.root()
        var tree = TreeCopier(into: root)
        for source in plan.sources {
            for path in try CopySources.resolve(source, in: folder) {
                try tree.copy(path, of: folder, to: plan.destination)
            }
        }
        try FileManager.default.createDirectory(atPath: scratch("layer"), withIntermediateDirectories: true)
        try Layer.write(root, into: scratch("layer"))
        return try Golden.run(
            "find", scratch("layer"), "-mindepth", "1", "!", "-type", "d", "-printf", "%P\n"
        )
        .split(separator: "\n").map(String.init).sorted()
    }

    @Test(arguments: [
        ("etc .", ["etc/a.yaml", "etc/b.conf"]),
        ("etc ./", ["etc/a.yaml", "etc/b.conf"]),
        ("etc etc", ["etc/a.yaml", "etc/b.conf"]),
        ("etc/ /opt/", ["opt/etc/a.yaml", "opt/etc/b.conf"]),
        ("imageList manifests", ["manifests/imageList"]),
        ("imageList manifests/imageList", ["manifests/imageList"]),
        ("etc/a.yaml y.yaml", ["y.yaml/a.yaml"]),
        ("etc/*.yaml manifests", ["manifests/a.yaml"]),
        ("*/*.yaml .", ["a.yaml"]),
        ("*/etc .", ["etc/c.yaml"]),
        ("etc x/etc .", ["etc/a.yaml", "etc/b.conf", "etc/etc/c.yaml"]),
        ("${ARCH}/bin bin", ["bin"]),
        ("../../imageList .", ["imageList"]),
        ("imageList Kubefile etc/b.conf conf", ["conf/Kubefile", "conf/b.conf", "conf/imageList"]),
        ("[ik]m* .", ["imageList"]),
        (".h* .", [".hidden"]),
    ])
    func destinations(_ value: String, _ expected: [String]) throws {
        #expect(try Self.copied(value) == expected)
    }

    @Test func theWholeContext() throws {
        let all = [
            ".hidden", "Kubefile", "amd64/bin", "etc/a.yaml", "etc/b.conf", "imageList", "x/etc/c.yaml",
        ]
        #expect(try Self.copied(". .") == all)
        #expect(try Self.copied("* .") == all)
        #expect(try Self.copied(". sub") == all.map { "sub/\($0)" })
    }

    @Test func linksAreCopiedAndNeverFollowed() throws {
        let outside = try Scratch()
        try put("secret", at: "secret", below: outside.path)
        #expect(
            try Self.copied("link .") {
                try FileManager.default.createSymbolicLink(
                    atPath: "\($0)/link", withDestinationPath: outside.path)
            }
                == ["link"])
        #expect(throws: Failure.self) {
            try Self.copied("link/secret .") {
                try FileManager.default.createSymbolicLink(
                    atPath: "\($0)/link", withDestinationPath: outside.path)
            }
        }
        // The second source would be written through the link that the first one brought.
        #expect(throws: Failure.self) {
            try Self.copied("out/link in/link/x link") { context in
                try put("x", at: "in/link/x", below: context)
                try FileManager.default.createDirectory(
                    atPath: "\(context)/out", withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    atPath: "\(context)/out/link", withDestinationPath: outside.path)
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["secret"])
    }

    @Test func ownersTimesHardLinksAndHolesStay() throws {
        let scratch = try Scratch()
        try put("one", at: "context/a", below: scratch.path)
        try FileManager.default.linkItem(atPath: scratch("context/a"), toPath: scratch("context/b"))
        try Golden.run("truncate", "-s", "64M", scratch("context/sparse"))
        try Golden.run(
            "sh", "-c",
            "printf x | dd of=\(scratch("context/sparse")) bs=1 seek=33554432 conv=notrunc 2>/dev/null")
        try Golden.run("touch", "-d", "@-5.123456789", scratch("context/sparse"))
        try Golden.run("mkfifo", scratch("context/pipe"))
        if isRoot { try Golden.run("chown", "12:34", scratch("context/a")) }
        try FileManager.default.setAttributes([.posixPermissions: 0o4751], ofItemAtPath: scratch("context/a"))
        try FileManager.default.createDirectory(atPath: scratch("layer"), withIntermediateDirectories: true)
        let root = FileNode.root()
        var tree = TreeCopier(into: root)
        try tree.copy([], of: FileNode.scanned(scratch("context")), to: "")
        try Layer.write(root, into: scratch("layer"))
        let format = "%P %m %U %G %n %T@ %s\n"
        func list(_ folder: String) throws -> String {
            try Golden.run("find", folder, "-mindepth", "1", "!", "-type", "p", "-printf", format)
        }
        #expect(
            try list(scratch("context")).split(separator: "\n").sorted()
                == list(scratch("layer")).split(separator: "\n").sorted())
        try Golden.run("cmp", scratch("context/sparse"), scratch("layer/sparse"))
        let blocks = try #require(Int(try Golden.run("stat", "-c", "%b", scratch("layer/sparse")).dropLast()))
        #expect(blocks < 4096, "a hole became data")
        #expect(!FileManager.default.fileExists(atPath: scratch("layer/pipe")))
    }

    @Test func foldersOfSeveralSourcesKeepTheirTimes() throws {
        let scratch = try Scratch()
        for path in ["1/etc/a", "2/etc/b", "3/c"] { try put("x", at: path, below: scratch("context")) }
        try FileManager.default.createDirectory(atPath: scratch("layer"), withIntermediateDirectories: true)
        let context = try FileNode.scanned(scratch("context"))
        let root = FileNode.root()
        var tree = TreeCopier(into: root, time: 5)
        for path in ["1", "2", "3"] { try tree.copy(Array(path.utf8), of: context, to: "new/\(path)") }
        try tree.copySame(Array("3/c".utf8), of: context)
        try tree.copy(Array("3/c".utf8), of: context, to: "new/1/etc")
        try Layer.write(root, into: scratch("layer"))
        let times = try Golden.run(
            "find", scratch("layer"), "-mindepth", "1", "-type", "d", "-printf", "%P %Ts\n")
        #expect(
            times.split(separator: "\n").sorted() == [
                "3 5", "new 5", "new/1 1600000000", "new/1/etc 1600000000", "new/2 1600000000",
                "new/2/etc 1600000000", "new/3 1600000000",
            ])
    }

    @Test func aFolderIsNotReplacedByAFile() throws {
        let failure = #expect(throws: Failure.self) {
            try Self.copied("y/etc z/etc .") { context in
                try put("x", at: "y/etc/etc/x", below: context)
                try put("x", at: "z/etc", below: context)
            }
        }
        #expect(failure?.kind == .configuration)
    }
}
