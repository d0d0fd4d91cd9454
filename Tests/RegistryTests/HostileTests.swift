// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Servers that are after credentials, or that say other than the truth.
@Suite struct HostileTests {
    let server: Misbehaving
    let scratch: Scratch
    let client: RegistryClient
    let id = UUID().uuidString

    init() throws {
        server = try Misbehaving.shared.get()
        scratch = try Scratch()
        client = try RegistryClient(server.settings(scratch, login: true))
    }

    func fetch(_ kind: String, at authority: String? = nil, scheme: String = "http") async throws {
        let sink = TestSink(expecting: Misbehaving.one)
        try await client.fetch(
            urls: ["\(scheme)://\(authority ?? server.plain)/file/\(kind)/\(id)"], into: sink)
    }

    func reference(_ kind: String, _ suffix: String = ":1") throws -> Reference {
        try Reference("\(server.plain)/\(kind)/\(id.lowercased())\(suffix)")
    }

    /// The blob of 1 MiB that the server has.
    static let blob = Descriptor(mediaType: MediaType.octets, of: Misbehaving.one)

    @Test func aLoginNeverCrossesARedirect() async throws {
        try await fetch("to-other")
        let seen = try await server.seen(id)
        #expect(seen.map(\.port) == [server.ports[0], server.ports[0], server.ports[1]])
        #expect(seen.map { $0.authorization != nil } == [false, true, false])
    }

    @Test func keepsTheLoginWithinTheServer() async throws {
        try await fetch("to-same")
        #expect(try await server.seen(id).map { $0.authorization != nil } == [false, true, true])
    }

    @Test func doesNotTakeTheLoginUpAgain() async throws {
        try await fetch("there-and-back")
        let seen = try await server.seen(id)
        #expect(seen.map { $0.authorization != nil } == [false, true, false, false])
    }

    @Test func dropsTheLoginWhenBlobsAreElsewhere() async throws {
        let bytes = try await client.bytes(Self.blob, of: reference("to-other"), limit: 1 << 20)
        #expect(bytes == Misbehaving.one)
        let seen = try await server.seen(id.lowercased())
        #expect(seen.map { $0.authorization != nil } == [false, true, false])
    }

    @Test func followsNoRedirectFromTLSToPlainHTTP() async throws {
        var settings = try server.settings()
        settings.insecureHosts = []
        let strict = try RegistryClient(settings)
        let sink = TestSink(expecting: Misbehaving.one)
        let failure = try await failure {
            try await strict.fetch(urls: ["https://\(server.secure)/file/to-plain/\(id)"], into: sink)
        }
        #expect(failure.kind == .denied)
        #expect(failure.reason.contains("plain HTTP"))
        #expect(try await server.seen(id).count == 1)
        try await fetch("to-plain", at: server.secure, scheme: "https")
    }

    @Test func followsATokenServersRedirectWithoutTheLogin() async throws {
        _ = try await client.bytes(Self.blob, of: reference("realm-redirect"), limit: 1 << 20)
        let seen = try await server.seen(id.lowercased())
        let tokens = seen.filter { $0.path.contains("token") }
        #expect(tokens.map(\.port) == [server.ports[0], server.ports[1]])
        #expect(tokens.map { $0.authorization?.hasPrefix("Basic") } == [true, nil])
        #expect(seen.last?.authorization == "Bearer abc")
    }

    @Test func givesNoLoginToARealmOverPlainHTTP() async throws {
        let reference = try Reference("\(server.secure)/realm-plain/\(id.lowercased()):1")
        let failure = try await failure {
            _ = try await client.bytes(Self.blob, of: reference, limit: 1 << 20)
        }
        #expect(failure.kind == .denied)
        #expect(failure.reason.contains("plain HTTP"))
        #expect(try await server.seen(id.lowercased()).allSatisfy { $0.authorization == nil })
    }

    @Test func givesNoLoginToARealmOnThisHost() throws {
        var outcome = HTTPResponse(
            ending: .complete, peer: "192.0.2.1", address: try HTTPURL("https://registry.example/v2/"))
        let bad = [
            "https://localhost/t", "https://127.0.0.1/t", "https://127.1/t", "https://0x7f000001/t",
            "https://2130706433/t", "https://[::1]/t", "https://[::ffff:127.0.0.1]/t",
            "https://169.254.169.254/t", "https://[fe80::1]/t", "https://0.0.0.0/t", "http://auth.example/t",
            "https://a.localhost/t", "https://user@auth.example/t", "file:///etc/passwd", "/token", "",
        ]
        for realm in bad {
            #expect(throws: AttemptError.self, "\(realm)") {
                try Realm(realm, named: outcome, artifact: "it")
            }
        }
        let good = try Realm("https://auth.example/t", named: outcome, artifact: "it")
        #expect(good.refusesLocalPeer)
        // A registry on this host may name another port of it.
        outcome.peer = "127.0.0.1"
        #expect(try !Realm("https://localhost:5001/t", named: outcome, artifact: "it").refusesLocalPeer)
    }

    @Test func sendsNothingToANameThatIsThisHost() async throws {
        var request = HTTPRequest(address: try HTTPURL("http://\(server.plain)/file/good/\(id)"))
        request.refusesLocalPeer = true
        let outcome = await client.web.engine.perform(request)
        guard case .broken(let error) = outcome.ending else {
            Issue.record("it was sent")
            return
        }
        #expect(error.cause == .localPeer)
        #expect(try await server.seen(id).isEmpty)
    }

    @Test func getsANewTokenWhenTheOldOneHasEnded() async throws {
        let reference = try reference("expires")
        for _ in 0..<3 { _ = try await client.bytes(Self.blob, of: reference, limit: 1 << 20) }
        let tokens = try await server.seen(id.lowercased()).filter { $0.path.contains("token") }
        #expect(tokens.count == 3)
    }

    @Test func takesNoTokenThatSmugglesAField() async throws {
        let failure = try await failure {
            _ = try await client.bytes(Self.blob, of: reference("realm-garbage"), limit: 1 << 20)
        }
        #expect(failure.reason.contains("no token"))
        #expect(try await server.seen(id.lowercased()).count == 2)
    }

    @Test func showsNoSecretThatAServerSendsBack() async throws {
        let failure = try await failure {
            _ = try await client.bytes(Self.blob, of: reference("broken"), limit: 1 << 20)
        }
        #expect(!"\(failure)".contains(Data("user:hidden".utf8).base64EncodedString()))
    }

    @Test func neverFollowsTheURLsOfAForeignLayer() async throws {
        var blob = Self.blob
        blob.urls = ["http://\(server.plain)/file/good/\(id)"]
        let failure = try await failure {
            _ = try await client.bytes(blob, of: reference("missing"), limit: 1 << 20)
        }
        #expect(failure.kind == .unavailable)
        #expect(try await server.seen(id).isEmpty)
    }

    @Test(arguments: [
        ("lying", "says sha256:"), ("mixed", "neither an index"), ("type", "promised as"),
        ("big", "more than 4194304"), ("negative", "out of bounds"), ("huge", "JSON"),
        ("gzip", "Content-Encoding"), ("malformed", "says sha256:../../x"),
    ])
    func refusesManifestsThatAreNotWhatTheySay(_ kind: String, _ reason: String) async throws {
        let failure = try await failure {
            _ = try await client.manifest(reference(kind), expecting: nil)
        }
        #expect(failure.kind == .data)
        #expect("\(failure.reason) ".contains(reason), "\(failure)")
    }

    @Test func refusesOtherContentThanIsPinned() async throws {
        let honest = try await client.manifest(reference("good"), expecting: nil)
        for expecting in [honest.descriptor, nil] {
            let failure = try await failure {
                _ = try await client.manifest(
                    reference("other", "@\(honest.descriptor.digest)"), expecting: expecting)
            }
            #expect(failure.kind == .data)
            #expect(failure.reason.contains("not the promised \(honest.descriptor.digest)"))
        }
    }

    @Test func refusesAManifestOfAnotherSizeOrType() async throws {
        let honest = try await client.manifest(reference("good"), expecting: nil).descriptor
        for size in [honest.size + 1, honest.size - 1, 0] {
            var wrong = honest
            wrong.size = size
            let expecting = wrong
            let failure = try await failure {
                _ = try await client.manifest(reference("good"), expecting: expecting)
            }
            #expect(failure.kind == .data)
            #expect(failure.reason.contains("\(size)"))
        }
        var wrong = honest
        wrong.mediaType = MediaType.index
        let expecting = wrong
        #expect(
            try await failure {
                _ = try await client.manifest(reference("good"), expecting: expecting)
            }.kind == .data)
    }

    @Test(arguments: ["no-head", "bare", "malformed-head", "charset", "busy"])
    func resolvesWithoutHEADOrDigest(_ kind: String) async throws {
        let honest = try await client.manifest(reference("good"), expecting: nil).descriptor
        #expect(try await client.resolve(reference(kind)) == honest)
    }

    @Test func namesDriftByBothDigests() async throws {
        let pin = Digest(of: [1])
        let failure = try await failure {
            _ = try await client.resolve(reference("good", ":1@\(pin)"))
        }
        #expect(failure.kind == .data)
        #expect(failure.reason.contains("\(pin)"))
    }
}
