// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import OCI
import Spec
import TestSupport
import Testing

@testable import Collect

/// Files of a spec, resolved to digest and size: by the web, this host and the lock.
@Suite struct FileResolverTests {
    private let server: FileServer
    private let scratch: Scratch
    private static let content = Array("the content".utf8)
    private static let digest = Digest(of: content)
    private static let other = Digest(of: Array("other".utf8))
    private static let amd64 = try! Platform("linux/amd64")
    private static let arm64 = try! Platform("linux/arm64")

    init() throws {
        server = try FileServer()
        scratch = try Scratch()
        try server.scratch.write("a.tgz", Self.content)
    }

    private func known(
        _ files: [String: Spec.FileSource], lock: Lock? = nil, mirrors: FileMirrors = FileMirrors(),
        platforms: [Platform] = [amd64], fetches: Bool = true
    ) async throws -> FileResolver.Known {
        try await FileResolver(
            client: server.client(), lock: lock, spec: Spec(name: "x", platforms: platforms, files: files),
            folder: scratch.path + "/", scratch: scratch("fetched"), mirrors: mirrors, fetches: fetches
        ).known()
    }

    private func lock(_ digest: Digest, url: String, platform: Platform? = nil) -> Lock {
        Lock(
            images: [],
            files: [.init(name: "a", platform: platform, url: url, digest: digest, size: 11)])
    }

    /// A promise is what counts where the server states the size; where it states none, the file is fetched for it.
    @Test(arguments: ["sized", "unsized"], ["sha256", "sums"])
    func aPromisedDigestIsKept(_ kind: String, _ promise: String) async throws {
        let url = server.url("a.tgz", kind)
        func source(_ digest: Digest) throws -> Spec.FileSource {
            if promise == "sha256" { return .init(urls: [url], digests: ["*": digest]) }
            try server.scratch.write("SUMS", "\(Self.other.hex)  b.tgz\n\(digest.hex)  a.tgz\n")
            return .init(urls: [url], sums: server.url("SUMS", kind))
        }
        let right = try #require(try await known(["a": source(Self.digest)]).files.first)
        #expect(right.locked.digest == Self.digest && right.locked.size == 11 && !right.isOwn)
        #expect((right.local == nil) == (kind == "sized"), "what states its size is not fetched")
        let wrong = try await known(["a": source(Self.other)])
        if kind == "sized" {
            // The transfer itself is verified against it later.
            #expect(wrong.files.map(\.locked.digest) == [Self.other])
        } else {
            let failure = try #require(wrong.failures.first).failure
            #expect(wrong.files.isEmpty && failure.kind == .data)
            #expect(failure.reason.contains("\(Self.digest)") && failure.reason.contains("\(Self.other)"))
        }
    }

    @Test func withoutAPromiseTheFileIsFetchedOnce() async throws {
        let file = try #require(try await known(["a": .init(urls: [server.url("a.tgz")])]).files.first)
        #expect(file.locked.digest == Self.digest && file.locked.size == 11)
        #expect(try File.open(#require(file.local)).bytes(limit: 100) == Self.content)
        #expect(server.requests == ["GET /sized/a.tgz"])
    }

    @Test func withoutFetchingTheSizeIsSaidWhereItIsKnown() async throws {
        for (kind, size) in [("sized", Int64(11)), ("unsized", nil)] {
            let known = try await known(["a": .init(urls: [server.url("a.tgz", kind)])], fetches: false)
            #expect(known.files.isEmpty && known.unknown.map(\.title) == ["a"])
            #expect(known.unknown.map(\.size) == [size])
        }
        #expect(server.requests.allSatisfy { $0.hasPrefix("HEAD ") })
    }

    @Test func mirrorsComeBeforeTheOriginalInTheirOrder() async throws {
        let mirrors = FileMirrors([
            .init(from: "https://a.example/x", to: "http://m1"), .init(from: "https://b", to: "http://m2"),
            .init(from: "https://a.example", to: "http://m3"),
        ])
        #expect(
            mirrors.applied(to: ["https://a.example/x/f", "https://b.example/f", "https://c/f"]) == [
                "http://m1/f", "http://m3/x/f", "http://m2.example/f", "https://a.example/x/f",
                "https://b.example/f", "https://c/f",
            ])
        // The original does not answer; the lock names it all the same.
        let original = "http://\(server.host)/gone/a.tgz"
        try server.scratch.write("mirrored.tgz", Self.content)
        let own = FileMirrors([.init(from: original, to: server.url("mirrored.tgz"))])
        let file = try #require(try await known(["a": .init(urls: [original])], mirrors: own).files.first)
        #expect(file.locked.url == original && file.locked.digest == Self.digest)
        #expect(file.urls == [server.url("mirrored.tgz"), original])
    }

    @Test func theLockCountsUnlessTheSpecContradictsIt() async throws {
        let url = server.url("a.tgz")
        let locked = try await known(["a": .init(urls: [url])], lock: lock(Self.other, url: url))
        #expect(locked.files.map(\.locked.digest) == [Self.other])
        #expect(server.requests.isEmpty, "what is locked is not asked for")
        let drifted = try await known(
            ["a": .init(urls: [url], digests: ["*": Self.digest])], lock: lock(Self.other, url: url))
        let failure = try #require(drifted.failures.first).failure
        #expect(failure.kind == .data && failure.remedy.contains("--update a"))
        #expect(failure.reason.contains("\(Self.digest)") && failure.reason.contains("\(Self.other)"))
    }

    @Test func platformsThatTheURLNamesAreFilesOfTheirOwn() async throws {
        try server.scratch.write("f-amd64", "one")
        try server.scratch.write("f-arm64", "two")
        let both = [Self.amd64, Self.arm64]
        let known = try await known(
            [
                "a": .init(urls: [server.url("f-{arch}")]), "b": .init(urls: [server.url("a.tgz")]),
                "c": .init(urls: [server.url("none-{arch}")]),
            ], platforms: both)
        #expect(known.files.map(\.locked.title) == ["a-linux-amd64", "a-linux-arm64", "b"])
        #expect(
            known.files.map(\.locked.digest) == [
                Digest(of: Array("one".utf8)), Digest(of: Array("two".utf8)), Self.digest,
            ])
        #expect(known.failures.map(\.name) == ["c", "c"], "all that cannot be had is reported")
    }

    @Test func filesOfThisHostAndTextsAreTakenAsTheyAre() async throws {
        try scratch.write("sub/own", Self.content)
        let files: [String: Spec.FileSource] = [
            "a": .init(path: "sub/own"), "b": .init(path: scratch("sub/own")), "t": .init(text: "é\n"),
            "none": .init(path: "sub/none"), "wrong": .init(digests: ["*": Self.other], path: "sub/own"),
        ]
        let known = try await known(files)
        #expect(known.files.map(\.locked.name) == ["a", "b", "t"])
        #expect(known.files.allSatisfy { $0.isOwn && $0.urls.isEmpty })
        #expect(
            known.files.map(\.locked.digest) == [Self.digest, Self.digest, Digest(of: Array("é\n".utf8))])
        #expect(known.files[0].locked.url == "file:sub/own" && known.files[2].locked.size == 3)
        #expect(known.failures.map(\.name) == ["none", "wrong"])
        #expect(known.failures.map(\.failure.kind) == [.input, .data])
        #expect(server.requests.isEmpty)
    }

    @Test func aFileOfThisHostThatChangedIsDrift() async throws {
        try scratch.write("own", Self.content)
        let source: [String: Spec.FileSource] = ["a": .init(path: "own")]
        for (digest, url, isDrift) in [
            (Self.digest, "file:own", false), (Self.other, "file:own", true),
            (Self.other, "file:else", false),
        ] {
            let known = try await known(source, lock: lock(digest, url: url))
            #expect(known.failures.isEmpty != isDrift, "\(digest) \(url)")
            guard isDrift else { continue }
            #expect(known.failures.first?.failure.remedy.contains("--update a") == true)
        }
    }

    @Test func aSinkKeepsToItsLimitAndStartsAgain() throws {
        let sink = try ScratchSink(scratch("sink"), limit: 4)
        func append(_ text: String) throws { try Array(text.utf8).withUnsafeBytes { try sink.append($0) } }
        try append("ab")
        try append("cd")
        let failure = #expect(throws: Failure.self) { try append("e") }
        #expect(failure?.kind == .data && failure?.reason.contains("more than 4 bytes") == true)
        #expect(sink.outcome == (Digest(of: Array("abcd".utf8)), 4))
        try sink.restart()
        try append("x")
        #expect(sink.outcome == (Digest(of: Array("x".utf8)), 1))
        #expect(try scratch.bytes("sink") == Array("x".utf8))
    }
}
