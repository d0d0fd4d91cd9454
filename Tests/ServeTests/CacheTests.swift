// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import Serve

/// What caches may keep, and for how long.
@Suite struct CacheTests {
    @Test(arguments: [
        "/v2/calico/node/tags/list", "/v2/calico/node/tags/list?n=1", "/v2/_catalog", "/files/SHA256SUMS",
        "/",
        "/v2/calico/node/manifests/v3.19.1", "/files/docker.tgz",
    ]) func aNameIsAskedForEachTime(path: String) async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let whole = try await served.curl(path)
            #expect(whole.status == 200 && whole.headers["cache-control"] == "no-cache")
            let tag = try #require(whole.headers["etag"])
            let again = try await served.curl(path, ["-H", "If-None-Match: \"x\", \(tag)"])
            #expect(again.status == 304 && again.text.isEmpty)
            #expect(again.headers["etag"] == tag && again.headers["cache-control"] == "no-cache")
            #expect(again.headers["content-type"] == nil && again.headers["content-length"] == nil)
            #expect(try await served.curl(path, ["-H", "If-None-Match: \"x\""]).status == 200)
        }
    }

    @Test func aDigestMayBeKept() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            for path in ["manifests/\(sample.node.digest)", "blobs/\(sample.small.digest)"] {
                let answer = try await served.curl("/v2/calico/node/" + path)
                #expect(answer.headers["cache-control"] == "max-age=31536000, immutable", "\(path)")
                #expect(answer.headers["etag"]?.contains("sha256:") == true)
            }
        }
    }

    @Test(arguments: [
        "/v2/calico/node/manifests/none", "/v2/none/tags/list", "/v2/calico/node/blobs/sha256:x", "/v2/x",
    ]) func errorsAreNotKept(path: String) async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let answer = try await served.curl(path)
            #expect(answer.status >= 400 && answer.headers["cache-control"] == "no-store")
        }
    }

    @Test func listsOfReferrersAreRevalidatedByFilter() async throws {
        let sample = try await Sample()
        let subject = try sample.layout.add(
            json: ["schemaVersion": 2, "manifests": []], type: MediaType.index)
        let config = try sample.layout.add(Array("{}".utf8), type: MediaType.empty)
        let artifact = try sample.layout.add(
            json: [
                "schemaVersion": 2, "mediaType": MediaType.manifest, "artifactType": "a/b",
                "config": try object(config), "layers": [], "subject": try object(subject),
            ], type: MediaType.manifest)
        try sample.layout.add("example.com/r:1", subject)
        try sample.layout.add("example.com/r@\(artifact.digest)", artifact)
        try await Served.with(sample.layout) { served in
            let path = "/v2/r/referrers/\(subject.digest)"
            let (all, some, none) = (
                try await served.curl(path), try await served.curl(path + "?artifactType=a/b"),
                try await served.curl(path + "?artifactType=")
            )
            #expect(all.text.contains("\(artifact.digest)") && some.text == all.text && none.text == all.text)
            #expect(some.headers["oci-filters-applied"] == "artifactType")
            #expect(none.headers["oci-filters-applied"] == nil)
            let tag = try #require(some.headers["etag"])
            #expect(
                try await served.curl(path + "?artifactType=a/b", ["-H", "If-None-Match: \(tag)"]).status
                    == 304)
        }
    }
}
