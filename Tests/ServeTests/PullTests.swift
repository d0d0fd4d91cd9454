// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import Testing

/// The pull rules of the OCI distribution specification 1.1, each held against curl.
@Suite struct PullTests {
    @Test func aPingTellsThatTheVersionIsSpoken() async throws {
        try await Served.with(Sample().layout) { served in
            for path in ["/v2/", "/v2"] {
                let response = try await served.curl(path)
                #expect(response.status == 200)
                #expect(response.headers["docker-distribution-api-version"] == "registry/2.0")
            }
        }
    }

    @Test func aManifestIsPulledByTagAndByDigest() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for reference in ["v3.19.1", "\(sample.node.digest)"] {
                let response = try await served.curl("/v2/calico/node/manifests/\(reference)")
                #expect(response.status == 200)
                #expect(Digest(of: response.body) == sample.node.digest)
                #expect(response.headers["content-type"] == MediaType.index)
                #expect(response.headers["docker-content-digest"] == "\(sample.node.digest)")
                #expect(response.headers["content-length"] == "\(sample.node.size)")
            }
        }
    }

    @Test func anInstanceOfAnIndexIsPulledByDigest() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let index = try sample.layout.manifest(sample.node)
            for child in index.children {
                let response = try await served.curl("/v2/calico/node/manifests/\(child.digest)")
                #expect(Digest(of: response.body) == child.digest)
                #expect(response.headers["content-type"] == MediaType.manifest)
            }
        }
    }

    @Test func dockerManifestsKeepTheirType() async throws {
        try await Served.with(Sample().layout) { served in
            let list = try await served.curl("/v2/tigera/operator/manifests/v1.17.4")
            #expect(list.headers["content-type"] == MediaType.dockerList)
            let single = try await served.curl("/v2/library/registry/manifests/2.7.1")
            #expect(single.headers["content-type"] == MediaType.dockerManifest)
        }
    }

    @Test func headAnswersLikeGetWithoutABody() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for path in [
                "/v2/calico/node/manifests/v3.19.1", "/v2/calico/node/blobs/\(sample.large.digest)",
                "/v2/calico/node/blobs/\(sample.small.digest)",
            ] {
                let get = try await served.curl(path)
                let head = try await served.curl(path, ["-I"])
                #expect(head.status == 200)
                #expect(head.body.isEmpty || String(decoding: head.body, as: UTF8.self).hasPrefix("HTTP/"))
                for name in ["content-length", "content-type", "docker-content-digest", "etag"] {
                    #expect(head.headers[name] == get.headers[name], "\(name)")
                    #expect(head.headers[name] != nil, "\(name)")
                }
            }
        }
    }

    @Test func blobsArePulledWholeLargeAndSmall() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for blob in [sample.large, sample.small] {
                // The second time the verifier knows the outcome already.
                for _ in 0..<2 {
                    let response = try await served.curl("/v2/calico/node/blobs/\(blob.digest)")
                    #expect(response.status == 200)
                    #expect(Digest(of: response.body) == blob.digest)
                    #expect(response.headers["docker-content-digest"] == "\(blob.digest)")
                    #expect(response.headers["content-type"] == "application/octet-stream")
                }
            }
        }
    }

    @Test func aBlobInSeveralVolumesIsPulledWhole() async throws {
        let (layout, blob) = try Layout.holding(noise(5_000_001, seed: 3), parts: 3)
        try await Served.with(layout) { served in
            let whole = try await served.curl("/v2/a/blobs/\(blob.digest)")
            #expect(Digest(of: whole.body) == blob.digest)
            let part = try await served.curl("/v2/a/blobs/\(blob.digest)", ["-r", "1666600-3400000"])
            #expect(part.status == 206)
            #expect(part.body == Array(whole.body[1_666_600...3_400_000]))
        }
    }

    @Test func whatIsNotThereIs404WithItsCode() async throws {
        let sample = try await Sample()
        let other = Digest(of: [1])
        try await Served.with(sample.layout) { served in
            for (path, code) in [
                ("/v2/calico/node/manifests/nope", "MANIFEST_UNKNOWN"),
                ("/v2/calico/node/manifests/\(other)", "MANIFEST_UNKNOWN"),
                ("/v2/calico/node/blobs/\(other)", "BLOB_UNKNOWN"),
                ("/v2/calico/nothing/manifests/v1", "NAME_UNKNOWN"),
                // A blob of another repository is not a blob of this one.
                ("/v2/library/registry/blobs/\(sample.large.digest)", "BLOB_UNKNOWN"),
            ] {
                let response = try await served.curl(path)
                #expect(response.status == 404, "\(path)")
                #expect(response.codes == [code], "\(path)")
                #expect(response.headers["content-type"] == "application/json")
            }
        }
    }

    @Test func headOfWhatIsNotThereIs404WithoutABody() async throws {
        try await Served.with(Sample().layout) { served in
            for path in [
                "/v2/calico/node/manifests/nope", "/v2/calico/node/manifests/\(Digest(of: [1]))",
                "/v2/calico/node/blobs/\(Digest(of: [1]))",
            ] {
                // curl would wait for a body that HEAD does not have.
                let response = try await served.curl(path, ["-I", "-m", "10"])
                #expect(response.status == 404 && response.curl == 0, "\(path)")
            }
        }
    }

    @Test func everyResponseIsALineOfTheCombinedLog() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let path = "/v2/calico/node/blobs/\(sample.large.digest)"
            _ = try await served.curl(path, ["-A", "a \"b\\", "-e", "http://r/", "-r", "0-9"])
            _ = try await served.curl(path)
            _ = try await served.curl("/v2/x/manifests/1", ["-X", "POST"])
            #expect(try await served.logs("\"POST "))
            let time = #"\[\d\d/[A-Z][a-z][a-z]/20\d\d:\d\d:\d\d:\d\d \+0000\]"#
            let wanted = try [
                #"127\.0\.0\.1 - - \#(time) "GET \#(path) HTTP/1\.1" 206 10 "http://r/" "a \\x22b\\x5C" \d+\.\d{3}"#,
                #"127\.0\.0\.1 - - \#(time) "GET \#(path) HTTP/1\.1" 200 \#(sample.large.size) "-" "curl/\S+" \d+\.\d{3}"#,
                #"127\.0\.0\.1 - - \#(time) "POST /v2/x/manifests/1 HTTP/1\.1" 405 \d+ "-" "curl/\S+" \d+\.\d{3}"#,
            ].map { try Regex($0) }
            #expect(served.log.count == 3)
            for (line, pattern) in zip(served.log, wanted) {
                #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
            }
        }
    }

    @Test func whatIsMalformedIs400WithItsCode() async throws {
        try await Served.with(Sample().layout) { served in
            for (path, code) in [
                ("/v2/calico/node/blobs/sha256:short", "DIGEST_INVALID"),
                ("/v2/calico/node/manifests/sha256:../../x", "NAME_INVALID"),
                ("/v2/calico/node/blobs/md5:0123", "DIGEST_INVALID"),
                ("/v2/Calico/Node/manifests/v1", "NAME_INVALID"),
                ("/v2/calico//node/manifests/v1", "NAME_INVALID"),
            ] {
                let response = try await served.curl(path)
                #expect((400...404).contains(response.status), "\(path)")
                #expect(response.codes == [code] || response.status == 404, "\(path) \(response.codes)")
            }
        }
    }

    @Test func everyWriteIs405() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for (method, path) in [
                ("POST", "/v2/calico/node/blobs/uploads/"), ("PUT", "/v2/calico/node/manifests/new"),
                ("PATCH", "/v2/calico/node/blobs/uploads/1"),
                ("DELETE", "/v2/calico/node/manifests/\(sample.node.digest)"), ("PUT", "/files/docker.tgz"),
            ] {
                let response = try await served.curl(path, ["-X", method, "-d", "x"])
                #expect(response.status == 405, "\(method)")
                #expect(response.codes == ["UNSUPPORTED"], "\(method)")
                #expect(response.headers["allow"] == "GET, HEAD")
            }
        }
    }

    @Test func anUnchangedManifestIs304() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let response = try await served.curl(
                "/v2/calico/node/manifests/v3.19.1", ["-H", "If-None-Match: \"\(sample.node.digest)\""])
            #expect(response.status == 304)
            #expect(response.body.isEmpty)
            // A cache would take over what it says of the content (RFC 9111, section 3.2).
            #expect(response.headers["content-type"] == nil && response.headers["content-length"] == nil)
            #expect(response.headers["etag"] == "\"\(sample.node.digest)\"")
            let list = "If-None-Match: \"x\", W/\"\(sample.node.digest)\""
            let other = try await served.curl("/v2/calico/node/manifests/v3.19.1", ["-H", list])
            #expect(other.status == 304)
            let changed = try await served.curl(
                "/v2/calico/node/manifests/v3.19.1", ["-H", "If-None-Match: \"sha256:0\""])
            #expect(changed.status == 200)
        }
    }
}
