// SPDX-License-Identifier: Apache-2.0
import OCI
import TestSupport
import Testing

@testable import Serve

/// Ranges of blobs: RFC 9110, section 14, in the value and over the wire.
@Suite struct RangeTests {
    @Test(arguments: [
        (nil, ByteRange.whole), ("bytes=0-0", .part(0..<1)), ("bytes=0-", .part(0..<100)),
        ("bytes=99-", .part(99..<100)), ("bytes=-1", .part(99..<100)), ("bytes=-100", .part(0..<100)),
        ("bytes=-1000", .part(0..<100)), ("bytes=50-1000", .part(50..<100)), ("Bytes=1-2", .part(1..<3)),
        ("bytes= 1-2 ", .part(1..<3)), ("bytes=100-", .unsatisfiable), ("bytes=100-200", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=5-4", .whole), ("bytes=-", .whole), ("bytes=", .whole),
        ("bytes=a-b", .whole), ("bytes=1--2", .whole), ("bytes=+1-2", .whole), ("items=0-1", .whole),
        ("bytes=0-1,5-6", .whole), ("bytes=1-2,", .part(1..<3)), ("bytes=,", .whole), ("bytes=0-1,x", .whole),
        ("bytes=0-1, 2-5", .part(0..<6)), ("bytes=5-6,0-5", .part(0..<7)),
        ("bytes=-10,90-95", .part(90..<100)),
        ("bytes=0-0,100-", .part(0..<1)), ("bytes=100-,200-300,-0", .unsatisfiable),
        ("bytes=0-9,5-4", .whole),
        ("bytes=99999999999999999999999-", .unsatisfiable),
        ("bytes=0-99999999999999999999999", .part(0..<100)),
        ("bytes=-99999999999999999999999", .part(0..<100)), ("bytes=9223372036854775807-", .unsatisfiable),
        ("bytes=0-9223372036854775807", .part(0..<100)),
    ]) func reads(header: String?, expected: ByteRange) {
        #expect(ByteRange(header, size: 100) == expected)
    }

    @Test func nothingOfAnEmptyBlobCanBeHad() {
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=-1", size: 0) == .unsatisfiable)
    }

    @Test func aPartOfALargeAndOfASmallBlob() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for blob in [sample.large, sample.small] {
                let path = "/v2/calico/node/blobs/\(blob.digest)"
                let whole = try await served.curl(path).body
                let size = whole.count
                for (range, expected) in [
                    ("0-0", 0..<1), ("10-\(size / 2)", 10..<size / 2 + 1), ("-17", size - 17..<size),
                    ("\(size - 1)-", size - 1..<size), ("5-99999999", 5..<size),
                ] {
                    let part = try await served.curl(path, ["-r", range])
                    #expect(part.status == 206, "\(range)")
                    #expect(part.body == Array(whole[expected]), "\(range)")
                    #expect(
                        part.headers["content-range"]
                            == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(size)")
                }
            }
        }
    }

    @Test func beyondTheEndIs416WithTheSize() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let path = "/v2/calico/node/blobs/\(sample.large.digest)"
            let response = try await served.curl(path, ["-r", "\(sample.large.size)-"])
            #expect(response.status == 416)
            #expect(response.headers["content-range"] == "bytes */\(sample.large.size)")
        }
    }

    @Test func severalRangesAreOneWhereTheyTouchAndElseTheWhole() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let path = "/v2/calico/node/blobs/\(sample.large.digest)"
            let response = try await served.curl(path, ["-r", "0-1,5-6"])
            #expect(response.status == 200)
            #expect(Digest(of: response.body) == sample.large.digest)
            let joined = try await served.curl(path, ["-r", "4-9,0-4"])
            #expect(joined.status == 206)
            #expect(joined.body == Array(response.body[..<10]))
            #expect(joined.headers["content-range"] == "bytes 0-9/\(sample.large.size)")
            let many = "0-0," + (1...900).map { "\($0 * 2)-\($0 * 2)" }.joined(separator: ",")
            #expect(try await served.curl(path, ["-r", many]).status == 200)
            #expect(try await served.curl(path, ["-r", "99999999-,88888888-"]).status == 416)
        }
    }

    @Test func aRangeOfAnotherContentIsAnsweredWhole() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let path = "/v2/calico/node/blobs/\(sample.small.digest)"
            let other = try await served.curl(path, ["-r", "1-2", "-H", "If-Range: \"sha256:0\""])
            #expect(other.status == 200)
            let same = try await served.curl(
                path, ["-r", "1-2", "-H", "If-Range: \"\(sample.small.digest)\""])
            #expect(same.status == 206)
        }
    }

    @Test func aBrokenDownloadGoesOn() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        try await Served.with(sample.layout) { served in
            let url = "http://\(served.authority)/v2/calico/node/blobs/\(sample.large.digest)"
            let whole = try await served.curl("/v2/calico/node/blobs/\(sample.large.digest)").body
            let file = try File.create(folder.path + "/part")
            try whole[..<1_000_000].withUnsafeBytes { try file.write($0, at: 0) }
            let resumed = try await run("curl", ["-sS", "-C", "-", "-o", file.path, url])
            #expect(resumed.status == 0)
            var stream = file.stream(count: try file.size())
            #expect(Digest(of: try stream.readAll(limit: 1 << 24, artifact: "part")) == sample.large.digest)
        }
    }
}
