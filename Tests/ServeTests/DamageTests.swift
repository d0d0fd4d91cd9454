// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
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
            #expect(Digest(of: try await served.curl(url).body) == sample.large.digest, "it was mended")
        }
    }

    @Test func damageWhileItIsSentCutsTheResponse() async throws {
        let (layout, blob) = try Layout.holding(noise(30 << 20, seed: 8))
        let folder = try TemporaryFolder()
        try await Served.with(layout) { served in
            let url = "http://\(served.authority)/v2/a/blobs/\(blob.digest)"
            let target = folder.path + "/blob"
            async let download = run("curl", ["-sS", "--limit-rate", "10M", "-o", target, url])
            while (try? File.open(target).size()) ?? 0 < 1 << 20 {
                try await Task.sleep(for: .milliseconds(5))
            }
            try Self.flip(layout.path(of: blob.digest), at: 29 << 20)
            #expect(try await download.status != 0)
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
            // The first response may begin with the damaged copy; what is remembered is the good one.
            _ = try await served.curl(url)
            #expect(try await served.logs("damaged \(first.large.digest)"))
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
