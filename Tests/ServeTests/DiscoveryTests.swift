// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Testing

/// The content discovery rules of the OCI distribution specification 1.1, and names.
@Suite struct DiscoveryTests {
    /// A repository of nine tags and an index with two artifacts that refer to it.
    static func discoverable() async throws -> (layout: Layout, subject: Descriptor) {
        let sample = try await Sample()
        let layout = sample.layout
        for number in 1...9 { try layout.add("docker.io/calico/cni:v\(number)", sample.node) }
        for type in ["application/vnd.example.sbom", "application/vnd.example.signature"] {
            let empty = try layout.add(Array("{}".utf8), type: MediaType.empty)
            let artifact = try layout.add(
                json: [
                    "schemaVersion": 2, "mediaType": MediaType.manifest, "artifactType": type,
                    "config": try object(empty), "layers": [try object(empty)],
                    "subject": try object(sample.node), "annotations": ["made.by": "test"],
                ], type: MediaType.manifest)
            try layout.add("docker.io/calico/node@\(artifact.digest)", artifact)
        }
        return (layout, sample.node)
    }

    @Test func tagsAreListedInOrder() async throws {
        try await Served.with(Self.discoverable().layout) { served in
            let list = try await served.curl("/v2/calico/cni/tags/list").json()
            #expect(list["name"] as? String == "calico/cni")
            #expect(list["tags"] as? [String] == (1...9).map { "v\($0)" })
        }
    }

    @Test func tagsAreOrderedByTheirBytes() async throws {
        let sample = try await Sample()
        for tag in ["b", "A", "B", "_a", "a", "1", "a.b", "a-b"] {
            try sample.layout.add("x.io/a/b:\(tag)", sample.node)
        }
        try await Served.with(sample.layout) { served in
            let tags = try await served.curl("/v2/a/b/tags/list").json()["tags"] as? [String]
            #expect(tags == ["1", "A", "B", "_a", "a", "a-b", "a.b", "b"])
            let after = try await served.curl("/v2/a/b/tags/list?last=A&n=1")
            #expect(try after.json()["tags"] as? [String] == ["B"])
            #expect(after.headers["link"] == "</v2/a/b/tags/list?n=1&last=B>; rel=\"next\"")
        }
    }

    @Test func namesWithPortsArePulledInFull() async throws {
        let sample = try await Sample()
        for name in ["reg.local:5000/a/b:1", "[::1]:6006/a/c:1"] where (try? Reference(name)) != nil {
            try sample.layout.add(name, sample.node)
        }
        try await Served.with(sample.layout) { served in
            for path in [
                "reg.local:5000/a/b/manifests/1", "a/b/manifests/1", "a/b/manifests/1?ns=reg.local:5000",
            ] {
                let answer = try await served.curl("/v2/\(path)")
                #expect(answer.headers["docker-content-digest"] == "\(sample.node.digest)", "\(path)")
            }
            #expect(try await served.curl("/v2/reg.local:5001/a/b/manifests/1").status == 404)
        }
    }

    @Test func tagsOfAnUnknownNameAre404() async throws {
        try await Served.with(Sample().layout) { served in
            let response = try await served.curl("/v2/calico/nothing/tags/list")
            #expect(response.status == 404)
            #expect(response.codes == ["NAME_UNKNOWN"])
        }
    }

    @Test func linksOfAMirrorKeepItsNamespace() async throws {
        try await Served.with(Self.discoverable().layout) { served in
            let first = try await served.curl("/v2/calico/cni/tags/list?n=4&ns=docker.io")
            let link = try #require(first.headers["link"])
            let next = try await served.curl(String(link.dropFirst().prefix { $0 != ">" }))
            #expect(try next.json()["tags"] as? [String] == ["v5", "v6", "v7", "v8"])
        }
    }

    @Test func tagsArePagedByNAndLast() async throws {
        try await Served.with(Self.discoverable().layout) { served in
            var path = "/v2/calico/cni/tags/list?n=4"
            var pages: [[String]] = []
            while pages.count < 10 {
                let response = try await served.curl(path)
                pages.append(try #require(try response.json()["tags"] as? [String]))
                guard let link = response.headers["link"] else { break }
                #expect(link.hasSuffix(">; rel=\"next\""))
                path = String(link.dropFirst().prefix { $0 != ">" })
            }
            #expect(pages.map(\.count) == [4, 4, 1])
            #expect(pages.flatMap(\.self) == (1...9).map { "v\($0)" })
            let after = try await served.curl("/v2/calico/cni/tags/list?last=v7").json()
            #expect(after["tags"] as? [String] == ["v8", "v9"])
            let beyond = try await served.curl("/v2/calico/cni/tags/list?n=2&last=zzz")
            #expect(try beyond.json()["tags"] as? [String] == [])
            #expect(beyond.headers["link"] == nil)
            let none = try await served.curl("/v2/calico/cni/tags/list?n=0")
            #expect(try none.json()["tags"] as? [String] == [])
            for wrong in ["-1", "x", "99999999999999999999"] {
                let response = try await served.curl("/v2/calico/cni/tags/list?n=\(wrong)")
                #expect(response.status == 400)
                #expect(response.codes == ["PAGINATION_NUMBER_INVALID"])
            }
        }
    }

    @Test func theCatalogIsPaged() async throws {
        try await Served.with(Self.discoverable().layout) { served in
            let all = try await served.curl("/v2/_catalog").json()["repositories"] as? [String]
            #expect(all == ["calico/cni", "calico/node", "library/registry", "tigera/operator"])
            let first = try await served.curl("/v2/_catalog?n=3")
            #expect(try first.json()["repositories"] as? [String] == Array(all?.prefix(3) ?? []))
            #expect(first.headers["link"] == "</v2/_catalog?n=3&last=library/registry>; rel=\"next\"")
        }
    }

    @Test func referrersAreListedAndFiltered() async throws {
        let (layout, subject) = try await Self.discoverable()
        try await Served.with(layout) { served in
            let all = try await served.curl("/v2/calico/node/referrers/\(subject.digest)")
            #expect(all.headers["content-type"] == MediaType.index)
            let manifests = try #require(try all.json()["manifests"] as? [[String: Any]])
            #expect(manifests.count == 2)
            #expect(manifests.allSatisfy { ($0["annotations"] as? [String: String])?["made.by"] == "test" })
            let type = "application/vnd.example.sbom"
            let some = try await served.curl(
                "/v2/calico/node/referrers/\(subject.digest)?artifactType=\(type)")
            #expect(some.headers["oci-filters-applied"] == "artifactType")
            let filtered = try #require(try some.json()["manifests"] as? [[String: Any]])
            #expect(filtered.map { $0["artifactType"] as? String } == [type])
            let digest = try #require(filtered.first?["digest"] as? String)
            #expect(try await served.curl("/v2/calico/node/manifests/\(digest)").status == 200)
        }
    }

    @Test(arguments: ["calico/node", "never/heard-of"])
    func whatHasNoReferrersHasAnEmptyListAndNever404(name: String) async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let none = try await served.curl("/v2/\(name)/referrers/\(Digest(of: [7]))")
            #expect(none.status == 200)
            #expect(none.headers["content-type"] == MediaType.index)
            #expect(try none.json()["manifests"] as? [String] == [])
            #expect(try none.json()["schemaVersion"] as? Int == 2)
        }
    }

    @Test func referrersOfAMalformedDigestAre400() async throws {
        try await Served.with(Sample().layout) { served in
            let response = try await served.curl("/v2/calico/node/referrers/sha256:1")
            #expect(response.status == 400)
            #expect(response.codes == ["DIGEST_INVALID"])
        }
    }

    @Test(arguments: [
        ("calico/node", "v3.19.1", nil as String?, 200), ("docker.io/calico/node", "v3.19.1", nil, 200),
        ("calico/node", "v3.19.1", "docker.io", 200), ("calico/node", "v3.19.1", "registry-1.docker.io", 200),
        ("calico/node", "v3.19.1", "quay.io", 404), ("tigera/operator", "v1.17.4", "quay.io", 200),
        ("quay.io/tigera/operator", "v1.17.4", nil, 200), ("tigera/operator", "v1.17.4", "docker.io", 404),
        ("registry", "2.7.1", nil, 200), ("library/registry", "2.7.1", "docker.io", 200),
        ("docker.io/registry", "2.7.1", nil, 200), ("calico/node", "v3.19.1", "sea.hub:5000", 200),
        ("calico/node", "v3.19.1", "gcr.io", 404), ("operator", "v1.17.4", nil, 404),
    ]) func namesResolveWithAndWithoutTheirDomain(
        name: String, tag: String, domain: String?, status: Int
    ) async throws {
        try await Served.with(Sample().layout, settings: ServerSettings(aliases: ["sea.hub:5000"])) {
            served in
            let query = domain.map { "?ns=\($0)" } ?? ""
            let response = try await served.curl("/v2/\(name)/manifests/\(tag)\(query)")
            #expect(response.status == status)
        }
    }

    @Test func namesOfTwoDomainsThatCollideAreBothThere() async throws {
        let sample = try await Sample()
        let layout = sample.layout
        try layout.add("quay.io/calico/node:v3.19.1", sample.registry)
        try layout.add("quay.io/calico/node:only-quay", sample.registry)
        try await Served.with(layout) { served in
            func digest(_ path: String) async throws -> String? {
                try await served.curl("/v2/\(path)").headers["docker-content-digest"]
            }
            #expect(try await digest("calico/node/manifests/v3.19.1") == "\(sample.node.digest)")
            #expect(try await digest("quay.io/calico/node/manifests/v3.19.1") == "\(sample.registry.digest)")
            #expect(
                try await digest("calico/node/manifests/v3.19.1?ns=quay.io") == "\(sample.registry.digest)")
            #expect(try await digest("calico/node/manifests/only-quay") == "\(sample.registry.digest)")
            #expect(try await digest("calico/node/manifests/only-quay?ns=docker.io") == nil)
            let names = try await served.curl("/v2/_catalog").json()["repositories"] as? [String]
            #expect(names?.contains("quay.io/calico/node") == true)
            #expect(names?.contains("docker.io/calico/node") == true)
        }
    }

    @Test func aSharedNameMeansDockersFirstThenTheEarlierDomains() async throws {
        let sample = try await Sample()
        let (first, second) = (try Layout(), sample.layout)
        for (layout, name, descriptor) in [
            (first, "b.io/x/y:1", sample.registry), (first, "a.io/x/y:1", sample.node),
            (second, "docker.io/x/z:1", sample.node), (first, "a.io/x/z:1", sample.registry),
        ] { try layout.add(name, descriptor) }
        // The shelf above names them, the one below has their bytes.
        let catalog = try Catalog([first, second])
        #expect(catalog.shared.map(\.name) == ["x/y", "x/z"])
        #expect(catalog.shared.map(\.domains) == [["b.io", "a.io"], ["docker.io", "a.io"]])
        try await Served.with(first, second) { served in
            for (name, wanted) in [("x/y", sample.registry), ("x/z", sample.node)] {
                let response = try await served.curl("/v2/\(name)/manifests/1")
                #expect(response.headers["docker-content-digest"] == "\(wanted.digest)")
            }
        }
    }

    @Test func aDeltaFindsItsBlobsInTheEarlierBundle() async throws {
        let sample = try await Sample()
        let delta = try Layout()
        // The delta carries a new image whose layer only the earlier bundle has.
        let maker = ImageMaker(layout: delta)
        let manifest = try maker.image([(sample.large, Digest(of: [1]))], sample.amd)
        try delta.add("docker.io/calico/node:v3.20.0", manifest)
        #expect(try Catalog([delta]).missing == [sample.large.digest])
        #expect(try Catalog([delta, sample.layout]).missing == [])
        try await Served.with(delta, sample.layout) { served in
            let blob = try await served.curl("/v2/calico/node/blobs/\(sample.large.digest)")
            #expect(Digest(of: blob.body) == sample.large.digest)
            let tags = try await served.curl("/v2/calico/node/tags/list").json()["tags"] as? [String]
            #expect(tags == ["v3.19.1", "v3.20.0"])
        }
    }

    @Test func filesAreServedWithTheirChecksums() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        try await Served.with(sample.layout) { served in
            for file in sample.layout.files {
                let name = file.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let response = try await served.curl("/files/\(name)")
                #expect(Digest(of: response.body) == file.digest)
                try Data(response.body).write(to: URL(filePath: folder.path + "/" + file.name))
            }
            let sums = try await served.curl("/files/SHA256SUMS")
            try Data(sums.body).write(to: URL(filePath: folder.path + "/SHA256SUMS"))
            let check = try await run("sh", ["-c", "cd \(folder.path) && sha256sum -c SHA256SUMS"])
            #expect(check.status == 0, "\(check.err)")
            #expect(check.lines.count == 2)
        }
    }
}
