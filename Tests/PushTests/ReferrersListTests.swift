// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import Push

/// Lists of referrers under a tag.
@Suite struct ReferrersListTests {
    func parse(_ text: String) throws -> ReferrersList {
        try ReferrersList(parsing: Array(text.utf8), type: MediaType.index, artifact: "a test")
    }

    func descriptor(_ word: String) -> Descriptor {
        Descriptor(mediaType: MediaType.manifest, of: Array(word.utf8), annotations: ["a": word])
    }

    @Test func whatOthersWroteStays() throws {
        let digest = Digest(of: Array("theirs".utf8))
        var list = try parse(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.index)","x":{"y":[1,2.5,null,true]},"annotations":{"k":"v"},
             "manifests":[{"mediaType":"\(MediaType.manifest)","digest":"\(digest)","size":6,"z":["kept"]}]}
            """)
        try list.add(descriptor("ours"))
        #expect(list.isChanged)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(list.manifest(artifact: "a test").raw))
                as? [String: Any])
        let entries = try #require(json["manifests"] as? [[String: Any]])
        #expect(entries.map { $0["digest"] as? String } == ["\(digest)", "\(descriptor("ours").digest)"])
        #expect(entries[0]["z"] as? [String] == ["kept"])
        #expect((json["x"] as? [String: Any])?["y"] != nil)
        #expect((json["annotations"] as? [String: String]) == ["k": "v"])
        #expect((entries[1]["annotations"] as? [String: String]) == ["a": "ours"])
    }

    @Test func anEntryIsListedOnce() throws {
        var list = ReferrersList()
        #expect(!list.isChanged)
        for _ in 0..<2 { try list.add(descriptor("one")) }
        let written = try list.manifest(artifact: "a test")
        #expect(written.manifests == [descriptor("one")])
        #expect(written.descriptor.mediaType == MediaType.index)
        var again = try ReferrersList(
            parsing: written.raw, type: MediaType.index, artifact: "a test")
        try again.add(descriptor("one"))
        #expect(!again.isChanged)
        #expect(try again.manifest(artifact: "a test").raw == written.raw)
    }

    @Test func noManifestsAreAnEmptyList() throws {
        var list = try parse(#"{"schemaVersion":2,"mediaType":"\#(MediaType.index)","manifests":null}"#)
        try list.add(descriptor("one"))
        #expect(try list.manifest(artifact: "a test").manifests.count == 1)
    }

    @Test func aTagOfSomethingElseIsNotOverwritten() {
        let image = """
            {"schemaVersion":2,"config":{"mediaType":"a","digest":"\(Digest(of: []))","size":0},"layers":[]}
            """
        for text in [image, "{}", "[]", "no JSON", ""] {
            #expect(throws: Failure.self) {
                try ReferrersList(parsing: Array(text.utf8), type: nil, artifact: "a test")
            }
        }
    }

    @Test func aManifestIsListedWithItsType() throws {
        let fixture = try Fixture()
        let image = try fixture.image("one")
        #expect(image.referrer == nil)
        let artifact = try fixture.artifact("sbom", subject: image, annotations: ["made": "today"])
        let entry = try #require(artifact.referrer)
        #expect(entry.digest == artifact.descriptor.digest && entry.size == Int64(artifact.raw.count))
        #expect(entry.artifactType == "application/x.sbom" && entry.annotations == ["made": "today"])
        let old = """
            {"schemaVersion":2,"config":{"mediaType":"text/x","digest":"\(Digest(of: []))","size":0},"layers":[],
             "annotations":{"a":1},
             "subject":{"mediaType":"\(MediaType.manifest)","digest":"\(image.descriptor.digest)","size":9}}
            """
        let typed = try #require(
            try Manifest(parsing: Array(old.utf8), type: MediaType.manifest, artifact: "a test").referrer)
        #expect(typed.artifactType == "text/x" && typed.annotations == nil)
        #expect(image.descriptor.digest.referrersTag == "sha256-\(image.descriptor.digest.hex)")
        let long = Digest(of: [], .sha512)
        #expect(long.referrersTag == "sha512-\(long.hex.prefix(64))" && long.referrersTag.utf8.count == 71)
    }
}
