// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Spec
import TestSupport
import Testing

/// Specs of several files: what counts, where its paths begin, and the places of mistakes.
@Suite struct SpecIncludeTests {
    /// Reads `spec.yaml` of a folder with these files.
    static func read(_ files: [String: String]) throws -> (outcome: SpecReader.Outcome, folder: String) {
        let scratch = try Scratch()
        for (name, text) in files { try scratch.write(name, text) }
        return (SpecReader.examine(try scratch.bytes("spec.yaml"), path: scratch("spec.yaml")), scratch.path)
    }

    static func spec(_ files: [String: String]) throws -> ParsedSpec {
        switch try read(files).outcome {
        case .spec(let parsed): return parsed
        case .problems(let problems, _):
            Issue.record("\(problems.map(\.description))")
            throw CancellationError()
        }
    }

    static let head = "version: 1\nname: x\nplatforms: [linux/amd64, linux/arm64]\n"

    @Test func whatIncludesCountsMore() throws {
        let parsed = try Self.spec([
            "spec.yaml": """
            version: 1
            name: mine
            include: [parts/base.yaml, more.yaml]
            platforms: linux/arm64
            files: { tool: { path: ./own.tgz } }
            images: [own:1, { image: 'shared:1', attached: signatures }]
            registries: { docker.io: own.example }
            builds:
              - { tag: 'top:1', context: [{ put: a, file: tool }, { put: b, file: note }], kubefile: "FROM low:1" }
            """,
            "parts/base.yaml": """
            \u{FEFF}version: 1\r
            name: theirs\r
            release: v1\r
            platforms: [linux/amd64]\r
            include: ../more.yaml\r
            files: { tool: { url: 'https://a.example/t' }, list: { path: list.txt }, up: { path: ../up } }\r
            images:\r
              - { image: 'shared:1', from: 'oci-archive:a.tar:n' }\r
              - { image: 'packed:1', from: 'docker-archive:p.tar' }\r
              - below:{release}\r
            imagesFrom: list\r
            registries: { docker.io: their.example, quay.io: q.example }\r
            notImages: [a]\r
            builds:\r
              - { tag: 'low:1', context: [], kubefile: { path: Kubefile } }\r

            """,
            "parts/Kubefile": "FROM scratch\n",
            "more.yaml": "version: 1\nfiles: { note: { text: hello } }\nimages: [more:1]\nnotImages: [b]\n",
        ])
        let spec = parsed.spec
        #expect((spec.name, spec.release) == ("mine", "v1"))
        #expect(spec.platforms.map(\.description) == ["linux/arm64"])
        #expect(spec.images.map(\.familiar) == ["more:1", "shared:1", "packed:1", "below:v1", "own:1"])
        #expect(spec.files["tool"]?.path == "./own.tgz")
        #expect(spec.files["list"]?.path == "parts/list.txt")
        #expect(spec.files["up"]?.path == "parts/../up")
        #expect(spec.archives?.map(\.from.description) == ["docker-archive:parts/p.tar"])
        #expect(spec.attached?.map(\.image?.familiar) == ["shared:1"])
        #expect(spec.registries == ["docker.io": ["own.example"], "quay.io": ["q.example"]])
        #expect(spec.notImages == ["b", "a"])
        #expect(spec.imagesFrom == [.init(file: "list")])
        #expect(spec.builds.map { SpecIncludeTests.name($0.tag) } == ["low:1", "top:1"])
        #expect(parsed.place(of: .image(2)).hasSuffix("/parts/base.yaml:9:5"))
        #expect(parsed.place(of: .image(1)).hasSuffix("/spec.yaml:6:17"))
        #expect(parsed.place(ofLine: 1, inKubefile: 0).hasSuffix("/parts/Kubefile:1:1"))
        #expect(parsed.place(of: .step(1, ofBuild: 1)).hasSuffix("/spec.yaml:9:55"))
    }

    static func name(_ tag: Reference) -> String {
        tag.repository.split(separator: "/").last! + ":" + (tag.tag ?? "")
    }

    @Test func filesThatSayTheSameAgree() throws {
        let part =
            "version: 1\nrelease: v1\nfiles: { a: { text: x } }\nimages: [a:1]\nregistries: { a.example: b.example }\n"
        let spec = try Self.spec([
            "spec.yaml": Self.head + "include: [a.yaml, b.yaml, ./a.yaml]\n", "a.yaml": part, "b.yaml": part,
        ]).spec
        #expect((spec.images.count, spec.files.count, spec.release) == (1, 1, "v1"))
    }

    @Test(arguments: [
        (
            ["spec.yaml": "include: spec.yaml\n"],
            "spec.yaml:4:10: 'spec.yaml' would include itself: spec.yaml → spec.yaml"
        ),
        (
            [
                "spec.yaml": "include: a.yaml\n", "a.yaml": "version: 1\ninclude: [./b.yaml]\n",
                "b.yaml": "version: 1\ninclude: a.yaml\n",
            ],
            "./b.yaml:2:10: 'a.yaml' would include itself: a.yaml → b.yaml → a.yaml"
        ),
        (
            ["spec.yaml": "include: none.yaml\n"],
            "spec.yaml:4:10: the included spec none.yaml cannot be read: No such file or directory"
        ),
        (["spec.yaml": "include: { a: b }\n"], "spec.yaml:4:10: expected include as a list; found a mapping"),
        (["spec.yaml": "include: []\n"], "spec.yaml:4:10: expected at least one of include"),
        (
            ["spec.yaml": "include: [yes]\n"],
            "spec.yaml:4:11: expected the path of a spec as text; found a truth value ('yes'); text that looks like a truth value goes in quotes"
        ),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": ""],
            "spec.yaml:4:10: the included spec a.yaml has 0 documents; a spec is one"
        ),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": "- a\n"],
            "a.yaml:1:1: expected the spec as a mapping with "
        ),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": "images: [a:1]\n"],
            "a.yaml:1:1: the spec has no 'version'"
        ),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": "version: 2\n"],
            "a.yaml:1:10: expected version 1, the only one there is"
        ),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": "version: 1\nimges: []\n"],
            "a.yaml:2:1: unknown key 'imges' in the spec; did you mean 'images'?"
        ),
        (["spec.yaml": "include: a.yaml\n", "a.yaml": "version: 1\nimages: [\n"], "a.yaml:3:1: "),
        (
            ["spec.yaml": "include: a.yaml\n", "a.yaml": "version: 1\nimages: [A]\n"],
            "a.yaml:2:10: 'A' is no"
        ),
        (
            [
                "spec.yaml": "include: [a.yaml, b.yaml]\n", "a.yaml": "version: 1\nrelease: a\n",
                "b.yaml": "version: 1\nrelease: b\n",
            ],
            "b.yaml:2:10: 'release' is in "
        ),
        (
            [
                "spec.yaml": "include: [a.yaml, b.yaml]\n",
                "a.yaml": "version: 1\nfiles: { f: { text: a } }\n",
                "b.yaml": "version: 1\nfiles: { f: { text: b } }\n",
            ],
            "b.yaml:2:10: 'f' of files is in "
        ),
        (
            [
                "spec.yaml": "include: [a.yaml, b.yaml]\n", "a.yaml": "version: 1\nimages: [a:1]\n",
                "b.yaml": "version: 1\nimages: [{ image: 'a:1', attached: sboms }]\n",
            ], "b.yaml:2:10: the image a:1 is in "
        ),
        (
            [
                "spec.yaml":
                    "include: a.yaml\nfiles: { f: {} }\nbuilds: [{ tag: 'a:1', context: [{ put: x, file: g }], kubefile: FROM scratch }]\n",
                "a.yaml": "version: 1\n",
            ],
            "spec.yaml:6:50: there is no file 'g' in 'files'; did you mean 'f'?"
        ),
    ])
    func mistakesNameTheirFile(files: [String: String], message: String) throws {
        var files = files
        files["spec.yaml"] = Self.head + (files["spec.yaml"] ?? "")
        let (outcome, folder) = try Self.read(files)
        guard case .problems(let problems, _) = outcome else {
            Issue.record("the spec is taken")
            return
        }
        let shown = problems.map { $0.description.replacing(folder + "/", with: "") }
        #expect(shown.contains { $0.hasPrefix(message) }, "\(shown)")
    }

    @Test func theDepthIsBounded() throws {
        for (depth, isTaken) in [(8, true), (9, false)] {
            var files = [
                "spec.yaml": Self.head + "include: 1.yaml\nimages: [a:1]\n", "\(depth).yaml": "version: 1\n",
            ]
            for level in 1..<depth { files["\(level).yaml"] = "version: 1\ninclude: \(level + 1).yaml\n" }
            guard case .problems(let problems, _) = try Self.read(files).outcome else {
                #expect(isTaken)
                continue
            }
            #expect(
                !isTaken && problems.count == 1
                    && "\(problems[0])".contains("8.yaml:2:10: a spec may include files 8 deep"))
        }
    }
}
