// SPDX-License-Identifier: Apache-2.0
import Spec
import Foundation
import OCI
import Testing

/// The spec that the package ships, read as `collect` reads it.
@Suite struct SpecReaderTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let shipped = root.appending(path: "bundles/kubernetes-rawdocker-v1.19.8.yaml").path()

    static let id = "sha256:" + String(repeating: "0a", count: 32)
    /// Every key in its short form, and some in their long one.
    static let forms = """
        version: 1
        name: forms
        release: 1.20
        platforms: linux/amd64
        base:
          image: kubernetes:v1.19.8
          layers:
            a: cri/docker.tar.gz
            b: \(id)
            c: { holds: etc/x, id: { linux/amd64: \(id.dropFirst(7)) } }
        files:
          one: { url: ["https://a.b/x-{release}", "http://c.d:8080/x"], sha256: \(id) }
          two: { url: "https://a.b/{machine}", sha256: { linux/amd64: \(id) }, sha256sums: "https://a.b/S" }
          three: { text: "a\\nb" }
          four: { path: "../files/{arch}.tgz", sha256: { linux/amd64: \(id) } }
        images:
          - { image: app:1, from: docker-archive:a.tar }
          - image: b:1
            from: { linux/amd64: "oci:b:x:1" }
          - { image: c:1, attached: signatures }
        charts:
          - { chart: "oci://Quay.example:5000/Org/web", version: 1.2.3+b1, digest: \(id) }
          - chart: db
            repo: https://charts.example/stable/
            version: "2"
            values:
              a: 1
              b: { c: [x] }
        attached: [sboms, signatures]
        registries:
          docker.io: https://mirror.example/prefix
          quay.io: [mirror.example:5000, "http://10.0.0.1"]
        builds:
          - tag: x:1
            context:
              - { put: a/b, file: one }
              - edit: a.yaml
                remove: spec.x
                set: { spec.n: 3, spec.t: "3", spec.b: true, spec.e: }
              - { put: a/c, file: three, mode: 0755 }
              - { put: a/d, repack: four, mode: "600" }
              - { unpack: opt/x, file: four, members: "bin/*", strip: 1 }
              - edit: b.yaml
                set: { a: [x, 1, "2", yes], b: { c: { d: } } }
                append: { l: x, m.n: [1] }
            kubefile: "from scratch\\n"
          - { tag: "y:1", context: [], kubefile: FROM x:1 }
        """

    @Test func readsTheWholeGuide() throws {
        let parsed = try SpecReader.read(path: Self.shipped)
        let spec = parsed.spec
        #expect(spec.name == "kubernetes-rawdocker" && spec.release == "v1.19.8" && spec.version == 1)
        #expect(try spec.platforms == [Platform("linux/amd64"), Platform("linux/arm64")])
        #expect(
            spec.base?.image.description
                == "registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes:v1.19.8")
        #expect(spec.base?.layers["rootfs"] == Spec.LayerSelector(holds: "etc/daemon.json"))
        #expect(spec.base?.layers["cri"] == Spec.LayerSelector(holds: "cri/docker*.tar.gz"))
        #expect(spec.base?.layers["operator"] == Spec.LayerSelector(holds: "etc/tigera-operator.yaml"))
        #expect(spec.images.map(\.familiar).last == "quay.io/tigera/operator:v1.17.4")
        #expect(spec.images.count == 7 && spec.registry == "sea.hub:5000" && spec.registries.isEmpty)
        #expect(
            spec.builds[0].context == [
                .layer(role: "rootfs", paths: nil), .layer(role: "cri", paths: nil),
                .remove(paths: ["cri/docker*.tar.gz", "images/*registry*"]),
                .putRepacked(path: "cri/docker.tar.gz", file: "docker"),
                .putSaved(path: "images/registry.tar", image: try Reference("registry:2.7.1")),
                .edit(path: "etc/daemon.json", remove: ["mirror-registries"], set: []),
            ])
        #expect(spec.builds[0].kubefile == "FROM scratch\nCOPY . .\n")
        #expect(
            spec.builds[1].context == [
                .layer(role: "operator", paths: ["etc/tigera-operator.yaml"]),
                .layer(role: "resources", paths: ["etc/custom-resources.yaml"]),
                .edit(
                    path: "etc/custom-resources.yaml", remove: [],
                    set: [.init(key: "Installation:spec.registry", value: "sea.hub:5000")]),
                .rewrite(path: "etc/tigera-operator.yaml"),
                .imageList(patterns: ["calico/*", "tigera/*"]),
            ])
        #expect(spec.builds[1].tag.path == "sealer-io/kubernetes-rawdocker:v1.19.8")
        #expect(parsed.place(of: .image(6)).hasSuffix("v1.19.8.yaml:38:5"))
        #expect(parsed.line(of: .step(3, ofBuild: 1)) == 66)
    }

    /// The spec for sealer's auto-built bases: `{release}` is filled in when it is read.
    @Test func readsTheSpecForSplitBases() throws {
        let path = Self.root.appending(path: "bundles/kubernetes-rawdocker-basefs.yaml").path()
        let spec = try SpecReader.read(path: path).spec
        #expect(spec.base?.image.familiar.hasSuffix("kubernetes:v1.22.15") == true)
        #expect(spec.builds[0].tag.tag == "v1.22.15")
    }

    @Test func placeholdersOfPathsAreFilledInForEachPlatform() throws {
        let text = """
            version: 1
            name: x
            release: v2
            platforms: [linux/amd64, linux/arm64]
            base: { image: "kubernetes:{release}", layers: { cri: "cri/docker-{arch}.tar.gz" } }
            files: { one: { url: "https://a.example/x" } }
            images: ["a/b:{release}"]
            notImages: parameter.*
            builds:
              - tag: "x:{release}"
                context:
                  - { layer: cri, paths: "bin/{machine}/*" }
                  - { put: "bin/{os}-{release}", file: one }
                  - remove: "cri/docker-{arch}.tar.gz"
                  - { edit: "etc/{arch}.json", remove: a }
                  - rewrite: "etc/{arch}"
                kubefile: |
                  FROM kubernetes:{release}
                  COPY {arch}/* ${ARCH} .
                  RUN echo {arch} ${release}
            """
        let spec = try SpecReader.read(Array(text.utf8), path: "s.yaml").spec
        #expect(spec.images[0].tag == "v2" && spec.builds[0].from == "kubernetes:v2")
        #expect(spec.isNoImage("parameter.image") && !spec.isNoImage("nginx"))
        let arm = try spec.filled(for: Platform("linux/arm64/v8"))
        #expect(arm.base?.layers["cri"]?.holds == "cri/docker-arm64.tar.gz")
        #expect(
            arm.builds[0].context == [
                .layer(role: "cri", paths: ["bin/aarch64/*"]), .putFile(path: "bin/linux-v2", file: "one"),
                .remove(paths: ["cri/docker-arm64.tar.gz"]),
                .edit(path: "etc/arm64.json", remove: ["a"], set: []),
                .rewrite(path: "etc/arm64"),
            ])
        #expect(
            arm.builds[0].kubefile == "FROM kubernetes:v2\nCOPY arm64/* ${ARCH} .\nRUN echo {arch} ${release}"
        )
    }

    @Test func urlsAreFilledInForEachPlatform() throws {
        let file = try #require(SpecReader.read(path: Self.shipped).spec.files["docker"])
        let base = "https://download.docker.com/linux/static/stable"
        #expect(file.dependsOnPlatform)
        #expect(
            try file.urls(for: Platform("linux/amd64"), release: nil) == [
                "\(base)/x86_64/docker-19.03.15.tgz"
            ])
        #expect(
            try file.urls(for: Platform("linux/arm64"), release: nil) == [
                "\(base)/aarch64/docker-19.03.15.tgz"
            ])
        let other = Spec.FileSource(
            urls: ["https://a.b/{release}/{os}-{arch}{"], sums: "https://a.b/{release}")
        #expect(
            try other.urls(for: Platform("linux/arm64"), release: "1.2") == ["https://a.b/1.2/linux-arm64{"])
        #expect(try other.sums(for: Platform("linux/arm64"), release: "1.2") == "https://a.b/1.2")
    }

    @Test func shortAndLongFormsMeanTheSame() throws {
        let id = Self.id
        let spec = try SpecReader.read(
            Array(Self.forms.utf8), path: "s.yaml"
        ).spec
        let digest = try Digest(id)
        #expect(spec.release == "1.20")
        #expect(spec.base?.layers["a"] == .init(holds: "cri/docker.tar.gz"))
        #expect(spec.base?.layers["b"] == .init(holds: nil, id: ["linux/amd64": digest]))
        #expect(spec.base?.layers["c"] == .init(holds: "etc/x", id: ["linux/amd64": digest]))
        #expect(spec.files["one"]?.digest(for: spec.platforms[0]) == digest)
        #expect(spec.files["one"]?.dependsOnPlatform == false)
        #expect(spec.files["two"]?.digest(for: spec.platforms[0]) == digest)
        #expect(spec.images.map(\.familiar) == ["app:1", "b:1", "c:1"])
        let charts = spec.charts ?? []
        #expect(charts.map(\.name) == ["web", "db"] && charts.map(\.version) == ["1.2.3+b1", "2"])
        #expect(
            charts.map { "\($0.reference)" }
                == ["Quay.example:5000/org/web:1.2.3_b1", "charts.example/stable/db:2"])
        #expect(charts[0].digest == digest && charts[1].repo == "https://charts.example/stable/")
        #expect(charts[1].rendering?.values?.split(separator: "\n") == ["      a: 1", "      b: { c: [x] }"])
        #expect(try spec.attachedKinds(of: Reference("c:1")) == [.signatures])
        #expect(try spec.attachedKinds(of: Reference("b:1")) == [.signatures, .sboms])
        #expect(
            try spec.archives == [
                .init(image: spec.images[0], platform: nil, from: ArchiveLocation("docker-archive:a.tar")),
                .init(
                    image: spec.images[1], platform: spec.platforms[0], from: ArchiveLocation("oci:b:x:1")),
            ])
        #expect(spec.archives?.last?.from.name == "x:1")
        #expect(spec.registries["docker.io"] == ["https://mirror.example/prefix"])
        #expect(spec.registries["quay.io"] == ["mirror.example:5000", "http://10.0.0.1"])
        #expect(
            spec.builds[0].context[1]
                == .edit(
                    path: "a.yaml", remove: ["spec.x"],
                    set: [
                        .init(key: "spec.n", value: "3", literal: true), .init(key: "spec.t", value: "3"),
                        .init(key: "spec.b", value: "true", literal: true),
                        .init(key: "spec.e", value: "null", literal: true),
                    ]))
        #expect(
            Array(spec.builds[0].context[2...]) == [
                .putFile(path: "a/c", file: "three", mode: 0o755),
                .putRepacked(path: "a/d", file: "four", mode: 0o600),
                .unpack(path: "opt/x", file: "four", members: ["bin/*"], strip: 1),
                .edit(
                    path: "b.yaml", remove: [],
                    set: [
                        .init(key: "a", value: "[\"x\", 1, \"2\", true]", literal: true, isJSON: true),
                        .init(key: "b", value: "{\"c\": {\"d\": null}}", literal: true, isJSON: true),
                    ],
                    append: [
                        .init(key: "l", value: "x"),
                        .init(key: "m.n", value: "[1]", literal: true, isJSON: true),
                    ]),
            ])
        #expect(spec.files["three"]?.text == "a\nb" && spec.files["three"]?.dependsOnPlatform == false)
        #expect(spec.files["four"]?.origin(for: spec.platforms[0], release: nil) == "file:../files/amd64.tgz")
    }

    @Test func aSpecGoesThroughTheBundleDocumentUnchanged() throws {
        for spec in [
            try SpecReader.read(path: Self.shipped).spec,
            try SpecReader.read(Array(Self.forms.utf8), path: "s.yaml").spec,
        ] {
            #expect(try JSONDecoder().decode(Spec.self, from: JSONEncoder().encode(spec)) == spec)
        }
    }
}
