// SPDX-License-Identifier: Apache-2.0
import Spec
import Foundation
import OCI
import Testing

/// The guide's own mistake, and its kin.
@Suite struct SpecImageCheckTests {
    static let operatorYAML = """
        apiVersion: apps/v1
        kind: Deployment
        spec:
          template:
            spec:
              containers:
                - name: tigera-operator
                  image: quay.io/tigera/operator:v1.17.4   # the only image line

        """

    static func parse(
        images: [String] = ["calico/cni:v3.19.1", "quay.io/tigera/operator:v1.17.4"],
        patterns: String = "calico/*, tigera/*"
    ) throws -> ParsedSpec {
        let lines = images.map { "  - \($0)\n" }.joined()
        let text = """
            version: 1
            name: x
            platforms: linux/amd64
            images:
            \(lines)builds:
              - tag: x:1
                context:
                  - imageList: [\(patterns)]
                kubefile: FROM scratch

            """
        return try SpecReader.read(Array(text.utf8), path: "x.yaml")
    }

    static func findings(
        _ parsed: ParsedSpec, _ yaml: String = operatorYAML, path: String = "etc/tigera-operator.yaml",
        present: Set<Reference> = []
    ) throws -> [SpecFinding] {
        let file = ShippedFile(path: path, bytes: Array(yaml.utf8))
        return try ImageListLint.findings(ofBuild: 0, in: parsed, shipped: [file], present: present)
    }

    @Test func theGuidesTypoIsNamedWithBothPlaces() throws {
        let parsed = try Self.parse(
            images: ["calico/cni:v3.19.1", "tigrea/operator:v1.17.4"], patterns: "calico/*, tigrea/*")
        let found = try Self.findings(parsed)
        #expect(found.map(\.severity) == [.error, .note])
        #expect(
            found[0].description == """
                x.yaml:6:5: 'tigrea/operator:v1.17.4' is not what etc/tigera-operator.yaml:8:18 needs: \
                did you mean 'quay.io/tigera/operator:v1.17.4'?
                  → write 'quay.io/tigera/operator:v1.17.4' there
                """)
        #expect(
            found[1].place == "x.yaml:5:5"
                && found[1].message.hasPrefix("calico/cni:v3.19.1 is carried for x:1"))
    }

    @Test func whatAgreesIsNoFinding() throws {
        let parsed = try Self.parse()
        #expect(try Self.findings(parsed).map(\.severity) == [.note])
        let rewritten = Self.operatorYAML.replacing("quay.io/", with: "sea.hub:5000/")
        #expect(try Self.findings(parsed, rewritten).map(\.severity) == [.note])
    }

    @Test func aMissingImageIsNamedAtTheYAML() throws {
        let found = try Self.findings(Self.parse(), "image: k8s.gcr.io/pause:3.2\n", path: "etc/p.yaml")
        #expect(
            found[0].description.hasPrefix(
                "etc/p.yaml:1:8: it needs k8s.gcr.io/pause:3.2, which the spec does not carry"))
        let base: Set<Reference> = [try Reference("sea.hub:5000/pause:3.2")]
        #expect(
            try Self.findings(Self.parse(), "image: k8s.gcr.io/pause:3.2\n", present: base).allSatisfy {
                $0.severity == .note
            })
    }

    @Test func anotherTagIsSeen() throws {
        let parsed = try Self.parse(images: ["calico/cni:v3.19.1", "quay.io/tigera/operator:v1.17.3"])
        #expect(try Self.findings(parsed)[0].place == "x.yaml:6:5")
    }

    @Test func anotherDomainIsAWarning() throws {
        let parsed = try Self.parse(images: ["calico/cni:v3.19.1", "docker.io/tigera/operator:v1.17.4"])
        let found = try Self.findings(parsed)
        #expect(found[0].severity == .warning && found[0].place == "x.yaml:6:5")
    }

    @Test func whatThePatternsLeaveOutIsAnError() throws {
        let parsed = try Self.parse(patterns: "calico/*")
        let found = try Self.findings(parsed)
        #expect(found[0].severity == .error && found[0].place == "x.yaml:10:9")
        #expect(
            try Self.findings(parsed, path: "manifests/operator.yaml").allSatisfy { $0.severity == .note })
    }

    @Test func whatIsNoReferenceIsANote() throws {
        let found = try Self.findings(Self.parse(), "image: '{{ .Values.image }}'\n")
        #expect(found.allSatisfy { $0.severity == .note })
        #expect(found.contains { $0.message.hasPrefix("'{{ .Values.image }}' is no image reference") })
    }

    /// What a step names is looked at closely: an image in an argument, and a value that should be an image.
    @Test func doubtsAreToldWhereTheyAreAskedFor() throws {
        let text = "image: '{{ .Values.image }}'\nargs: [--image=q.io/a/b:1, --image=calico/cni:v3.19.1]\n"
        let file = ShippedFile(path: "etc/a.yaml", bytes: Array(text.utf8))
        let found = try ImageListLint.findings(
            ofBuild: 0, in: Self.parse(), shipped: [file], doubts: .warning
        ).filter { $0.severity == .warning }
        #expect(found.map(\.place) == ["etc/a.yaml:1:8", "etc/a.yaml:2:16"], "\(found)")
    }

    @Test func brokenYAMLIsAnErrorWithItsPlace() throws {
        let parsed = try Self.parse()
        let failure = #expect(throws: Failure.self) {
            try Self.findings(parsed, "a: [1\nb: 2\n", path: "etc/b.yaml")
        }
        #expect(failure?.kind == .data && failure?.artifact.hasPrefix("etc/b.yaml:2:") == true)
    }
}
