// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Whom TLS believes, and what it shows: a real docker-registry that wants a client certificate.
@Suite struct TrustTests {
    let certificates: Certificates
    let registry: RunningRegistry
    let scratch: Scratch

    init() async throws {
        let certificates = try Certificates()
        self.certificates = certificates
        scratch = try Scratch()
        let path = certificates.scratch.path
        let open = try await RunningRegistry()
        try open.push("v2", "a/b:1")
        registry = try await RunningRegistry(
            open.scratch,
            http: """
                  tls:
                    certificate: \(path)/good.pem
                    key: \(path)/good.key
                    clientcas: [\(path)/ca.pem]
                """)
    }

    /// Nothing of this machine: no authority, no folder.
    func settings() -> TransferSettings {
        var settings = TransferSettings(environment: ["HOME": scratch.path])
        settings.authorities = scratch.path + "/none.pem"
        settings.certificateFolders = [scratch.path + "/certs.d"]
        settings.retry.base = .milliseconds(10)
        return settings
    }

    func fetch(_ settings: TransferSettings) async throws {
        let client = try RegistryClient(settings)
        #expect(try await fetchAll(client, registry.reference("a/b:1")) == 3)
    }

    /// Copies a certificate or key to a place below the folder of this host.
    func put(_ name: String, as place: String) throws {
        let text = try String(contentsOfFile: certificates.scratch.path + "/" + name, encoding: .utf8)
        try scratch.write("certs.d/\(registry.host)/\(place)", text)
    }

    @Test func showsAClientCertificateToServersThatAsk() async throws {
        var settings = settings()
        settings.moreAuthorities = [certificates.authority]
        settings.clientCertificate = certificates.scratch.path + "/other.pem"
        settings.clientKey = certificates.scratch.path + "/other.key"
        try await fetch(settings)
    }

    @Test func takesAKeyOutOfTheCertificatesFile() async throws {
        let path = certificates.scratch.path
        var settings = settings()
        settings.moreAuthorities = [certificates.authority]
        settings.clientCertificate = try scratch.write(
            "both.pem",
            String(contentsOfFile: path + "/other.pem", encoding: .utf8)
                + String(contentsOfFile: path + "/other.key", encoding: .utf8))
        try await fetch(settings)
    }

    @Test func findsWhatDockerAndPodmanKeepForAHost() async throws {
        try put("ca.pem", as: "ca.crt")
        try put("other.pem", as: "client.cert")
        try put("other.key", as: "client.key")
        try await fetch(settings())
    }

    @Test func looksWhereDockerAndPodmanLook() {
        #expect(
            TransferSettings(environment: ["HOME": "/h"]).certificateFolders == [
                "/h/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d",
            ])
    }

    @Test func saysWhatAServerWithoutOurCertificateDoes() async throws {
        var settings = settings()
        settings.moreAuthorities = [certificates.authority]
        let strict = settings
        let failure = try await failure { try await fetch(strict) }
        #expect(failure.kind == .denied)
        #expect(failure.remedy.contains("--client-cert"), "\(failure)")
    }

    @Test func refusesFilesThatAreNotWhatTheyShouldBe() async throws {
        let path = certificates.scratch.path
        try Certificates.openssl(
            "pkey -in \(path)/other.key -aes256 -passout pass:hidden -out \(path)/locked.key")
        let text = try scratch.write("text.pem", "no certificate")
        let cases: [(ca: String, certificate: String?, key: String?, kind: Failure.Kind)] = [
            (text, nil, nil, .configuration), (scratch.path + "/nowhere", nil, nil, .input),
            (path + "/ca.pem", scratch.path + "/nowhere", nil, .input),
            (path + "/ca.pem", text, text, .configuration),
            (path + "/ca.pem", path + "/other.pem", path + "/good.key", .configuration),
            (path + "/ca.pem", path + "/other.pem", path + "/locked.key", .configuration),
        ]
        for (ca, certificate, key, kind) in cases {
            var settings = settings()
            settings.moreAuthorities = [ca]
            (settings.clientCertificate, settings.clientKey) = (certificate, key)
            let bad = settings
            let failure = try await failure { try await fetch(bad) }
            #expect(failure.kind == kind, "\(failure)")
            #expect(!failure.remedy.isEmpty)
            #expect(!"\(failure)".contains("hidden"))
        }
        try put("ca.pem", as: "ca.crt")
        try put("other.pem", as: "client.cert")
        let failure = try await failure { try await fetch(settings()) }
        #expect(failure.kind == .configuration)
        #expect(failure.reason.contains("client.key"))
    }

    @Test func trustsNoAuthorityThatWasNotNamed() async throws {
        let bare = try await failure { try await fetch(settings()) }
        #expect(bare.kind == .configuration)
        #expect(bare.reason.contains("none.pem") && bare.remedy.contains("SSL_CERT_FILE"))
        var others = settings()
        others.authorities = try scratch.write(
            "other.pem",
            String(contentsOfFile: certificates.scratch.path + "/other.pem", encoding: .utf8))
        let strange = try await failure { try await fetch(others) }
        #expect(strange.kind == .unavailable)
        #expect(strange.reason.contains("does not prove its name"))
    }
}
