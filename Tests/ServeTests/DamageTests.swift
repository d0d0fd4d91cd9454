// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Testing

/// A bundle that is damaged under the server: no response is completed with wrong bytes.
@Suite struct DamageTests {
    static func flip(_ path: String, at offset: Int64) throws {
        let file = try File.create(path)
        var byte: [UInt8] = [0]
        _ = try byte.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
        byte[0] ^= 1
        try byte.withUnsafeBytes { try file.write($0, at: offset) }
    }

    @Test func aDamagedBlobIsCutAndNamed() async throws {
        let sample = try await Sample()
        let path = sample.layout.path(of: sample.large.digest)
        try Self.flip(path, at: 1_000_000)
        try await Served.with(sample.layout) { served in
            let url = "/v2/calico/node/blobs/\(sample.large.digest)"
            let response = try await served.curl(url)
            #expect(response.curl != 0, "the client learns that it does not have all")
            #expect(response.body.count < sample.large.size)
            #expect(try await served.logs("damaged \(sample.large.digest)"))
            // A part that holds none of the wrong bytes is no better: its blob is not what was asked for.
            let part = try await served.curl(url, ["-r", "0-99"])
            #expect(part.status == 500 || part.curl != 0)
        }
    }

    @Test func aSmallDamagedBlobIs500() async throws {
        let sample = try await Sample()
        try Self.flip(sample.layout.path(of: sample.small.digest), at: 20)
        try await Served.with(sample.layout) { served in
            let response = try await served.curl("/v2/calico/node/blobs/\(sample.small.digest)")
            #expect(response.status == 500)
            #expect(try await served.logs("damaged \(sample.small.digest)"))
        }
    }

    @Test func damageAfterTheBlobWasVerifiedIsSeen() async throws {
        let sample = try await Sample()
        let path = sample.layout.path(of: sample.large.digest)
        // Old enough for the verifier to remember what it found.
        let old = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        try await Task.sleep(for: .milliseconds(2100))
        try await Served.with(sample.layout) { served in
            let url = "/v2/calico/node/blobs/\(sample.large.digest)"
            for _ in 0..<2 { #expect(Digest(of: try await served.curl(url).body) == sample.large.digest) }
            try Self.flip(path, at: 5)
            let response = try await served.curl(url)
            #expect(response.curl != 0)
            #expect(try await served.logs("damaged \(sample.large.digest)"))
            try Self.flip(path, at: 5)
            #expect(Digest(of: try await served.curl(url).body) == sample.large.digest, "it was repaired")
        }
    }

    @Test func damageWhileItIsSentCutsTheResponse() async throws {
        // Far more than both sockets' buffers hold: the server cannot be done while the client waits.
        let (layout, blob) = try Layout.holding(noise(64 << 20, seed: 8))
        let folder = try Scratch()
        let (half, go) = (folder.path + "/half", folder.path + "/go")
        try await Served.with(layout) { served in
            async let client = run(
                "bash",
                [
                    "-c",
                    """
                    exec 3<>/dev/tcp/127.0.0.1/\(served.server.port)
                    printf 'GET /v2/a/blobs/\(blob.digest) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
                    head -c 100000 <&3 | wc -c; touch \(half)
                    until [ -e \(go) ]; do sleep 0.02; done; cat <&3 | wc -c
                    """,
                ])
            while !FileManager.default.fileExists(atPath: half) {
                try await Task.sleep(for: .milliseconds(5))
            }
            try Self.flip(layout.path(of: blob.digest), at: 63 << 20)
            try Data().write(to: URL(filePath: go))
            let received = try await client.lines.compactMap { Int64($0) }
            #expect(received.count == 2)
            #expect(received.reduce(0, +) < blob.size)
            #expect(try await served.logs("cut:"))
        }
    }

    @Test func aTruncatedFileCutsTheResponse() async throws {
        let sample = try await Sample()
        #expect(truncate(sample.layout.path(of: sample.large.digest), 1_500_000) == 0)
        try await Served.with(sample.layout) { served in
            let response = try await served.curl(
                "/v2/calico/node/blobs/\(sample.large.digest)", ["-m", "20"])
            #expect(response.curl != 0 && response.curl != 28)
            #expect(try await served.logs("damaged \(sample.large.digest)"))
        }
    }

    @Test func anotherBundleStandsInForADamagedOne() async throws {
        let first = try await Sample()
        let second = try await Sample()
        try Self.flip(first.layout.path(of: first.large.digest), at: 7)
        try Self.flip(first.layout.path(of: first.small.digest), at: 7)
        try await Served.with(first.layout, second.layout) { served in
            let small = try await served.curl("/v2/calico/node/blobs/\(first.small.digest)")
            #expect(Digest(of: small.body) == first.small.digest)
            let url = "/v2/calico/node/blobs/\(first.large.digest)"
            // The first response begins with the copy that turns out to be damaged.
            #expect(try await served.curl(url).curl != 0)
            #expect(try await served.logs("damaged \(first.large.digest)"))
            #expect(Digest(of: try await served.curl(url).body) == first.large.digest)
        }
    }

    @Test func aDamagedManifestIsNamedBeforeTheServerStarts() async throws {
        let sample = try await Sample()
        try Self.flip(sample.layout.path(of: sample.node.digest), at: 3)
        let failure = #expect(throws: Failure.self) { try Catalog([sample.layout]) }
        #expect(failure?.kind == .data)
        #expect(failure?.artifact.contains("\(sample.node.digest)") == true)
    }
}

extension DamageTests {
    /// The blob is verified and remembered; while a client waits for the rest, a byte of what was already sent changes.
    /// No hash runs any more: the state of the file, looked at before the tail, is what ends the response.
    @Test func aChangeBetweenTheCheckAndTheTailCutsTheResponse() async throws {
        let (layout, blob) = try Layout.holding(noise(64 << 20, seed: 12))
        let path = layout.path(of: blob.digest)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -3600)], ofItemAtPath: path)
        try await Task.sleep(for: .milliseconds(2100))
        try await Served.with(layout) { served in
            let url = "/v2/a/blobs/\(blob.digest)"
            #expect(Digest(of: try await served.curl(url).body) == blob.digest)
            let client = try RawConnection(port: served.server.port)
            try await client.send("GET \(url) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            _ = try await client.receive(until: "\r\n\r\n")
            try Self.flip(path, at: 3)
            #expect(try await client.count() < blob.size)
            #expect(try await served.logs("cut: its file changed while it was sent"))
            #expect(!served.log.contains { $0.contains("damaged") })
        }
    }
}
