// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Images from the real docker-registry.
@Suite struct RegistryClientTests {
    @Test(arguments: [
        ("v2", MediaType.dockerManifest, 3), ("list", MediaType.dockerList, 6),
        ("oci", MediaType.manifest, 3), ("ociindex", MediaType.index, 6),
        ("ocinomt", MediaType.manifest, 3),
    ])
    func fetchesImagesOfEveryKind(_ kind: String, _ type: String, _ count: Int) async throws {
        let registry = try await RunningRegistry.shared.value
        let digest = try registry.push(kind, "\(kind)/image:1")
        let client = try RegistryClient(registry.settings())
        let reference = try registry.reference("\(kind)/image:1")
        let found = try await client.resolve(reference)
        #expect(found.digest == digest)
        #expect(found.mediaType == type)
        let manifest = try await client.manifest(reference, expecting: found)
        #expect(manifest.descriptor == found)
        #expect(try await fetchAll(client, reference) == count)
        let pinned = try registry.reference("\(kind)/image@\(digest)")
        #expect(try await client.resolve(pinned) == found)
    }

    @Test func speaksNeitherPlainHTTPNorUnprovenTLSUnasked() async throws {
        let registry = try await RunningRegistry.shared.value
        try registry.push("v2", "t2/b:1")
        var settings = registry.settings()
        settings.insecureHosts = []
        settings.retry.attempts = 1
        let client = try RegistryClient(settings)
        let failure = try await failure { _ = try await client.resolve(registry.reference("t2/b:1")) }
        #expect(failure.kind == .unavailable)
        #expect(failure.remedy.contains("--insecure \(registry.host)"), "\(failure)")
    }

    @Test func saysWhatIsMissing() async throws {
        let registry = try await RunningRegistry.shared.value
        try registry.push("v2", "t3/b:1")
        let client = try RegistryClient(registry.settings())
        let failure = try await failure { _ = try await client.resolve(registry.reference("t3/b:2")) }
        #expect(failure.kind == .unavailable)
        #expect(failure.artifact.hasSuffix("/t3/b:2"))
        #expect(failure.reason.contains("404"))
        let blob = Descriptor(mediaType: MediaType.octets, of: [1, 2, 3])
        let other = try await RegistryTests.failure {
            _ = try await client.bytes(blob, of: registry.reference("t3/b:1"), limit: 10)
        }
        #expect(other.kind == .unavailable)
        #expect(other.artifact.contains("\(blob.digest)"))
    }

    @Test func asksMirrorsFirst() async throws {
        let mirror = try await RunningRegistry()
        let origin = try await RunningRegistry.shared.value
        try mirror.push("v2", "copies/t4/b:1")
        try origin.push("v2", "t4/b:1")
        let last = try origin.push("v2", "t4/b:2")
        var settings = origin.settings()
        settings.insecureHosts.insert(mirror.host)
        settings.mirrors = [origin.host: ["http://\(mirror.host)/copies"]]
        let client = try RegistryClient(settings)
        // The mirror's image has another name in it, and so another digest.
        let first = try await client.resolve(origin.reference("t4/b:1"))
        #expect(try await client.resolve(mirror.reference("copies/t4/b:1")) == first)
        #expect(try await fetchAll(client, origin.reference("t4/b:1")) == 3)
        #expect(try await client.resolve(origin.reference("t4/b:2")).digest == last)
        #expect(try await fetchAll(client, origin.reference("t4/b:2")) == 3)
    }

    @Test func goesPastAMirrorThatDoesNotAnswer() async throws {
        let origin = try await RunningRegistry.shared.value
        try origin.push("list", "t5/b:1")
        let dead = "127.0.0.1:\(try RunningServer.freePort())"
        var settings = origin.settings()
        let events = Events()
        settings.onEvent = events.add
        settings.insecureHosts.insert(dead)
        settings.mirrors = [origin.host: [dead]]
        let client = try RegistryClient(settings)
        #expect(try await fetchAll(client, origin.reference("t5/b:1")) == 6)
        #expect(events.waits.count == 1)
    }

    @Test func refusesMirrorsThatAreNotSafe() async throws {
        for candidate in ["http://mirror.example", "ftp://mirror.example", "", "a b", "https://u:p@mirror"] {
            var settings = TransferSettings(environment: [:])
            settings.mirrors = ["docker.io": [candidate]]
            let chosen = settings
            let failure = try await failure { _ = try RegistryClient(chosen) }
            #expect(failure.kind == .configuration, "\(candidate)")
        }
    }

    @Test func fetchesALargeBlobAmongOthers() async throws {
        let registry = try await RunningRegistry.shared.value
        for name in ["t7/a:1", "t7/b:1", "t7/c:1"] { try registry.push("oci", name, mebibytes: 6) }
        let client = try RegistryClient(registry.settings())
        try await withThrowingTaskGroup(of: Int.self) { group in
            for name in ["t7/a:1", "t7/b:1", "t7/c:1"] {
                group.addTask { try await fetchAll(client, registry.reference(name)) }
            }
            var count = 0
            for try await blobs in group { count += blobs }
            #expect(count == 9)
        }
    }
}
