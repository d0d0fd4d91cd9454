// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import OCI
import Registry
import Spec
import Testing

@testable import Collect

/// What a lock pins, and what it lacks.
@Suite struct LockDriftTests {
    let layout: Layout

    init() throws { layout = try Layout() }

    private func locked(_ image: Manifest, _ name: Reference = Layout.name) -> Lock {
        let entry = Lock.Image(
            reference: name, descriptor: image.descriptor,
            platforms: [Lock.Instance(platform: Layout.amd64, descriptor: image.descriptor)])
        return Lock(images: [entry], files: [])
    }

    private func failure(
        _ top: Manifest, name: Reference = Layout.name, lock: Lock?, takesUnlocked: Bool = true
    ) async throws -> Failure? {
        let resolver = try await layout.resolver(
            of: top, name: name, lock: lock, takesUnlocked: takesUnlocked)
        do {
            _ = try await resolver.image(name)
            return nil
        } catch { return try #require(error as? Failure) }
    }

    @Test func anImageIsWhatItsLockSays() async throws {
        let (one, two) = (
            try layout.image("one", for: Layout.amd64), try layout.image("two", for: Layout.amd64)
        )
        #expect(try await failure(one, lock: locked(one)) == nil)
        #expect(try await failure(one, lock: locked(one), takesUnlocked: false) == nil)
        let drift = try await failure(two, lock: locked(one))
        #expect(drift?.kind == .data && drift?.artifact == Layout.name.familiar)
        for digest in [one, two].map(\.descriptor.digest) {
            #expect(drift?.reason.contains("\(digest)") == true)
        }
    }

    @Test func whatTheLockLacksIsRefusedUnlessItIsTaken() async throws {
        let one = try layout.image("one", for: Layout.amd64)
        let other = locked(one, try Reference("r.example/a/other:1"))
        #expect(try await failure(one, lock: other) == nil)
        #expect(try await failure(one, lock: nil, takesUnlocked: false) == nil)
        let lacking = try await failure(one, lock: other, takesUnlocked: false)
        #expect(lacking?.kind == .configuration && lacking?.remedy.contains("--unlocked") == true)
    }

    @Test func aReferenceThatNamesADigestIsThatContent() async throws {
        let (one, two) = (
            try layout.image("one", for: Layout.amd64), try layout.image("two", for: Layout.amd64)
        )
        let pinned = try Reference("r.example/a/b@\(one.descriptor.digest)")
        #expect(try await failure(one, name: pinned, lock: nil) == nil)
        #expect(try await failure(two, name: pinned, lock: nil)?.kind == .data)
    }

    private func files(
        _ sources: [String: Spec.FileSource], lock: Lock?
    ) async throws -> FileResolver.Known {
        try await FileResolver(
            client: try RegistryClient(TransferSettings(environment: [:])), lock: lock,
            spec: Spec(name: "t", platforms: [Layout.amd64], files: sources),
            folder: layout.scratch("") + "/",
            scratch: layout.scratch("scratch"), mirrors: FileMirrors(), takesUnlocked: false
        ).known()
    }

    @Test func aFileOfThisHostIsWhatItsLockSays() async throws {
        try layout.scratch.write("note", "as it was")
        let source = ["note": Spec.FileSource(path: "note")]
        let before = try await files(source, lock: nil)
        let lock = Lock(images: [], files: before.files.map(\.locked))
        #expect(try await files(source, lock: lock).failures.isEmpty)
        try layout.scratch.write("note", "as it is")
        let after = try await files(source, lock: lock).failures
        #expect(after.map(\.name) == ["note"] && after[0].failure.kind == .data)
        #expect(after[0].failure.reason.contains("\(lock.files[0].digest)"))
    }

    @Test func aFileOfAURLThatTheLockLacksIsNotFetched() async throws {
        // Nothing listens there: it would be another failure.
        let source = ["far": Spec.FileSource(urls: ["http://127.0.0.1:1/far"])]
        let found = try await files(source, lock: Lock(images: [], files: []))
        #expect(found.failures.map(\.failure.kind) == [.configuration])
        let pinned = Lock.File(
            name: "far", platform: nil, url: "http://127.0.0.1:1/far", digest: Digest(of: []), size: 0)
        #expect(
            try await files(source, lock: Lock(images: [], files: [pinned])).files.map(\.locked) == [pinned])
    }

    @Test func whatIsTakenUnlockedIsNamed() throws {
        let one = try layout.image("one", for: Layout.amd64)
        let lock = locked(one)
        func file(_ name: String, _ url: String) -> Lock.File {
            Lock.File(name: name, platform: nil, url: url, digest: Digest(of: []), size: 0)
        }
        #expect(lock.described(lackingOf: lock) == nil)
        let more = Lock(
            images: lock.images + locked(one, try Reference("r.example/c/d:2")).images,
            files: [file("own", "text:own"), file("far", "https://f.example/far")])
        let said = try #require(lock.described(lackingOf: more))
        #expect(said.contains("r.example/c/d:2, the file far;") && !said.contains("own"))
        let many = (10..<40).map { file("f\($0)", "https://f.example/\($0)") }
        let long = try #require(lock.described(lackingOf: Lock(images: [], files: many)))
        #expect(long.contains("the file f29 and 10 more;") && !long.contains("f30"))
    }

    @Test(arguments: ["docker.io/library/nginx:1", "nginx:1", "library/nginx", "library/nginx:1"])
    func anImageGoesByManyNames(name: String) throws {
        #expect(try Reference("nginx:1").goes(by: name))
        #expect(try !Reference("nginx:2").goes(by: "nginx:1"))
        #expect(try !Reference("quay.io/library/nginx:1").goes(by: "nginx:1"))
    }
}
