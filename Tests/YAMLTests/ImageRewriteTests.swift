// SPDX-License-Identifier: Apache-2.0
import Foundation
import YAML
import OCI
import TestSupport
import Testing

/// Rewrites of what is more than one plain value: parts, text in blocks, anchors; and what is refused.
@Suite struct ImageRewriteTests {
    static func rewrite(_ text: String, known: [String] = []) throws -> String {
        try ImageReferenceTests.rewrite(text, known: known)
    }

    static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test(arguments: [
        (
            "image:\n  repository: a/b\n  tag: x\n", "image:\n  repository: sea.hub:5000/a/b\n  tag: x\n",
            "docker.io/a/b:x"
        ),
        (
            "image: {repository: 'quay.io/a/b', tag: \"1.20\"} # c\r\n",
            "image: {repository: 'sea.hub:5000/a/b', tag: \"1.20\"} # c\r\n", "quay.io/a/b:1.20"
        ),
        (
            "image:\n  registry: quay.io\n  repository: a/b\n  tag: 1.21 # t\n",
            "image:\n  registry: sea.hub:5000\n  repository: a/b\n  tag: 1.21 # t\n", "quay.io/a/b:1.21"
        ),
        (
            "image:\n  tag: v1\n  registry: docker.io\n  repository: nginx\n",
            "image:\n  tag: v1\n  registry: sea.hub:5000\n  repository: library/nginx\n",
            "docker.io/library/nginx:v1"
        ),
        (
            "initImage: {registry: \"\", repository: nginx, tag: v1}\n",
            "initImage: {registry: \"sea.hub:5000\", repository: library/nginx, tag: v1}\n",
            "docker.io/library/nginx:v1"
        ),
        (
            "image: {registry: r.io:443/mirror, repository: a/b, tag: v1}\n",
            "image: {registry: sea.hub:5000/mirror, repository: a/b, tag: v1}\n", "r.io:443/mirror/a/b:v1"
        ),
        (
            "image:\n  repository: a/b\n  digest: \(digest)\n",
            "image:\n  repository: sea.hub:5000/a/b\n  digest: \(digest)\n", "docker.io/a/b@\(digest)"
        ),
        (
            "image:\n  repository: a/b\n  tag: v1\n  digest: \(digest)\n",
            "image:\n  repository: sea.hub:5000/a/b\n  tag: v1\n  digest: \(digest)\n",
            "docker.io/a/b:v1@\(digest)"
        ),
        // tigera's chart.
        (
            "tigeraOperator:\n  image: tigera/operator\n  version: v1.17.4\n  registry: quay.io\n",
            "tigeraOperator:\n  image: tigera/operator\n  version: v1.17.4\n  registry: sea.hub:5000\n",
            "quay.io/tigera/operator:v1.17.4"
        ),
        ("c: {image: a/b, tag: v1}\n", "c: {image: sea.hub:5000/a/b, tag: v1}\n", "docker.io/a/b:v1"),
        (
            "image: {repository: localhost:5000/a, tag: v1}\n",
            "image: {repository: sea.hub:5000/a, tag: v1}\n",
            "localhost:5000/a:v1"
        ),
        (
            "image: {repository: sea.hub:5000/a/b, tag: v1}\n",
            "image: {repository: sea.hub:5000/a/b, tag: v1}\n",
            "sea.hub:5000/a/b:v1"
        ),
        (
            "tag: &t v9\nimage: {repository: a/b, tag: *t}\nother: *t\n",
            "tag: &t v9\nimage: {repository: sea.hub:5000/a/b, tag: *t}\nother: *t\n", "docker.io/a/b:v9"
        ),
        (
            "r: &r quay.io\na: {image: {registry: *r, repository: a/b, tag: v1}}\n",
            "r: &r sea.hub:5000\na: {image: {registry: *r, repository: a/b, tag: v1}}\n", "quay.io/a/b:v1"
        ),
    ])
    func imagesInPartsAreOne(before: String, after: String, reference: String) throws {
        #expect(try ImageReferenceTests.scan(before).references.map(\.reference.description) == [reference])
        let found = try Self.rewrite(before)
        #expect(Array(found.utf8) == Array(after.utf8), "\(found)")
        #expect(try Self.rewrite(after) == after, "a second rewrite changes nothing")
    }

    @Test(arguments: [
        "git: {repository: https://example.com/a, tag: v1}\n", "source:\n  repository: a/b\n  tag: v1\n",
        "image: {tag: v1}\n", "image: {repository: [a], tag: v1}\n",
        "properties: {repository: {type: string}, tag: {type: string}}\n",
    ])
    func whatOnlyLooksLikePartsStays(text: String) throws {
        #expect(try ImageReferenceTests.scan(text).references.isEmpty)
        #expect(try Self.rewrite(text) == text)
    }

    @Test func aRepositoryElsewhereCountsWhereTheImageIsKnown() throws {
        let text =
            "node:\n  repository: calico/node\n  tag: v3.19.1\ngit:\n  repository: calico/node\n  tag: v9\n"
        #expect(
            try Self.rewrite(text, known: ["calico/node:v3.19.1"])
                == text.replacing(
                    "  repository: calico/node\n  tag: v3",
                    with: "  repository: sea.hub:5000/calico/node\n  tag: v3"))
    }

    @Test(arguments: ["", "  tag: \"\"\n", "  tag:\n"])
    func withoutATagTheNameIsLedButNotListed(tag: String) throws {
        let scan = try ImageReferenceTests.scan("image:\n  repository: quay.io/a/b\n" + tag)
        #expect(scan.references.isEmpty && scan.unreadable.isEmpty)
        #expect(scan.possible.map(\.reason) == ["it has no tag: who fills it in is not known here"])
        #expect(scan.possible.map(\.name) == ["quay.io/a/b"])
        #expect(
            String(decoding: try scan.rewritten(to: "r:5000"), as: UTF8.self)
                == "image:\n  repository: r:5000/a/b\n" + tag)
    }

    @Test func textInBlocksNamesKnownImages() throws {
        let known = ["calico/node:v3.19.1", "quay.io/tigera/operator:v1.17.4", "registry:2"]
        let text = """
            kind: ConfigMap
            data:
              pod.yaml: |
                # calico/node:v3.19.1, and xcalico/node:v3.19.1 (calico/node:v3.19.12)
                image: "calico/node:v3.19.1"
                args: [--i=quay.io/tigera/operator:v1.17.4]
              run.sh: >-
                ctr pull docker.io/calico/node:v3.19.1.
                docker://calico/node:v3.19.1 calico/node registry:2
              plain: calico/node:v3.19.1
            args: ["sh -c 'pull calico/node:v3.19.1\\nregistry:2'"]

            """
        let led = text.replacing("# calico", with: "# sea.hub:5000/calico")
            .replacing("docker://calico", with: "docker://sea.hub:5000/calico")
            .replacing("\"calico/node", with: "\"sea.hub:5000/calico/node")
            .replacing("=quay.io/tigera", with: "=sea.hub:5000/tigera")
            .replacing("docker.io/calico", with: "sea.hub:5000/calico")
            .replacing("calico/node registry:2", with: "calico/node sea.hub:5000/library/registry:2")
            .replacing("pull calico", with: "pull sea.hub:5000/calico")
            .replacing("\\nregistry:2", with: "\\nsea.hub:5000/library/registry:2")
            .replacing("plain: calico", with: "plain: sea.hub:5000/calico")
        #expect(try Self.rewrite(text) == text, "nothing is known")
        let found = try Self.rewrite(text, known: known)
        #expect(found == led, "\(found)")
    }

    @Test(arguments: [
        (
            "image: &i a/b:1\nlabel: *i\n", "x.yaml:1:11",
            "the alias *i in line 2, no image, would change with it"
        ),
        ("image: \"a/b\\\n  :1\"\n", "x.yaml:1:8", "it is written over several lines"),
        (
            "a: {image: {registry: &r docker.io, repository: nginx, tag: v1}}\nb: {image: {registry: *r, repository: q/a, tag: v1}}\nc: *r\n",
            "x.yaml:1:26", "the alias *r in line 3, no image, would change with it"
        ),
    ])
    func whatCannotBeChangedAloneIsRefused(text: String, place: String, reason: String) throws {
        let scan = try ImageReferenceTests.scan(text)
        let failure = #expect(throws: Failure.self) { try scan.rewritten(to: "sea.hub:5000") }
        #expect(
            failure?.kind == .configuration && failure?.artifact == place && failure?.reason == reason,
            "\(failure!)")
    }

    @Test func aSharedNameThatLeadsToTwoIsRefused() throws {
        let text =
            "x: &n nginx\na: {image: {registry: docker.io, repository: *n, tag: v1}}\nb: {image: {repository: *n, tag: v1}}\n"
        let failure = #expect(throws: Failure.self) { try Self.rewrite(text) }
        #expect(failure?.reason == "two images share it and resolve to different names")
    }

    @Test func twoDomainsOfOneNameAreRefused() throws {
        let scans = try ["image: a/b:1\n", "image: quay.io/a/b:1\n"].map { try ImageReferenceTests.scan($0) }
        #expect(throws: Failure.self) { try ImageScan.checkApart(scans, in: "sea.hub:5000") }
        #expect(throws: Never.self) { try ImageScan.checkApart([scans[0], scans[0]], in: "sea.hub:5000") }
        let led = try ImageReferenceTests.scan("image: sea.hub:5000/a/b:1\n")
        #expect(throws: Never.self) { try ImageScan.checkApart([led, scans[1]], in: "sea.hub:5000") }
    }

    @Test(arguments: [
        "image: a/b:1\n", "image: a/b:1",
        "\u{FEFF}# é\r\nimage: a/b:1 # ü\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nx: {image: c/d:1, initImage: e/f:2}\r\n",
        "a: 1\nb: 2\nc: 3\nd: 4\nimage: a/b:1\ne: 5\nf: 6\ng: 7\nh: 8\ni: 9\nj: 10\nmyImage: a/c:1\nk: 1\n",
        "image: a/b:1\nmyImage: a/c:1\nx: y\n",
    ])
    func theDiffIsWhatPatchApplies(text: String) throws {
        let scan = try ImageScan.yaml(Array(text.utf8), path: "x.yaml")
        let diff = scan.source.unifiedDiff(try scan.changes(to: "sea.hub:5000"))
        let scratch = try Scratch()
        try scratch.write("x.yaml", text)
        try scratch.write("diff", diff)
        let patch = Process()
        patch.executableURL = URL(filePath: "/usr/bin/patch")
        patch.arguments = ["--binary", "--fuzz=0", "-s", "-p0", "-i", "diff"]
        patch.currentDirectoryURL = URL(filePath: scratch.path)
        try patch.start()
        patch.waitUntilExit()
        #expect(patch.terminationStatus == 0, "\(diff)")
        #expect(try scratch.bytes("x.yaml") == scan.rewritten(to: "sea.hub:5000"))
    }
}
