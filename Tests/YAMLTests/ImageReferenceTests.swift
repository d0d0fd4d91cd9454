// SPDX-License-Identifier: Apache-2.0
import Foundation
import YAML
import OCI
import Testing

/// Image references: what is one, where it is, and what a rewrite leaves alone.
@Suite struct ImageReferenceTests {
    static func scan(_ text: String, known: [String] = []) throws -> ImageScan {
        let known = CarriedImages(try known.map { try Reference($0) })
        return try ImageScan.yaml(Array(text.utf8), path: "x.yaml", known: known)
    }

    static func rewrite(_ text: String, known: [String] = []) throws -> String {
        String(decoding: try scan(text, known: known).rewritten(to: "sea.hub:5000"), as: UTF8.self)
    }

    @Test func theOperatorsOneImageIsLedToTheClustersRegistry() throws {
        let bytes = try Fixture.bytes("tigera-operator.yaml")
        let scan = try ImageScan.yaml(bytes, path: "etc/tigera-operator.yaml")
        let image = try #require(scan.references.first)
        #expect(scan.references.count == 1 && scan.unreadable.isEmpty)
        #expect(image.text == "quay.io/tigera/operator:v1.17.4")
        #expect(image.position == SourcePosition(line: 27, column: 18))
        let after = String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
        #expect(
            after
                == String(decoding: bytes, as: UTF8.self).replacing(
                    "quay.io/tigera/operator:v1.17.4   # the only image line",
                    with: "sea.hub:5000/tigera/operator:v1.17.4   # the only image line"))
        #expect(try Self.rewrite(after) == after)
    }

    @Test(arguments: [
        ("containers: [{image: nginx}]", "containers: [{image: sea.hub:5000/library/nginx}]"),
        ("image: nginx", "image: nginx"),
        ("image: quay.io/a/b # c", "image: sea.hub:5000/a/b # c"),
        ("image: 'nginx:1' # c\r\n", "image: 'sea.hub:5000/library/nginx:1' # c\r\n"),
        ("{\"image\":\"q.io:443/a/b:1\"}", "{\"image\":\"sea.hub:5000/a/b:1\"}"),
        ("image: &i a/b:1\nx: {image: *i}\n", "image: &i sea.hub:5000/a/b:1\nx: {image: *i}\n"),
        ("x: &i a/b:1\nimage: *i\n", "x: &i sea.hub:5000/a/b:1\nimage: *i\n"),
        ("image: \"a\\u002Fb:1\"\n", "image: \"sea.hub:5000/a/b:1\"\n"),
        ("image: >-\n  a/b:1\n\nk: v\n", "image: >-\n  sea.hub:5000/a/b:1\n\nk: v\n"),
        ("initImage: a/b:1\nuseImage: always\n", "initImage: sea.hub:5000/a/b:1\nuseImage: always\n"),
        ("image: sea.hub:5000/x\n", "image: sea.hub:5000/x\n"),
        ("image: !!str a/b:1", "image: !!str sea.hub:5000/a/b:1"),
        ("image: ''\n---\nimage: ~\n", "image: ''\n---\nimage: ~\n"),
        ("\u{FEFF}# é\nimage: a/b:1 # ü\n", "\u{FEFF}# é\nimage: sea.hub:5000/a/b:1 # ü\n"),
        (
            "properties:\n  image:\n    type: string\n    description: image a/b:1\n    default: a/b:1\n",
            "properties:\n  image:\n    type: string\n    description: image a/b:1\n    default: sea.hub:5000/a/b:1\n"
        ),
        (
            "kind: List\nitems:\n- spec: {containers: [{image: a/b:1}, {image: c/d:2}]}\n",
            "kind: List\nitems:\n- spec: {containers: [{image: sea.hub:5000/a/b:1}, {image: sea.hub:5000/c/d:2}]}\n"
        ),
        ("text: |\n  image: a/b:1\n", "text: |\n  image: a/b:1\n"),
        (
            "image: a/b:1\n...\n--- \nimage: c/d:1\n",
            "image: sea.hub:5000/a/b:1\n...\n--- \nimage: sea.hub:5000/c/d:1\n"
        ),
    ])
    func rewritesReferencesAndNothingElse(before: String, after: String) throws {
        #expect(Array(try Self.rewrite(before).utf8) == Array(after.utf8))
    }

    @Test func digestsAndPortsAreUnderstood() throws {
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        #expect(
            try Self.rewrite("image: quay.io:8443/a/b:v1@\(digest)\n")
                == "image: sea.hub:5000/a/b:v1@\(digest)\n")
        #expect(
            try Self.rewrite("image: nginx@\(digest)\n") == "image: sea.hub:5000/library/nginx@\(digest)\n")
    }

    @Test func envAndArgumentsCountOnlyWhereTheyAreKnown() throws {
        let text = """
            env:
            - {name: A, value: calico/node:v3.19.1}
            - {name: B, value: calico/other:v1}
            - {name: C, value: registry}
            args: ["--image=quay.io/tigera/operator:v1.17.4", "calico/node:v3.19.1", --x=1]
            other: calico/node:v3.19.1

            """
        let known = ["calico/node:v3.19.1", "quay.io/tigera/operator:v1.17.4", "registry"]
        #expect(try Self.scan(text).references.isEmpty)
        #expect(
            try Self.rewrite(text, known: known)
                == text.replacing("A, value: calico", with: "A, value: sea.hub:5000/calico")
                .replacing("=quay.io/tigera", with: "=sea.hub:5000/tigera")
                .replacing("\"calico/node", with: "\"sea.hub:5000/calico/node")
                .replacing("other: calico/node", with: "other: sea.hub:5000/calico/node"))
    }

    @Test func whatIsNoReferenceIsReported() throws {
        let scan = try Self.scan("a: 1\nspec: {image: '{{ .Values.image }}'}\nimage: Upper/Case:1\n")
        #expect(scan.references.isEmpty)
        #expect(scan.unreadable.map(\.text) == ["{{ .Values.image }}", "Upper/Case:1"])
        #expect(scan.unreadable[0].position == SourcePosition(line: 2, column: 15))
    }

    @Test func imageListsFollowSealersRules() throws {
        let text = "# calico\n  calico/cni:v3.19.1  \r\n\n\"quay.io/tigera/operator:v1.17.4\"\nnginx\n"
        let scan = try ImageScan.imageList(Array(text.utf8), path: "imageList")
        #expect(
            scan.references.map(\.text) == ["calico/cni:v3.19.1", "quay.io/tigera/operator:v1.17.4", "nginx"])
        #expect(scan.references.map(\.position.description) == ["2:3", "4:2", "5:1"])
        #expect(
            String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
                == "# calico\n  sea.hub:5000/calico/cni:v3.19.1  \r\n\n\"sea.hub:5000/tigera/operator:v1.17.4\"\nsea.hub:5000/library/nginx:latest\n"
        )
    }

    @Test(arguments: [
        ("a/b:1\n- a/b:1\n", "imageList:2:1", "sealer takes the dash for a part of the name"),
        (
            "x\n  A/b # c", "imageList:2:3",
            "a name has lower-case letters, digits and single separators, 255 characters at most"
        ),
    ])
    func imageListsRefuseWhatSealerRefuses(text: String, place: String, reason: String) {
        let failure = #expect(throws: Failure.self) {
            try ImageScan.imageList(Array(text.utf8), path: "imageList")
        }
        #expect(failure?.artifact == place && failure?.reason == reason && failure?.kind == .data)
    }

    @Test(arguments: [
        ("calico/*", "calico/cni:v3", true), ("calico/*", "quay.io/calico/cni:v3", true),
        ("calico/*", "xcalico/cni:v3", false),
        ("quay.io/calico/*", "calico/cni:v3", false), ("*", "quay.io/a/b/c:1", true),
        ("nginx", "nginx:1", true),
        ("nginx:1*", "nginx:1.21", true), ("nginx:1*", "nginx:2", false), ("a*b*c", "abbbbc:1", true),
        ("a*b*c", "abbbb:1", false),
        ("library/nginx", "nginx", true), ("sea.hub:5000/a/*", "sea.hub:5000/a/b", true), ("", "a/b", false),
    ])
    func patternsMeanWhatTheySay(pattern: String, image: String, matches: Bool) throws {
        #expect(ImagePattern(pattern).matches(try Reference(image)) == matches)
    }

    @Test func imageListTextCarriesTheRegistry() throws {
        let images = try ["nginx", "quay.io/tigera/operator:v1.17.4"].map { try Reference($0) }
        let text = ImagePattern.imageList(images, in: "sea.hub:5000")
        #expect(text == "sea.hub:5000/library/nginx:latest\nsea.hub:5000/tigera/operator:v1.17.4\n")
        let scan = try ImageScan.imageList(Array(text.utf8), path: "imageList")
        #expect(try scan.rewritten(to: "sea.hub:5000") == Array(text.utf8))
    }
}

/// A list reads the same whatever editor wrote it.
@Suite struct ImageListEntriesTests {
    @Test func marksLineEndsAndCommentsAreNoPartOfAName() {
        let text = "\u{FEFF}a/b:1 # ours\r\n# none\r\n\r\n  'c/d:2'\t# other\rx#y\n\"e\"\n#\n\"\"\n"
        let entries = ImageListEntries(Array(text.utf8)).entries
        #expect(entries.map(\.text) == ["a/b:1", "c/d:2", "x#y", "e"])
        #expect(entries.map(\.line) == [1, 4, 5, 6])
        let bytes = Array(text.utf8)
        #expect(entries.map { String(decoding: bytes[$0.range], as: UTF8.self) } == entries.map(\.text))
    }

    @Test func digestsAreRead() throws {
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        let scan = try ImageScan.imageList(Array("a/b:1@\(digest) # pinned\n".utf8), path: "imageList")
        #expect(scan.references.map(\.reference) == [try Reference("a/b:1@\(digest)")])
    }
}
