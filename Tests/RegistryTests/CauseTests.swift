// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Failures name their true cause: certificates, pages, schemes, logins, the registry's own words.
@Suite struct CauseTests {
    let scratch: Scratch
    let certificates: Certificates
    let nginx: RunningServer
    let ports: [String: Int]

    init() async throws {
        let scratch = try Scratch()
        let certificates = try Certificates()
        (self.scratch, self.certificates) = (scratch, certificates)
        var ports: [String: Int] = [:]
        for name in ["good", "other", "expired", "future", "plain"] {
            ports[name] = try RunningServer.freePort()
        }
        self.ports = ports
        let denied = #"{"errors":[{"code":"DENIED","message":"quota of 10 GiB exceeded\u001b[31m"}]}"#
        let servers = ports.map { name, port in
            """
            server {
                listen 127.0.0.1:\(port)\(name == "plain" ? "" : " ssl");
                \(name == "plain" ? "" : "ssl_certificate \(certificates.scratch.path)/\(name).pem; ssl_certificate_key \(certificates.scratch.path)/\(name).key;")
                location /v2/ { default_type text/html; return 200 "<html>log in</html>"; }
                location /v2/moved/ { return 302 /portal; }
                location /portal { default_type text/html; return 200 "<html>log in</html>"; }
                location /v2/quota/ { default_type application/json; return 403 '\(denied)'; }
            }
            """
        }
        nginx = try await RunningServer.nginx(Array(servers), at: ports.values, in: scratch)
    }

    func place(_ name: String) -> String { "127.0.0.1:\(ports[name] ?? 0)" }

    /// The failure of resolving an image, which no repeated attempt came before.
    func failure(_ image: String, insecure: Set<String> = []) async throws -> Failure {
        let waits = Monitor(0)
        var settings = TransferSettings(environment: ["SSL_CERT_FILE": certificates.authority])
        settings.insecureHosts = insecure
        settings.onEvent = { if case .waiting = $0 { waits.locked { $0 += 1 } } }
        let client = try RegistryClient(settings)
        let found = try await RegistryTests.failure { _ = try await client.resolve(Reference(image)) }
        #expect(waits.locked { $0 } == 0, "\(found)")
        return found
    }

    @Test func saysWhatIsWrongWithACertificate() async throws {
        let expired = try await failure("\(place("expired"))/a:1")
        #expect(
            expired.reason.contains("certificate expired on 2") && expired.reason.contains("clock says 2"))
        #expect(expired.remedy.contains("must renew it"))
        let future = try await failure("\(place("future"))/a:1")
        #expect(
            future.reason.contains("valid from 2099-01-01T00:00:00Z, and this host's clock says 2"),
            "\(future)")
        let other = try await failure("\(place("other"))/a:1")
        #expect(
            other.reason.contains("is for other.example, www.other.example, not for 127.0.0.1"), "\(other)")
        #expect(other.remedy.contains("--insecure \(place("other"))"))
        let client = try RegistryClient(
            TransferSettings(environment: ["SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"]))
        let unknown = try await RegistryTests.failure {
            _ = try await client.resolve(Reference("\(place("good"))/a:1"))
        }
        #expect(
            unknown.reason.contains("signed by 'CN = ca'") && unknown.remedy.contains("--ca"), "\(unknown)")
    }

    @Test(arguments: ["a/b:1", "moved/b:1"])
    func callsAPageWhatItIs(_ image: String) async throws {
        let page = try await failure("\(place("good"))/\(image)")
        #expect(page.kind == .unavailable && page.reason.contains("page for a browser"), "\(page)")
        let client = try RegistryClient(
            TransferSettings(environment: ["SSL_CERT_FILE": certificates.authority]))
        let sink = TestSink(expecting: [1, 2, 3])
        let blob = Descriptor(mediaType: MediaType.octets, of: [1, 2, 3])
        let found = try await RegistryTests.failure {
            try await client.fetch(blob, of: Reference("\(place("good"))/\(image)"), into: sink)
        }
        #expect(found.reason.contains("page for a browser") && sink.received == 0, "\(found)")
    }

    @Test func saysWhichSchemeAServerSpeaks() async throws {
        let plain = try await failure("\(place("plain"))/quota/b:1")
        #expect(plain.reason.contains("speaks plain HTTP") && plain.remedy.contains("--insecure"), "\(plain)")
        let url = "http://\(place("good"))/x"
        var settings = TransferSettings(environment: ["SSL_CERT_FILE": certificates.authority])
        settings.insecureHosts = [place("good")]
        let client = try RegistryClient(settings)
        let secure = try await RegistryTests.failure { _ = try await client.bytes(urls: [url], limit: 100) }
        #expect(secure.reason.contains("speaks TLS") && secure.remedy.contains("https://"), "\(secure)")
    }

    @Test func showsTheRegistrysOwnWords() async throws {
        let quota = try await failure("\(place("good"))/quota/b:1")
        #expect(
            quota.reason.contains("403 DENIED") && quota.reason.contains("it says: quota of 10 GiB exceeded"))
        #expect("\(quota)".contains("\\u001b[31m") && !"\(quota)".contains("\u{1B}"))
    }

    @Test(arguments: [1, 2, 5])
    func continuesWithTokensThatAreUsedUp(_ uses: Int) async throws {
        let server = try RunningServer(
            "/usr/bin/python3", [RunningServer.scripts + "/dyingtokens.py", "\(uses)"])
        let place = "127.0.0.1:\(try server.ports()[0])"
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [place]
        let client = try RegistryClient(settings)
        let reference = try Reference("\(place)/a/b:1")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let digest = Digest(of: Array("\(number)".utf8))
                    let content = Array("/v2/a/b/blobs/\(digest)".utf8)
                    let blob = Descriptor(
                        mediaType: MediaType.octets, digest: digest, size: Int64(content.count))
                    try await client.fetch(blob, of: reference, into: TestSink(expecting: content))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: ["ann", "echo"])
    func namesTheLoginThatATokenServerRefuses(_ user: String) async throws {
        let server = try RunningServer("/usr/bin/python3", [RunningServer.scripts + "/dyingtokens.py", "1"])
        let place = "127.0.0.1:\(try server.ports()[0])"
        let environment = try LoginTests.environment(
            scratch, LoginTests.auth(user, "hid:den"), host: place)
        var settings = TransferSettings(environment: environment)
        settings.insecureHosts = [place]
        let client = try RegistryClient(settings)
        let found = try await RegistryTests.failure {
            _ = try await client.resolve(Reference("\(place)/a/b:1"))
        }
        #expect(found.kind == .denied)
        #expect(
            found.reason.contains("refuses the login of '\(user)' in \(scratch.path)/auth.json"), "\(found)")
        #expect(found.reason.contains("it says: incorrect username or") == (user == "ann"), "\(found)")
        #expect(!"\(found)".contains("hid:den"))
    }
}
