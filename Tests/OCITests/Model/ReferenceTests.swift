// SPDX-License-Identifier: Apache-2.0
import OCI
import TestSupport
import Testing

@Suite struct ReferenceTests {
    @Test(arguments: [
        ("nginx", "docker.io/library/nginx:latest"),
        ("registry:2.7.1", "docker.io/library/registry:2.7.1"),
        ("calico/node:v3.19.1", "docker.io/calico/node:v3.19.1"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/a/b:1", "docker.io/a/b:1"),
        ("quay.io/tigera/operator:v1.17.4", "quay.io/tigera/operator:v1.17.4"),
        ("sea.hub:5000/calico/cni:v3.19.1", "sea.hub:5000/calico/cni:v3.19.1"),
        ("localhost/x", "localhost/x:latest"),
        ("[::1]:5000/a/b:1", "[::1]:5000/a/b:1"), ("[2001:db8::7]/a", "[2001:db8::7]/a:latest"),
        (
            "[::ffff:10.0.0.1]:443/a@sha256:\(String(repeating: "0a", count: 32))",
            "[::ffff:10.0.0.1]:443/a@sha256:\(String(repeating: "0a", count: 32))"
        ),
        ("a__b/c-d.e---f:T_.-1", "docker.io/a__b/c-d.e---f:T_.-1"),
    ])
    func fillsInWhatDockerFillsIn(text: String, full: String) throws {
        let reference = try Reference(text)
        #expect(reference.description == full)
        #expect(try Reference(full) == reference)
        #expect(try Reference(reference.familiar) == reference)
    }

    /// The grammar of distribution's `reference` package, as the expressions that it has for it.
    @Test func namesAreThoseOfTheGrammar() throws {
        let word = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
        let repository = try Regex("\(word)(?:/\(word))*")
        let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
        let domain = try Regex("\(label)(?:\\.\(label))*(?::[0-9]+)?")
        let tag = try Regex("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
        var numbers = SeededNumbers(7)
        var taken = 0
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 1...7, using: &numbers)).map { _ in
                    "aZ0._-/é".randomElement(using: &numbers)!
                })
            let isRepository = (try? Reference("r.io/\(text):t")) != nil
            #expect(isRepository == (text.wholeMatch(of: repository) != nil), "the repository \(text)")
            let isTag = (try? Reference("r.io/a:\(text)")) != nil
            #expect(isTag == (text.wholeMatch(of: tag) != nil), "the tag \(text)")
            if isRepository { taken += 1 }
            if text.contains("/") { continue }
            let isDomain = (try? Reference("\(text):5000/a:t")) != nil
            #expect(isDomain == (text.wholeMatch(of: domain) != nil), "the domain \(text)")
        }
        #expect(taken > 500)
    }

    @Test func fillsInWhatSealerFillsIn() throws {
        let home = "registry.cn-qingdao.aliyuncs.com"
        #expect(
            try Reference("kubernetes:v1", defaults: .sealer).description == "\(home)/sealer-io/kubernetes:v1"
        )
        #expect(try Reference("a/b:v1", defaults: .sealer).description == "\(home)/a/b:v1")
    }

    @Test func keepsTagAndDigest() throws {
        let text = "quay.io/a/b:v1@sha256:" + String(repeating: "0a", count: 32)
        #expect(try Reference(text).description == text)
        #expect(try Reference("a/b@sha256:" + String(repeating: "0a", count: 32)).tag == nil)
    }

    @Test(arguments: [
        "", " ", "a b", "a\nb", "A/b", "a/b:", "a/b:-x", "../a", "a/../b", "a//b", "/a", "a/", "a@sha256:x",
        "a@b@c",
        "a___b", "a._b", ".a", "a.", "q.io:0/a", "q.io:99999/a", "-q.io/a",
        "::1/a", "::1:5000/a:1", "[::1/a", "[::1]x/a", "[::1]:/a", "[::1]:0/a", "[q.io]:5000/a",
        "[fe80::1%eth0]/a",
        "[::1]:5000", "[]/a", "[1.2.3.4]/a", "[::1]]/a", "q.io:+5/a", "q.io:5:5/a",
        "a:" + String(repeating: "t", count: 129),
        String(repeating: "a", count: 300),
    ])
    func refusesWhatIsNotAReference(text: String) {
        #expect(throws: Failure.self) { try Reference(text) }
    }
}

/// A pinned reference means the image of its name whose content has the digest.
@Suite struct PinnedReferenceTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)
    static let other = "sha256:" + String(repeating: "cd", count: 32)

    @Test(arguments: [
        ("a/b:1", "a/b:1", [], true),
        ("a/b:1", "a/b:1@\(digest)", [], true),
        ("a/b:1@\(digest)", "a/b:1", [digest], true),
        ("a/b:1@\(digest)", "a/b:1", [other, digest], true),
        ("a/b@\(digest)", "a/b:1", [digest], true),
        ("a/b:1@\(digest)", "a/b@\(digest)", [], true),
        ("a/b:1@\(digest)", "a/b:1", [], true),
        ("a/b:1@\(digest)", "a/b:1", [other], false),
        ("a/b:1@\(digest)", "a/b:1@\(other)", [], false),
        ("a/b:2@\(digest)", "a/b:1", [digest], false),
        ("a/b:1", "a/b@\(digest)", [digest], false),
        ("a/b", "a/b:1", [digest], false),
        ("x.org/a/b@\(digest)", "a/b:1", [digest], false),
    ])
    func means(name: String, carried: String, content: [String], expected: Bool) throws {
        let digests = try content.map { try Digest($0) }
        #expect(try Reference(name).means(Reference(carried), content: digests) == expected)
    }

    @Test func theVerySameIsPreferred() throws {
        let carried = [try Reference("a/b:1@\(Self.digest)"), try Reference("a/b:1")]
        #expect(carried.meant(by: carried[1]) == carried[1])
        #expect(try carried.meant(by: Reference("a/b@\(Self.digest)")) == carried[0])
        #expect(try carried.meant(by: Reference("a/b:2")) == nil)
    }

    @Test func aNameWithoutItsDigestKeepsItsTag() throws {
        #expect(try Reference("a/b:1@\(Self.digest)").unpinned == Reference("a/b:1"))
        #expect(try Reference("a/b@\(Self.digest)").unpinned == Reference("a/b@\(Self.digest)"))
    }
}
