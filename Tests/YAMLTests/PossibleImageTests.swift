// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing
import YAML

/// What only may be an image: found in every style and place, and changed only where it is carried.
@Suite struct PossibleImageTests {
    static let digest = "sha256:" + String(repeating: "0a", count: 32)

    /// A text with one image, `a/b:1` or another, that nothing but its look gives away.
    @Test(arguments: [
        "env: [{name: X, value: q.io/a/b:1}]\n",
        "env:\n- name: MAP\n  value: |\n    4.2=q.io/a/b:1\n",
        "args: [\"--reloader=q.io/a/b:1\"]\n",
        "args: [-shell-image, q.io/a/b:1]\n",
        "extraArgs: ['--x=q.io/a/b:1']\n",
        "metadata: {annotations: {x/y: \"q.io/a/b:1, and more\"}}\n",
        "anything: q.io/a/b:1\n", "anything: ' q.io/a/b:1 '\n", "- - q.io/a/b:1\n",
        "data:\n  pod.yaml: |\n    spec:\n      containers:\n      - image: q.io/a/b:1 # why\n",
        "data: {x.json: '{\"image\": \"q.io/a/b:1\"}'}\n",
        "data:\n  x.json: \"{\\\"image\\\": \\\"q.io/a/b:1\\\", \\\"n\\\": \\\"\\\\u00e9\\\"}\"\n",
        "data:\n  pod.yaml: \"spec:\\n  image: q.io/a/b:1\\n\"\n",
        "spec:\n  valuesContent: |-\n    x:\n      image:\n        repository: q.io/a/b\n        tag: 1\n",
        "spec:\n  valuesContent: |\n    x: |\n      y:\n        image: {registry: q.io, repository: a/b, tag: 1}\n",
        "data:\n  t: |\n    {{ if .x }}\n    image: q.io/a/b:1\n    {{ end }}\n",
        "data:\n  t: >-\n    one q.io/a/b:1\n    two\n",
        "x: \"pull \\\n  q.io/a/b:1 \\\n  now\"\ndata: {y: \"q.io/a/b:1 z\"}\n",
    ])
    func isFoundAndRewrittenOnlyWhereItIsCarried(text: String) throws {
        let alone = try ImageReferenceTests.scan(text)
        #expect(alone.references.isEmpty)
        #expect(Set(alone.possible.map(\.name)) == ["q.io/a/b:1"], "\(alone.possible)")
        #expect(try alone.rewritten(to: "sea.hub:5000") == Array(text.utf8))
        let carried = try ImageReferenceTests.scan(text, known: ["q.io/a/b:1"])
        #expect(carried.possible.isEmpty && !carried.references.isEmpty)
        let after = String(decoding: try carried.rewritten(to: "sea.hub:5000"), as: UTF8.self)
        #expect(after == text.replacing("q.io", with: "sea.hub:5000"))
        #expect(try ImageReferenceTests.rewrite(after, known: ["q.io/a/b:1"]) == after)
    }

    @Test(arguments: [
        "url: https://q.io/a/b:1\n", "x: a.b/c:d/e\n", "args: [--listen=10.0.0.1:80, localhost:8080, a:b]\n",
        "apiVersion: apps/v1\n", "x: 12:30\n", "x: system:node\n", "description: see q.io/a/b:1\n",
        "args: [\"--taint=x.io/y:NoSchedule\"]\n", "x: a/b\n", "env: [{name: ADDRESS, value: 'db:5432'}]\n",
        "x: {imagePullPolicy: Always, imagePullSecrets: [{name: a}]}\n", "useImage: always\n",
    ])
    func othersAreNotImages(text: String) throws {
        let scan = try ImageReferenceTests.scan(text)
        #expect(scan.references.isEmpty && scan.possible.isEmpty, "\(scan.references) \(scan.possible)")
    }

    @Test(arguments: [
        ("env: [{name: HELPER_IMAGE, value: 'busybox:1'}]\n", "docker.io/library/busybox:1"),
        ("env: [{name: HELPER_IMAGE, value: q.io/a/b}]\n", "q.io/a/b"),
        ("args: [--helper-image=busybox:1]\n", "docker.io/library/busybox:1"),
        ("data: {x: 'image: busybox:1'}\n", "docker.io/library/busybox:1"),
    ])
    func whereTheNameSaysImageLessIsEnough(text: String, name: String) throws {
        #expect(try ImageReferenceTests.scan(text).possible.map(\.name) == [name])
    }

    @Test func aDigestMeansTheCarriedContentOnly() throws {
        var known = CarriedImages()
        known.add(try Reference("q.io/a/b:1"), content: [try Digest(Self.digest)])
        let other = "sha256:" + String(repeating: "0b", count: 32)
        #expect(known.contains(try Reference("q.io/a/b:1@\(Self.digest)")))
        #expect(known.contains(try Reference("q.io/a/b@\(Self.digest)")))
        #expect(!known.contains(try Reference("q.io/a/b:1@\(other)")))
        #expect(!known.contains(try Reference("q.io/a/b:2")))
    }
}

/// Documents of any size.
@Suite struct LargeDocumentTests {
    @Test(arguments: [("", ""), ("  anchor: &a {x: y}\n", "  other: *a\n")])
    func aListOfManyPodsIsReadAndRewritten(first: String, second: String) throws {
        var text = "kind: List\nitems:\n"
        for pod in 0..<20_000 {
            let extra = pod == 1 ? first : pod == 19_999 ? second : ""
            text +=
                "- metadata: {name: p\(pod)}\n  spec: {containers: [{image: q.io/a/b:\(pod % 3), x: [1, 2, 3]}]}\n\(extra)"
        }
        text += "image: c/d:1\n"
        let scan = try ImageScan.yaml(Array(text.utf8), path: "pods.yaml")
        #expect(scan.references.count == 20_001)
        #expect(scan.references.last?.position == scan.source.position(of: text.utf8.count - 6))
        let after = String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
        #expect(
            after == text.replacing("q.io", with: "sea.hub:5000").replacing("c/d", with: "sea.hub:5000/c/d"))
    }
}
