// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import OCI
import Spec
import Synchronization
import TestSupport
import Testing

@testable import Collect

/// Images that files of a spec name: which, from where, for what platform, and what the lock says of them.
@Suite struct ImagesOfFilesTests {
    private let scratch: Scratch
    private let server: FileServer

    init() throws {
        scratch = try Scratch()
        server = try FileServer()
    }

    private final class Notes: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// What the files of a spec with these lines name.
    private func read(
        _ lines: String, lock: Lock? = nil, notes: Notes = Notes()
    ) async throws -> ImagesOfFiles.Outcome {
        try scratch.write(
            "x.yaml", "version: 1\nname: x\nplatforms: [linux/amd64, linux/arm64]\n\(lines)\n")
        let parsed = try SpecReader.read(path: scratch("x.yaml"))
        let client = try server.client()
        let files = try await FileResolver(
            client: client, lock: lock, spec: parsed.spec, folder: parsed.folder, scratch: scratch("fetched"),
            mirrors: FileMirrors()
        ).known().files
        return try await ImagesOfFiles(
            content: ContentCache(client: client), scratch: scratch("fetched"), note: { notes.add($0) }
        ).read(parsed, files: files, lock: lock)
    }

    private static let pod = """
        apiVersion: v1
        kind: Pod
        metadata: { name: p }
        spec:
          containers: [{ name: c, image: "quay.io/a/main:1" }]
          initContainers: [{ name: i, image: "docker.io/b/init@sha256:\(String(repeating: "ab", count: 32))" }]
        """

    @Test func listsAndManifestsNameTheirImagesOnce() async throws {
        try scratch.write("pod.yaml", Self.pod)
        let outcome = try await read(
            """
            files:
              list: { text: "# images\\nquay.io/a/main:1\\nc/d:2\\n" }
              pod: { path: pod.yaml }
            images: [docker.io/e/f:3]
            imagesFrom: [pod, list]
            """)
        #expect(outcome.failures.isEmpty)
        let names = outcome.parsed.spec.images.map(\.familiar)
        #expect(names.count == 4 && Set(names).count == 4, "\(names)")
        #expect(names.first == "e/f:3", "what the spec says itself comes first")
        #expect(outcome.origins[try Reference("quay.io/a/main:1")] == ["pod", "list"])
        #expect(outcome.origins[try Reference("docker.io/c/d:2")] == ["list"])
        #expect(outcome.origins[try Reference("docker.io/e/f:3")] == nil)
    }

    @Test func aFileOfOnePlatformNamesImagesForIt() async throws {
        try server.scratch.write("list-amd64", "a/both:1\na/amd:1\n")
        try server.scratch.write("list-arm64", "a/both:1\n")
        let outcome = try await read(
            "files: { list: { url: \"\(server.url("list-{arch}"))\" } }\nimagesFrom: list")
        let spec = outcome.parsed.spec
        func platforms(_ name: String) throws -> [String] {
            spec.platforms(of: try Reference("docker.io/" + name)).map(\.description)
        }
        #expect(try platforms("a/both:1") == ["linux/amd64", "linux/arm64"])
        #expect(try platforms("a/amd:1") == ["linux/amd64"])
        #expect(
            outcome.origins[try Reference("docker.io/a/both:1")] == ["list-linux-amd64", "list-linux-arm64"])
        #expect(server.requests.count { $0.hasPrefix("GET") } == 2, "no file is fetched twice")
    }

    @Test func membersOfArchivesAreReadByPattern() async throws {
        try scratch.write("tree/deploy/pod.yaml", Self.pod)
        try scratch.write("tree/deploy/readme.bin", [0xFF, 0xFE, 0x00])
        try scratch.write("tree/other/list", "x/y:1\n")
        try RunningServer.run(
            "/usr/bin/tar", ["-C", scratch("tree"), "-czf", scratch("a.tgz"), "deploy", "other"])
        let notes = Notes()
        let files = "files: { a: { path: a.tgz } }\n"
        let outcome = try await read(files + "imagesFrom: [{ file: a, members: deploy }]", notes: notes)
        #expect(outcome.parsed.spec.images.map(\.repository).sorted() == ["a/main", "b/init"])
        let none = try await read(files + "imagesFrom: [{ file: a, members: nothing/here }]")
        #expect(none.failures.map(\.place) == [.imagesFrom(0)] && none.parsed.spec.images.isEmpty)
    }

    @Test(arguments: ["just words, and none of them an image", "a: 1\nb: [x, y]\n", "# nothing\n"])
    func aFileThatNamesNoneIsAMistake(_ text: String) async throws {
        try scratch.write("f", text)
        let outcome = try await read("files: { f: { path: f } }\nimagesFrom: f")
        #expect(outcome.failures.map(\.place) == [.imagesFrom(0)])
        #expect(outcome.failures.first?.failure.kind == .data, "\(outcome.failures)")
        #expect(outcome.failures.first?.failure.remedy.isEmpty == false)
    }

    /// The lock knows from which file an image came: what a file names now and the lock has not, or the other way round, is
    /// drift of the file.
    @Test func otherImagesThanTheLocksAreDrift() async throws {
        let lines = "files: { list: { text: \"a/b:1\\na/c:1\\n\" } }\nimagesFrom: list"
        let file = try #require(try await read(lines).files.first?.locked)
        func lock(_ names: [String]) throws -> Lock {
            Lock(
                images: try names.map {
                    Lock.Image(
                        reference: try Reference("docker.io/" + $0),
                        descriptor: Descriptor(mediaType: MediaType.manifest, of: Array($0.utf8)),
                        platforms: [],
                        from: ["list"])
                }, files: [file])
        }
        #expect(try await read(lines, lock: lock(["a/b:1", "a/c:1"])).failures.isEmpty)
        for (names, word) in [
            (["a/b:1"], "names a/c:1"), (["a/b:1", "a/c:1", "a/d:1"], "has a/d:1"), ([], "and 1 more"),
        ] {
            let failure = try #require(try await read(lines, lock: lock(names)).failures.first).failure
            #expect(failure.reason.contains(word) && failure.remedy.contains("sealift lock"), "\(failure)")
        }
        // A lock that does not have the file says nothing of it.
        #expect(try await read(lines, lock: Lock(images: [], files: [])).failures.isEmpty)
    }
}
