// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// Files over TLS, from a real nginx.
@Suite struct NginxTests {
    let scratch: Scratch
    let certificates: Certificates
    let nginx: RunningServer
    let port: Int
    let wrongPort: Int
    let expiredPort: Int
    let content: [UInt8]

    /// Serves 4 MiB at a port with a certificate for it, and at two with one for another name, and one of yesterday.
    init() async throws {
        let scratch = try Scratch()
        let certificates = try Certificates()
        (self.scratch, self.certificates) = (scratch, certificates)
        port = try RunningServer.freePort()
        wrongPort = try RunningServer.freePort()
        expiredPort = try RunningServer.freePort()
        content = (0..<4).flatMap { $0 % 2 == 0 ? Misbehaving.one : Misbehaving.two }
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/www", withIntermediateDirectories: true)
        try Data(content).write(to: URL(filePath: scratch.path + "/www/file.tgz"))
        let servers = [(port, "good"), (wrongPort, "other"), (expiredPort, "expired")].map { port, name in
            """
            server {
                listen 127.0.0.1:\(port) ssl http2;
                ssl_certificate \(certificates.scratch.path)/\(name).pem;
                ssl_certificate_key \(certificates.scratch.path)/\(name).key;
                root \(scratch.path)/www;
                location /moved/ { return 301 /file.tgz; }
            }
            """
        }
        nginx = try await RunningServer.nginx(servers, at: [port, wrongPort, expiredPort], in: scratch)
    }

    func settings() -> TransferSettings {
        var settings = TransferSettings(environment: ["SSL_CERT_FILE": certificates.authority])
        settings.retry.base = .milliseconds(10)
        return settings
    }

    @Test func fetchesOverTLSAndHTTP2() async throws {
        let client = try RegistryClient(settings())
        let url = "https://127.0.0.1:\(port)/file.tgz"
        let file = try await client.examine(url: url)
        #expect(file.size == 4 << 20)
        #expect(file.acceptsRanges)
        let sinks = [0, 1, 1 << 20, 4 << 20].map {
            TestSink(expecting: content, holding: Array(content.prefix($0)))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sink in sinks {
                group.addTask { try await client.fetch(urls: [url], size: 4 << 20, into: sink) }
            }
            try await group.waitForAll()
        }
        for sink in sinks {
            #expect(sink.snapshot.isFinished)
            #expect(sink.snapshot.restarts == 0)
        }
        let moved = TestSink(expecting: content)
        try await client.fetch(urls: ["https://127.0.0.1:\(port)/moved/"], into: moved)
        #expect(moved.snapshot.isFinished)
        let log = try String(contentsOfFile: scratch.path + "/access.log", encoding: .utf8)
        #expect(log.contains("HTTP/2.0\" 206"))
    }

    @Test func isPausedBySlowSinksOverHTTP2() async throws {
        var settings = settings()
        settings.memory = 1 << 20
        let client = try RegistryClient(settings)
        let sinks = (0..<4).map { _ in
            TestSink(expecting: content) { _ throws(Failure) in usleep(10_000) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sink in sinks {
                group.addTask {
                    try await client.fetch(
                        urls: ["https://127.0.0.1:\(port)/file.tgz"], size: 4 << 20, into: sink)
                }
            }
            try await group.waitForAll()
        }
        for sink in sinks { #expect(sink.snapshot.isFinished) }
    }

    @Test func trustsNoUnknownAuthority() async throws {
        var unknown = settings()
        unknown.authorities = "/etc/ssl/certs/ca-certificates.crt"
        for (settings, port) in [(unknown, port), (settings(), wrongPort), (settings(), expiredPort)] {
            let url = "https://127.0.0.1:\(port)/file.tgz"
            let sink = TestSink(expecting: content)
            let failure = try await failure {
                try await RegistryClient(settings).fetch(urls: [url], into: sink)
            }
            #expect(failure.kind == .unavailable)
            #expect(failure.reason.contains("does not prove its name"), "\(failure)")
            #expect(failure.remedy.contains("--insecure 127.0.0.1:\(port)"))
            #expect(sink.received == 0)
            var insecure = settings
            insecure.insecureHosts = ["127.0.0.1:\(port)"]
            try await RegistryClient(insecure).fetch(urls: [url], into: sink)
            #expect(sink.snapshot.isFinished)
            // The port is part of the name.
            insecure.insecureHosts = ["127.0.0.1"]
            let strict = insecure
            let other = try await RegistryTests.failure {
                try await RegistryClient(strict).fetch(urls: [url], into: TestSink(expecting: content))
            }
            #expect(other.kind == .unavailable)
        }
    }
}
