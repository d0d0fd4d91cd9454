// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Apply
@testable import Build

/// Tarballs by GNU tar in, tarballs for GNU tar out.
@Suite struct RepackTests {
    let scratch: Scratch
    var folder: URL { URL(filePath: scratch.path) }

    init() throws {
        scratch = try Scratch()
        let folder = URL(filePath: scratch.path)
        let programs = folder.appending(path: "in/docker")
        try FileManager.default.createDirectory(at: programs, withIntermediateDirectories: true)
        for name in ["docker", "dockerd", "runc"] {
            let content = Data("\(name) \(String(repeating: "x", count: 70_000)) 19.03.15 end".utf8)
            try content.write(to: programs.appending(path: name))
        }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: programs.appending(path: "dockerd").path())
    }

    func shell(_ command: String) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-ec", command]
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.start()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
        return String(decoding: output, as: UTF8.self)
    }

    func repack(_ name: String, to result: String = "out.tar.gz", marker: String = "19.03.15") throws
        -> TarballRepacker.Outcome
    {
        let source = folder.appending(path: name).path()
        let target = try File.create(folder.appending(path: result).path(), exclusive: true)
        return try TarballRepacker(marker: Array(marker.utf8)).write(
            { () throws(Failure) in
                let file = try File.open(source)
                return file.stream(count: try file.size())
            }, artifact: name, to: target)
    }

    @Test(arguments: ["gzip", "xz", "zstd", "cat"])
    func stripsTheSingleTopFolder(filter: String) throws {
        _ = try shell("tar -C in -cf - docker | \(filter) > in.tar")
        let outcome = try repack("in.tar")
        #expect(outcome.programs.sorted() == ["docker", "dockerd", "runc"])
        #expect(outcome.holdsMarker)
        #expect(try shell("tar tzf out.tar.gz | sort") == "docker\ndockerd\nrunc\n")
        #expect(try shell("tar xzOf out.tar.gz dockerd | cmp - in/docker/dockerd && echo same") == "same\n")
        #expect(try shell("tar tvzf out.tar.gz dockerd | cut -c1-10") == "-rwxr-xr-x\n")
    }

    @Test func givesTheSameBytesAgain() throws {
        _ = try shell("tar -C in --owner=someone:7 --group=other:8 -czf in.tgz docker")
        _ = try repack("in.tgz", to: "1")
        _ = try repack("in.tgz", to: "2")
        #expect(try shell("cmp 1 2 && echo same") == "same\n")
        #expect(try shell("tar tvzf 1 --numeric-owner | awk '{print $2}' | sort -u") == "0/0\n")
    }

    @Test func keepsTheShapeOfATarballWithoutASingleTop() throws {
        _ = try shell("tar -C in/docker -cf in.tar docker dockerd")
        _ = try repack("in.tar")
        #expect(try shell("tar tf in.tar | sed s,/$,,") == shell("tar tzf out.tar.gz | sed s,/$,,"))
    }

    @Test func refusesATarWithoutMembersAndATruncatedOne() throws {
        _ = try shell("tar -cf empty.tar -T /dev/null; tar -C in -czf - docker | head -c -100 > short.tgz")
        #expect(throws: Failure.self) { try repack("empty.tar", to: "1") }
        #expect(throws: Failure.self) { try repack("short.tgz", to: "2") }
    }

    @Test(arguments: [
        ("echo '<!DOCTYPE html><title>Log in</title>' > in.tar", "HTML"),
        (": > in.tar", "empty"),
        ("printf 'PK\\003\\004xxxxxxxx' > in.tar", "zip"),
        ("head -c 4096 /dev/urandom > in.tar", ""),
        ("tar -C in -cPf in.tar --transform 's,^docker/,../../docker/,' docker", "leaves"),
        ("mkdir in/none; tar -C in -cf in.tar none", "without files"),
        ("cp -r in/docker in/more; tar -C in -cf in.tar docker more", "several folders"),
        ("mkdir in/top; mv in/docker in/top; tar -C in -cf in.tar top", "directly below"),
        ("tar -C in -cf in.tar docker; tar -C in -rf in.tar docker/runc", "twice"),
        (
            "ln -s /etc in/docker/l; tar -C in -cf in.tar docker; rm in/docker/l; mkdir in/docker/l; "
                + "touch in/docker/l/x; tar -C in -rf in.tar docker/l/x", "below a member"
        ),
    ])
    func refusesWhatIsNotTheTarballThatWasMeant(command: String, word: String) throws {
        _ = try shell(command)
        let failure = #expect(throws: Failure.self) { try repack("in.tar") }
        #expect(failure?.kind == .data)
        #expect(word.isEmpty || failure?.reason.contains(word) == true, "\(String(describing: failure))")
    }

    @Test func findsAMarkerOverEverySeam() {
        let text = Array("....needle....".utf8)
        for cut in 0...text.count {
            for second in cut...text.count {
                var search = ByteSearch(Array("needle".utf8))
                for piece in [text[..<cut], text[cut..<second], text[second...]] {
                    Array(piece).withUnsafeBytes { search.feed($0) }
                }
                #expect(search.found)
            }
        }
        var other = ByteSearch(Array("needle".utf8))
        Array("needl needl e".utf8).withUnsafeBytes { other.feed($0) }
        #expect(!other.found)
    }
}
