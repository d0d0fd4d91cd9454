// SPDX-License-Identifier: Apache-2.0
import Spec
import Foundation
import OCI
import TestSupport
import Testing

/// Every mistake that a spec can have: its exact line and column, and what is said.
@Suite struct SpecErrorTests {
    /// A whole spec; each case exchanges one piece of it.
    static let good = """
        version: 1
        name: x
        release: v1
        platforms: [linux/amd64, linux/arm64]
        base:
          image: kubernetes:v1.19.8
          layers:
            rootfs: { holds: cri/docker.tar.gz }
            network:
              holds: etc/a.yaml
              id: { linux/amd64: sha256:\(String(repeating: "a", count: 64)) }
        files:
          docker:
            url: https://a.example/{machine}/d.tgz
        images:
          - registry:2.7.1
          - calico/cni:v3.19.1
        registries:
          docker.io: mirror.example
        registry: sea.hub:5000
        builds:
          - tag: a:v1
            context:
              - layer: rootfs
                paths: [etc]
              - put: cri/docker.tar.gz
                repack: docker
              - put: images/registry.tar
                save: registry:2.7.1
              - edit: etc/daemon.json
                remove: [mirror-registries]
                set: { a.b: c }
              - rewrite: etc/a.yaml
              - imageList: [calico/*]
            kubefile: |
              # first
              FROM scratch
              COPY . .
          - tag: b:v1
            context: []
            kubefile: |
              FROM a:v1

        """

    static func problems(_ text: String) -> [SpecDiagnostic] {
        if case .problems(let problems, _) = SpecReader.examine(Array(text.utf8), path: "s.yaml") {
            problems
        } else {
            []
        }
    }

    @Test func theWholeSpecHasNone() { #expect(Self.problems(Self.good).isEmpty) }

    @Test(arguments: sections + charts + values + builds)
    func saysWhereAndWhat(piece: String, instead: String, place: String, message: String) throws {
        #expect(Self.good.ranges(of: piece).count >= 1, "the case has gone stale")
        let range = try #require(Self.good.firstRange(of: piece))
        let text = Self.good.replacingCharacters(in: range, with: instead)
        let found = Self.problems(text)
        #expect(found.contains { "\($0)" == "s.yaml:\(place): \(message)" }, "\(found)")
    }

    @Test func oneMistakeIsReportedOnce() {
        let once = Self.problems(Self.good.replacing("imageList: [calico/*]", with: "imageList: [caliko/*]"))
        #expect(once.count == 1)
        let file = Self.problems(Self.good.replacing("url: https://a.example", with: "url: a.example"))
        #expect(file.count == 1)
    }

    /// A mistake in a part, and what refers to the part: the mistake is the only one, and the rest is understood.
    @Test(arguments: [
        ("images:", "imges:"), ("base:", "bsae:"), ("files:", "flies:"), ("rootfs: {", "rootfs: [] #"),
        ("image: kubernetes:v1.19.8", "image: Kubernetes"), ("- calico/cni:v3.19.1", "- calico/CNI:v3.19.1"),
        ("- registry:2.7.1", "- registry:2.7.1:3"), ("tag: a:v1", "tag: A:v1"), ("url: https", "url: htps"),
        ("layer: rootfs", "layer: rotfs"), ("repack: docker", "repack: dokcer"),
        ("repack: docker", "repak: docker"),
        ("save: registry:2.7.1", "save: registry:2.7.2"), ("imageList: [calico/*]", "imageList: [caliko/*]"),
        ("FROM scratch", "FROM scrtch"), ("docker.io: mirror.example", "docker.io: mir ror"),
        ("name: x", "nmae: x"),
        ("platforms: [", "platform: ["),
    ])
    func whatFollowsFromAMistakeIsNotOneMore(piece: String, instead: String) throws {
        let text = Self.good.replacingCharacters(
            in: try #require(Self.good.firstRange(of: piece)), with: instead)
        guard case .problems(let problems, let rest) = SpecReader.examine(Array(text.utf8), path: "s.yaml")
        else {
            return #expect(Bool(false), "no mistake in \(instead)")
        }
        #expect(problems.count == 1, "\(problems)")
        #expect(rest?.spec.builds.count == 2 && rest?.gaps.problems == problems)
    }

    @Test func allAreReportedInOrder() throws {
        let text = Self.good.replacing("version: 1", with: "version: 3").replacing(
            "layer: rootfs", with: "layer: x"
        )
        .replacing("registry: sea", with: "regstry: sea")
        #expect(Self.problems(text).map(\.position.line) == [1, 20, 24])
        let failure = #expect(throws: Failure.self) { try SpecReader.read(Array(text.utf8), path: "s.yaml") }
        #expect(failure?.kind == .configuration)
        #expect(
            failure?.description.hasPrefix(
                "cannot read the spec s.yaml: 3 mistakes:\n  s.yaml:1:10: expected") == true)
    }

    @Test(arguments: [
        ("a: [1\nb: 2\n", "2:2"), ("\tname: x\n", "1:1"), ("", "1:1"), ("- a\n", "1:1"),
        ("name: x\n---\nname: y\n", "3:1"),
        ("name: \"x\n", "2:1"), ("name: é\u{1}\n", "1:8"), ("a: *b\n", "1:4"), ("a: &b [*b]\n", "1:8"),
    ])
    func whatIsNoYAMLIsSaidSo(text: String, place: String) {
        #expect(
            Self.problems(text).contains { $0.description.hasPrefix("s.yaml:\(place): ") },
            "\(Self.problems(text).map(\.description))")
    }

    @Test func aliasesAreFollowedAndBounded() throws {
        let aliased = Self.good.replacing("paths: [etc]", with: "paths: &p [etc]")
            .replacing("name: x", with: "name: &n x").replacing("release: v1", with: "release: *n")
        #expect(Self.problems(aliased).isEmpty)
        let items = String(repeating: "*s,", count: 400)
        let bomb = """
            version: 1
            name: x
            platforms: linux/amd64
            builds:
              - &b { tag: "a:1", kubefile: FROM scratch, context: &c [&s { layer: x }, \(items)] }
            \(String(repeating: "  - *b\n", count: 140))
            """
        #expect(
            Self.problems(bomb).contains {
                $0.message == "the spec's aliases multiply to over 50,000 values"
            })
    }

    @Test func anImageListNeedsTags() {
        let digest = "sha256:" + String(repeating: "0", count: 64)
        let text = Self.good.replacing("calico/cni:v3.19.1", with: "calico/cni@\(digest)")
        #expect(
            Self.problems(text).map(\.message) == [
                "calico/cni@\(digest) has no tag, and an imageList names images by their tags; add one before the '@'"
            ])
    }

    @Test func imagesThatWouldCollideAreNamed() {
        let text = Self.good.replacing(
            "- calico/cni:v3.19.1", with: "- calico/cni:v3.19.1\n  - quay.io/calico/cni:v3.19.1")
        #expect(
            Self.problems(text).map(\.message) == [
                "docker.io/calico/cni:v3.19.1 and quay.io/calico/cni:v3.19.1 are both calico/cni:v3.19.1 in the cluster's registry, which drops the domain; carry one of them"
            ])
    }

    @Test func seededMutationsNeverCrash() {
        var random = SeededNumbers(19_804)
        let bytes = Array(Self.good.utf8)
        var refused = 0
        for _ in 0..<600 {
            var mutant = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<mutant.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: mutant[at] = UInt8.random(in: 0...255, using: &random)
                case 1: mutant.remove(at: at)
                case 2:
                    mutant.insert(
                        contentsOf: Array("&*!|>{[]}:#'\"\n ".utf8).shuffled(using: &random).prefix(2), at: at
                    )
                default: mutant.removeSubrange(at..<min(mutant.count, at + 40))
                }
            }
            if case .problems(let problems, _) = SpecReader.examine(mutant, path: "m.yaml") {
                refused += 1
                #expect(
                    !problems.isEmpty && problems.allSatisfy { !$0.message.isEmpty && $0.position.line > 0 })
            }
        }
        #expect(refused > 300)
    }
}
