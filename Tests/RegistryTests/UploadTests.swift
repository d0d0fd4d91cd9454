// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// The registry of `pushes.py`, one for all tests of a process.
struct PushServer: Sendable {
    let server: RunningServer
    let ports: [Int]

    static let shared = Result {
        let server = try RunningServer("/usr/bin/python3", [RunningServer.scripts + "/pushes.py"])
        return PushServer(server: server, ports: try server.ports())
    }

    /// One request, and how it was answered; 0 where it was not.
    struct Seen: Decodable {
        var method: String
        var path: String
        var query: String
        var status: Int
        var port: Int
        var range: String?
        var authorization: String?
    }

    var host: String { "127.0.0.1:\(ports[0])" }

    func seen(_ id: String) async throws -> [Seen] {
        let bytes = try await RegistryClient(settings()).bytes(
            urls: ["http://\(host)/log/\(id)"], limit: 1 << 20)
        return try JSONDecoder().decode([Seen].self, from: Data(bytes))
    }

    /// Small parts, quick repeats, and a login where there is an auth file.
    func settings(_ environment: [String: String] = [:]) -> TransferSettings {
        var settings = TransferSettings(environment: environment)
        settings.insecureHosts = Set(ports.map { "127.0.0.1:\($0)" })
        settings.retry.base = .milliseconds(10)
        settings.chunk = 300_000
        return settings
    }
}

/// Content in memory; `damage` flips the byte there.
struct MemorySource: ContentSource {
    var bytes: [UInt8]
    var damage: Int?

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        var bytes = bytes
        if let damage { bytes[damage] ^= 1 }
        return VerifyingStream(
            MemoryStream(bytes), descriptor: descriptor, artifact: "\(descriptor.digest) in memory")
    }
}

/// Pushes to registries as they are: each case names what one of them does.
@Suite struct UploadTests {
    let server: PushServer
    let id = UUID().uuidString.lowercased()
    static let content = Misbehaving.one

    init() throws { server = try PushServer.shared.get() }

    func reference(_ kind: String) throws -> Reference { try Reference("\(server.host)/\(kind)/\(id):1") }

    /// Pushes `bytes` to a registry of that kind; what it saw of the upload, after the HEAD requests.
    @discardableResult func push(
        _ kind: String, _ bytes: [UInt8] = content, origin: Bool = false, damage: Int? = nil,
        environment: [String: String] = [:]
    ) async throws -> BlobArrival {
        let client = try RegistryClient(server.settings(environment))
        let blob = Descriptor(mediaType: MediaType.octets, of: bytes)
        return try await client.push(
            blob, from: MemorySource(bytes: bytes, damage: damage), to: reference(kind),
            origin: origin ? Reference(domain: server.host, repository: "other/place") : nil)
    }

    /// The methods that were used for the upload, in order.
    func methods() async throws -> [String] { try await server.seen(id).map(\.method) }

    /// Whether the registry has all of `bytes`.
    func isThere(_ kind: String, _ bytes: [UInt8] = content) async throws -> Bool {
        let client = try RegistryClient(server.settings())
        let blob = Descriptor(mediaType: MediaType.octets, of: bytes)
        return try await client.claim(of: blob, in: reference(kind))?.agrees(with: blob) ?? false
    }

    @Test func aHEADThatSaysNothingProvesNothing() async throws {
        #expect(try await !isThere("vague"))
        try await push("vague")
        #expect(try await methods().contains("POST"))
    }

    @Test func smallBlobsGoInOnePUT() async throws {
        for size in [0, 1, 64 << 10, 64 << 10 + 1, 300_000] {
            let bytes = Array(Self.content.prefix(size))
            try await push("good", bytes)
            #expect(try await isThere("good", bytes), "\(size)")
        }
        #expect(
            try await methods().filter { $0 != "HEAD" }
                == Array(repeating: ["POST", "PUT"], count: 5).flatMap { $0 })
        try await push("good")
        let seen = try await server.seen(id).suffix(6)
        #expect(seen.map(\.method) == ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"])
        #expect(
            seen.compactMap(\.range) == ["0-299999", "300000-599999", "600000-899999", "900000-1048575"])
        #expect(try await isThere("good"))
    }

    @Test func resumesInsideAPart() async throws {
        try await push("cut")
        let seen = try await server.seen(id)
        #expect(
            seen.map(\.method) == ["POST", "PATCH", "PATCH", "GET", "PATCH", "PATCH", "PUT"])
        #expect(seen[4].range == "450000-749999")
        #expect(try await isThere("cut"))
    }

    @Test func startsAgainWhereTheUploadIsUnknown() async throws {
        try await push("forgetful")
        let seen = try await server.seen(id)
        #expect(seen.count { $0.method == "POST" } == 2)
        #expect(try await isThere("forgetful"))
    }

    @Test(arguments: [
        "loses-a-part", "takes-half", "nonsense-range", "least-chunk", "no-parts", "parts-unsupported",
        "relative", "relative-from-root", "bare", "garbles-once", "silent-commit", "busy", "shaky",
    ])
    func endsWithRegistriesThatAreOdd(_ kind: String) async throws {
        try await push(kind)
        #expect(try await isThere(kind))
    }

    @Test func sendsNothingTwiceWhenTheLastAnswerIsLost() async throws {
        try await push("silent-commit")
        // libcurl repeats by itself what has no body.
        let methods = try await methods()
        #expect(methods.filter { $0 != "PUT" } == ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "HEAD"])
        #expect(methods.last == "HEAD")
    }

    @Test func sendsAtLeastTheSmallestChunk() async throws {
        try await push("least-chunk")
        #expect(try await server.seen(id).compactMap(\.range) == ["0-699999", "700000-1048575"])
    }

    @Test(arguments: ["no-parts", "parts-unsupported"])
    func sendsAllAtOnceWherePartsAreNotTaken(_ kind: String) async throws {
        try await push(kind)
        #expect(try await methods() == ["POST", "PATCH", "DELETE", "POST", "PUT"])
    }

    @Test(arguments: [
        ("good", 1 << 20), ("good", 200_000), ("good", 1000), ("bare", 1 << 20), ("bare", 200_000),
        ("no-parts", 1 << 20),
    ])
    func noRegistryGetsTheWholeOfDamagedContent(_ kind: String, _ size: Int) async throws {
        let bytes = Array(Self.content.prefix(size))
        let failure = try await failure { try await push(kind, bytes, damage: size - 1) }
        #expect(failure.kind == .data)
        #expect(failure.artifact.contains("\(Digest(of: bytes))"))
        #expect(try await isThere(kind, bytes) == false)
        let seen = try await server.seen(id)
        #expect(seen.last { $0.method != "HEAD" }?.method == "DELETE")
        // A closing request may have been begun, but never answered.
        #expect(seen.allSatisfy { $0.method != "PUT" || $0.status == 0 })
    }

    @Test func mountsFromAnotherRepository() async throws {
        #expect(try await push("mount-done", origin: true) == .mounted)
        let seen = try await server.seen(id)
        #expect(seen.map(\.method) == ["POST"])
        #expect(seen[0].query == "mount=\(Digest(of: Self.content))&from=other/place")
    }

    @Test(arguments: ["good", "mount-denied", "mount-unknown", "mount-unsupported"])
    func sendsWhatIsNotMounted(_ kind: String) async throws {
        #expect(try await push(kind, origin: true) == .uploaded)
        #expect(try await isThere(kind))
        #expect(try await methods().count { $0 == "POST" } == (kind == "good" ? 1 : 2))
    }

    @Test func sendsNoLoginToAnotherServerOfAnUpload() async throws {
        let scratch = try Scratch()
        let auth = Data("user:hidden".utf8).base64EncodedString()
        let entries = server.ports.map { "\"127.0.0.1:\($0)\": {\"auth\": \"\(auth)\"}" }
        let environment = [
            "REGISTRY_AUTH_FILE": try scratch.write(
                "auth.json", "{\"auths\": {\(entries.joined(separator: ","))}}")
        ]
        for kind in ["elsewhere", "elsewhere-later"] {
            try await push(kind, environment: environment)
        }
        let seen = try await server.seen(id)
        #expect(seen.contains { $0.port == server.ports[1] && $0.method == "PUT" })
        for request in seen {
            #expect(
                (request.authorization != nil) == (request.port == server.ports[0] && request.status != 401),
                "\(request)")
        }
    }

    @Test(arguments: [
        ("to-file", "only http and https"), ("to-nowhere", "no place"), ("to-user", "user name"),
        ("to-redirect", "redirects what is sent"),
    ])
    func followsNoPlaceThatIsNone(_ kind: String, _ reason: String) async throws {
        let failure = try await failure { try await push(kind) }
        #expect(failure.kind == .unavailable)
        #expect(failure.reason.contains(reason), "\(failure)")
    }

    @Test(arguments: [
        ("read-only", Failure.Kind.denied, "405 UNSUPPORTED: it takes no pushes", "read-only"),
        ("no-repository", .unavailable, "404 NAME_UNKNOWN", "create the repository"),
        ("too-large", .unavailable, "413", "--chunk-size"),
        ("broken", .unavailable, "500 UNKNOWN", "check the status"),
        ("cut-always", .unavailable, "broke off", "run it again"),
        ("lies", .data, "says that it has sha256:0000", "explained it"),
        ("mount-lies", .data, "says that it has sha256:0000", "explained it"),
        ("garbles", .data, "400 DIGEST_INVALID", "ask its operator"),
        ("takes-too-much", .unavailable, "100000000 bytes", "check that it is a registry"),
    ])
    func saysWhatTheRegistrySaid(
        _ kind: String, _ expected: Failure.Kind, _ reason: String, _ remedy: String
    ) async throws {
        let failure = try await failure { try await push(kind, origin: kind == "mount-lies") }
        #expect(failure.kind == expected)
        #expect(failure.operation == "push")
        #expect(failure.reason.contains(reason), "\(failure)")
        #expect(failure.remedy.contains(remedy), "\(failure)")
    }

    @Test func pushesWhereHEADIsForbidden() async throws {
        #expect(try await isThere("head-forbidden") == false)
        #expect(try await push("head-forbidden") == .uploaded)
    }

    @Test func asksForANewTokenInTheMiddleOfAnUpload() async throws {
        try await push("expires")
        let seen = try await server.seen(id)
        #expect(Set(seen.compactMap(\.authorization)).count > 1)
        #expect(seen.count { $0.method == "POST" && $0.status == 202 } == 1)
        #expect(seen.last?.status == 201)
    }

    @Test func aManifestGoesUnderItsTagOrDigest() async throws {
        let client = try RegistryClient(server.settings())
        let raw = Array(
            #"{"schemaVersion":2,"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json"}"#.utf8)
        let manifest = try Manifest(parsing: raw, type: nil, artifact: "test")
        let tagged = try reference("good")
        let pinned = Reference(
            domain: tagged.domain, repository: tagged.repository, digest: manifest.descriptor.digest)
        for place in [tagged, pinned] {
            #expect(try await client.claim(of: place) == nil)
            try await client.push(manifest, to: place)
            #expect(try await client.claim(of: place)?.digest == manifest.descriptor.digest)
        }
        #expect(try await client.push(manifest, to: reference("bare")) != nil)
        let lie = try await failure { try await client.push(manifest, to: reference("lies")) }
        #expect(lie.kind == .data)
        let invalid = try await failure { try await client.push(manifest, to: reference("invalid-manifest")) }
        #expect(invalid.reason.contains("400 MANIFEST_INVALID: it refuses this"))
        #expect(
            try await client.push(manifest, to: reference("invalid-manifest"), mayBeRefused: true) == nil)
    }

    @Test func theFieldsOfAnUploadAreReadWithCare() {
        var random = SystemRandomNumberGenerator()
        let letters = Array("0123456789-=/bytes *,x".unicodeScalars)
        for text in [
            "", "-", "0-", "-5", "0-x", "5-9", "0-9,10-19", "0-9223372036854775807", "bytes=5-9", "0--1",
        ] {
            #expect(ResponseHead(status: 204, fields: [("range", text)]).confirmedBytes == nil, "\(text)")
        }
        #expect(ResponseHead(status: 204, fields: [("range", "bytes=0-9")]).confirmedBytes == 10)
        #expect(ResponseHead(status: 204, fields: [("range", "0-0")]).confirmedBytes == 0)
        for _ in 0..<2000 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<Int.random(in: 0...24)).map { _ in letters.randomElement(using: &random)! }))
            let bytes = ResponseHead(status: 204, fields: [("range", text)]).confirmedBytes
            #expect(bytes.map { $0 >= 0 && $0 <= Descriptor.largestSize } ?? true, "\(text)")
        }
    }
}
