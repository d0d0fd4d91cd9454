// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Serve

/// What clients may try.
@Suite struct HostileTests {
    @Test(arguments: [
        "/v2/../../etc/passwd", "/v2/%2e%2e/%2e%2e/etc/passwd", "/files/../../etc/passwd",
        "/files/%2e%2e%2fetc%2fpasswd", "/files//etc/passwd", "/v2/calico/node/blobs/../../../x",
        "/v2/calico/node/manifests/%00", "/v2/calico/node/manifests/%zz", "/v2/%0d%0aX:%20y/manifests/a",
        "/v2/calico/node/manifests/..%2f..%2fx", "/..", "//", "/%ff%fe", "/v2/calico\\node/manifests/v3.19.1",
        "/v2/\(String(repeating: "a/", count: 1000))manifests/x", "/v2x",
        "/\(String(repeating: "a", count: 5000))", "/v2//tags/list", "/v2/_catalog/x",
    ]) func pathsLeadNowhere(path: String) async throws {
        try await Served.with(Sample().layout) { served in
            let response = try await served.curl(path)
            #expect([400, 404, 414].contains(response.status), "\(path.prefix(60))")
            #expect(!response.text.contains("root:"))
            #expect(try await served.curl("/healthz").status == 200)
        }
    }

    /// Clients try TLS first to find out whether a registry speaks it; they go on in HTTP once they have an answer.
    @Test(arguments: ["\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "\u{0}", "(GET / HTTP/1.1", "\r\n{", "\u{80}abc"])
    func whatBeginsNoRequestIsAnsweredAtOnce(_ start: String) async throws {
        try await Served.with(Sample().layout) { served in
            let client = try RawConnection(port: served.server.port)
            #expect(try await client.send(start))
            #expect(try await client.count() > 12, "an answer comes though the client has not ended its side")
            #expect(served.log.contains { $0.contains("400") }, "\(served.log)")
        }
    }

    @Test func targetsNeverCrashTheParser() {
        var state: UInt64 = 42
        let seeds = ["/v2/calico/node/manifests/v1?n=1&last=a%20b", "http://h/v2/?a=b", "/files/a%2Fb"]
        for round in 0..<20000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
            }
            let target = RequestTarget(String(decoding: bytes, as: UTF8.self))
            if let target {
                #expect(target.path.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{7F}" })
            }
            _ = target?.value("last")
        }
    }

    @Test func aMebibyteOfHeadersIsRefused() async throws {
        let folder = try Scratch()
        let one = "X-Large: " + String(repeating: "a", count: 1 << 20)
        let many = (0..<1000).map { "X-\($0): " + String(repeating: "b", count: 1000) }.joined(
            separator: "\n")
        try Data(one.utf8).write(to: URL(filePath: folder.path + "/one"))
        try Data(many.utf8).write(to: URL(filePath: folder.path + "/many"))
        try await Served.with(Sample().layout) { served in
            for name in ["one", "many"] {
                let response = try await served.curl("/v2/", ["-H", "@\(folder.path)/\(name)"])
                // The server may have closed before curl had sent all of it.
                #expect(response.status == 400 || response.status == 431 || response.curl != 0)
                #expect(response.status != 200)
            }
            #expect(try await served.curl("/healthz").status == 200)
        }
    }

    @Test func aClientThatSendsNoWholeRequestIsClosed() async throws {
        let settings = ServerSettings(idleLimit: .milliseconds(300))
        try await Served.with(Sample().layout, settings: settings) { served in
            for start in ["", "GET /v2/ HTTP/1.1\\r\\nHost: x\\r\\n"] {
                // nc ends when the server closes; it would wait for ever otherwise.
                let outcome = try await run(
                    "bash",
                    [
                        "-c",
                        "exec 3<>/dev/tcp/127.0.0.1/\(served.server.port); printf '\(start)' >&3; timeout 20 cat <&3",
                    ])
                #expect(outcome.status == 0)
            }
        }
    }

    @Test func aClientThatTakesNothingIsCutOff() async throws {
        let (layout, blob) = try Layout.holding(noise(60 << 20, seed: 5))
        let settings = ServerSettings(stallLimit: .milliseconds(500))
        try await Served.with(layout, settings: settings) { served in
            let request = "GET /v2/a/blobs/\(blob.digest) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
            async let client = run(
                "bash",
                [
                    "-c",
                    "exec 3<>/dev/tcp/127.0.0.1/\(served.server.port); printf '\(request)' >&3; sleep 3",
                ])
            #expect(try await served.logs("cut: the client takes nothing"))
            _ = try await client
        }
    }

    @Test func aClientThatVanishesLeavesNothingOpen() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for _ in 0..<20 {
                _ = try await run(
                    "bash",
                    [
                        "-c",
                        """
                        exec 3<>/dev/tcp/127.0.0.1/\(served.server.port)
                        printf 'GET /v2/calico/node/blobs/\(sample.large.digest) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
                        head -c 1000 <&3 >/dev/null
                        """,
                    ])
            }
            #expect(try await served.logs("cut:"))
            let blob = try await served.curl("/v2/calico/node/blobs/\(sample.large.digest)")
            #expect(Digest(of: blob.body) == sample.large.digest)
        }
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(open.filter { $0 == sample.layout.path(of: sample.large.digest) }.count == 1)
    }

    @Test func aBodyWithoutEndIsNotRead() async throws {
        try await Served.with(Sample().layout) { served in
            let response = try await served.curl(
                "/v2/calico/node/blobs/uploads/",
                ["-X", "POST", "-H", "Transfer-Encoding: chunked", "-d", "@/dev/null"])
            #expect(response.status == 405)
            #expect(response.headers["connection"] == "close")
        }
    }

    @Test func aTakenPortIsNamed() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let failure = await #expect(throws: Failure.self) {
                try await Server.start(
                    try Catalog([sample.layout]),
                    settings: ServerSettings(
                        address: ListenAddress(host: "127.0.0.1", port: served.server.port)))
            }
            #expect(failure?.kind == .busy)
            #expect(failure?.artifact == served.authority)
        }
    }

    @Test func aRunningDownloadEndsBeforeTheServerStops() async throws {
        let (layout, blob) = try Layout.holding(noise(20 << 20, seed: 6))
        let server = try await Server.start(
            try Catalog([layout]),
            settings: ServerSettings(address: ListenAddress(host: "127.0.0.1", port: 0)))
        let url = "http://127.0.0.1:\(server.port)/v2/a/blobs/\(blob.digest)"
        let folder = try Scratch()
        async let download = run("curl", ["-sS", "--limit-rate", "20M", "-o", folder.path + "/blob", url])
        while (try? FileManager.default.attributesOfItem(atPath: folder.path + "/blob")) == nil {
            try await Task.sleep(for: .milliseconds(5))
        }
        await server.stop(within: .seconds(30))
        #expect(try await download.status == 0)
        let refused = try await run("curl", ["-sS", url])
        #expect(refused.status == 7, "nothing listens any more")
    }

    @Test func aDownloadThatDoesNotEndIsCutWhenTheServerStops() async throws {
        let (layout, blob) = try Layout.holding(noise(64 << 20, seed: 10))
        let server = try await Server.start(
            try Catalog([layout]),
            settings: ServerSettings(address: ListenAddress(host: "127.0.0.1", port: 0)))
        let folder = try Scratch()
        let (begun, go) = (folder.path + "/begun", folder.path + "/go")
        async let client = run(
            "bash",
            [
                "-c",
                """
                exec 3<>/dev/tcp/127.0.0.1/\(server.port)
                printf 'GET /v2/a/blobs/\(blob.digest) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
                head -c 1000 <&3 >/dev/null; touch \(begun)
                until [ -e \(go) ]; do sleep 0.02; done; cat <&3 | wc -c
                """,
            ])
        while !FileManager.default.fileExists(atPath: begun) { try await Task.sleep(for: .milliseconds(5)) }
        // Returns although the client still waits: it takes nothing until afterwards.
        await server.stop(within: .milliseconds(200))
        try Data().write(to: URL(filePath: go))
        let received = try #require(try await client.lines.first.flatMap { Int64($0) })
        #expect(received < blob.size)
    }
}
