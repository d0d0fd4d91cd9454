// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Spec
import Testing
import YAML

/// The reader and the JSON Schema, held against each other: in a spec that says all there is to say, each value is replaced by
/// each of a list of others. A schema knows no references between values; all else they must judge alike.
@Suite struct SpecDifferenceTests {
    static let whole = """
        version: 1
        name: all
        release: v1
        platforms: [linux/amd64, linux/arm64]
        base:
          image: "kubernetes:v1.19.8"
          layers:
            rootfs: { holds: cri/docker.tar.gz }
            network: { holds: etc/a.yaml, id: { linux/amd64: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } }
        files:
          docker: { url: "https://a.example/{machine}/d.tgz" }
          two: { url: ["https://a.example/x", "https://b.example/x"], sha256sums: "https://a.example/SUMS" }
          here: { path: ./x.yaml }
          inline: { text: hello }
        images:
          - registry:2.7.1
          - calico/cni:v3.19.1
          - "q.io:5000/a/b:{release}"
          - { image: one:1, platforms: linux/amd64, attached: sboms }
          - { image: two:1, from: "docker-archive:./a.tar" }
        imagesFrom: [here, { file: two, members: [deploy/*.yaml] }]
        charts:
          - { chart: "oci://quay.io/jetstack/charts/cert-manager", version: v1.16.2 }
          - { chart: podinfo, repo: "https://charts.example/stable", version: 6.7.0, kubeVersion: v1.30.0, apiVersions: [a/v1], valuesFiles: v.yaml, values: {} }
          - { chart: ./local, apiVersions: b/v1 }
        attached: [signatures]
        registries:
          docker.io: mirror.example
          quay.io: ["https://m.example:5000/quay"]
        registry: sea.hub:5000
        notImages: [parameter.*]
        builds:
          - tag: a:v1
            context:
              - { layer: rootfs, paths: [etc] }
              - { put: cri/docker.tar.gz, repack: docker, mode: "0755" }
              - { put: images/registry.tar, save: registry:2.7.1 }
              - { put: bin/x, file: docker }
              - { put: charts/c.tgz, chart: podinfo }
              - { unpack: bin, file: two, members: "{os}/x", strip: 1 }
              - { unpack: ch, chart: cert-manager }
              - { edit: etc/daemon.json, remove: [mirror-registries], set: { a.b: c }, append: { l: x } }
              - { remove: [old/*] }
              - { rewrite: etc/a.yaml }
              - { imageList: [calico/*] }
            kubefile: "FROM scratch\\nCOPY . .\\n"

        """

    /// What stands in place of a value, as YAML.
    static let others = [
        "^1.2", "'>=1.2'", "Foo/Bar:1", "'{relase}'", "'x:{release}'", "'{arch}'", "'{release'",
        "'${release}'",
        "a/../b", "/abs", "./rel", "''", "~", "yes", "1", "[]", "[x]", "{}", "{a: b}", "'a b'",
        "'https://u:p@h/x'", "'http://h'", "'https://h/x#y'", "'https://h/{os}'", "linux/x86_64",
        "linux/arm64",
        "linux/foo", "linux", "'sha256:zz'", "../x", "'x:y:z'", "'x@sha256:aa'", "'oci://x'",
        "'oci://h.io/a/b'",
        "a/", "-a", ".a", "'a\\tb'", "localhost/x:1", "'[::1]:5000/x:1'", "a__b:1", "a..b:1", "UPPER.io/x:1",
        "x:TAG", "'*'", "'+1'", "a.example:99", "sboms", "./local/chart", "q.io/a/b:1",
    ]

    /// What no schema can say: values that refer to others, or count across keys.
    static let beyond = [
        "twice", "already", "there is no ", "means none", "neither the base", "Kubefile", "is used, and",
        "carries no", "not determined", "belongs to one platform", "no archive of", "so one digest",
        "has no tag", "are both", "not listed in", "is of no base", "makes no name", "multiply", "as key in",
    ]

    private static func scalars(_ node: YAMLNode) -> [Range<Int>] {
        let here = node.range
        if let entries = node.entries {
            return entries.flatMap { scalars($0.key) + scalars($0.value) }
        }
        guard let items = node.items else { return [here] }
        return (here.isEmpty ? [] : [here]) + items.flatMap(scalars)
    }

    static func variants() throws -> [String] {
        let bytes = Array(whole.utf8)
        let root = try #require(try YAMLDocuments.all(SourceText(bytes, path: "s.yaml")).first?.root)
        let places = scalars(root).filter { bytes[$0].first != UInt8(ascii: "-") }
        // A fifth of the values at each place, others at the next: all takes a minute and shows no more.
        return places.enumerated().flatMap { number, range in
            others.enumerated().filter { ($0.offset + number) % 5 == 0 }.map { _, other in
                String(
                    decoding: bytes[..<range.lowerBound] + Array(other.utf8) + bytes[range.upperBound...],
                    as: UTF8.self)
            }
        }
    }

    @Test func bothJudgeAlike() throws {
        _ = try SpecReader.read(Array(Self.whole.utf8), path: "s.yaml")
        let specs = try Self.variants()
        #expect(specs.count > 1500)
        let lines = Self.whole.split(separator: "\n", omittingEmptySubsequences: false)
        var unlike: [String] = []
        for (spec, taken) in zip(specs, try SpecSchemaTests.verdicts(specs)) {
            var problems: [SpecDiagnostic] = []
            if case .problems(let found, _) = SpecReader.examine(Array(spec.utf8), path: "s.yaml") {
                problems = found
            }
            let line = zip(
                spec.split(separator: "\n", omittingEmptySubsequences: false), lines
            ).enumerated().first { $1.0 != $1.1 }
            // What another line says of it, such as a name that the release is filled into, is beyond a schema.
            let isOfForm = problems.contains { problem in
                problem.position.line == (line?.offset ?? -1) + 1
                    && !Self.beyond.contains { problem.message.contains($0) }
            }
            if taken == problems.isEmpty || taken && !isOfForm { continue }
            unlike.append(
                "schema \(taken ? "takes" : "refuses") \(line?.element.0 ?? "") \(problems.first?.message ?? "")"
            )
        }
        #expect(unlike.isEmpty, "\(unlike.count):\n\(unlike.prefix(300).joined(separator: "\n"))")
    }
}
