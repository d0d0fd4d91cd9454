// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite(.enabled(if: isRoot)) struct LiteBuildTests {
    static let platform = try! Platform("linux/amd64")
    static let registry = "sea.hub:5000"

    /// The context of the guide's second build, and the images that it names.
    static func guide(in scratch: Scratch) throws -> (
        context: String, images: [RegistryImage], content: FolderContent
    ) {
        let content = FolderContent(path: scratch("blobs"))
        try FileManager.default.createDirectory(atPath: content.path, withIntermediateDirectories: true)
        let images = try ["calico/node:v3.19.1", "quay.io/tigera/operator:v1.17.4", "registry:2.7.1"]
            .map { try makeImage($0, in: content) }
        let context = scratch("context")
        try put(
            "# calico\nsea.hub:5000/calico/node:v3.19.1\n\n 'sea.hub:5000/tigera/operator:v1.17.4' \n",
            at: "imageList", below: context)
        try put("image: never/scanned:v1\n", at: "etc/tigera-operator.yaml", below: context)
        try put("spec: {}\n", at: "etc/custom-resources.yaml", below: context, mode: 0o600)
        try put("FROM kubernetes:v1.19.8\n", at: "Kubefile", below: context)
        return (context, images, content)
    }

    static let kubefile = """
        FROM 127.0.0.1:5001/sealer-io/kubernetes:v1.19.8
        ARG Version=1
        COPY imageList manifests
        COPY etc .
        CMD kubectl apply -f etc/tigera-operator.yaml && kubectl apply -f etc/custom-resources.yaml
        CMD echo done
        """

    static func build(
        _ kubefile: String, as name: String = "example.com/a/b:v1", context: String, content: FolderContent,
        images: [RegistryImage] = []
    ) throws -> LiteBuild {
        try self.build(
            kubefile, as: name, tree: FileNode.scanned(context), content: content, images: images)
    }

    static func build(
        _ kubefile: String, as name: String = "example.com/a/b:v1", tree: FileNode, content: FolderContent,
        images: [RegistryImage] = []
    ) throws -> LiteBuild {
        var build = LiteBuild(
            try Kubefile(parsing: kubefile), as: try Reference(name, defaults: .sealer), context: tree,
            platform: platform, content: content)
        build.images = images
        build.registry = registry
        return build
    }

    static func guideBuilt(into store: Store, _ scratch: Scratch) throws -> LiteBuild.Outcome {
        let guide = try guide(in: scratch)
        let writer = try store.writer()
        try GoldenBase().imported(by: writer)
        var build = try build(
            kubefile, as: "kubernetes-rawdocker:v1.19.8", context: guide.context, content: guide.content,
            images: guide.images)
        build.arguments = ["Version": "2", "Extra": "x"]
        return try build.run(in: writer).outcome
    }

    @Test func theGuidesBuildHasTheGuidesShape() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let outcome = try Self.guideBuilt(into: store, scratch)
        let image = outcome.image
        let base = try GoldenBase().image
        #expect(image.name == "registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes-rawdocker:v1.19.8")
        #expect(Array(image.layers.prefix(4)) == base.layers)
        #expect(
            image.layers.dropFirst(4).map { "\($0.type) \($0.value)" }
                == ["COPY imageList manifests", "COPY etc .", "BASE rootfs cache"])
        #expect(image.commands.parent == base.commands.current)
        #expect(image.commands.current.count == 2)
        #expect(image.arguments.current == ["Version": "2", "Extra": "x"])
        #expect(image.sealerVersion == "v0.8.6")
        #expect(
            outcome.saved.map(\.description) == [
                "docker.io/calico/node:v3.19.1", "quay.io/tigera/operator:v1.17.4",
            ])
        #expect(outcome.notes == [])
        #expect(try store.image(named: Reference(image.name), for: Self.platform) == image)
        #expect(image.id == image.computedID)

        let ids = image.layerIDs
        func list(_ id: Digest) throws -> [String] {
            try Golden.run("find", store.layerFolder(id), "-mindepth", "1", "-printf", "%P %m %T@\n")
                .split(separator: "\n").map(String.init).sorted()
        }
        let zero = "0.0000000000"
        let fixed = "1600000000.0000000000"
        #expect(try list(ids[4]) == ["manifests 755 \(zero)", "manifests/imageList 644 \(fixed)"])
        #expect(
            try list(ids[5]) == [
                "etc 755 \(fixed)", "etc/custom-resources.yaml 600 \(fixed)",
                "etc/tigera-operator.yaml 644 \(fixed)",
            ])
        for id in ids.suffix(3) {
            #expect(try StoreTests.mode(store.layerFolder(id)) == 0o700)
            let measure = try Layer.measure(folder: store.layerFolder(id), tarSplit: nil)
            #expect(measure.id == id)
            let entry = store.layerDatabase(id)
            #expect(try StoreTests.text("\(entry)/size") == "\(measure.tarSize)")
            #expect(try StoreTests.text("\(entry)/distribution_layer_digest") == "[]")
        }
    }

    @Test func twoStoresGetTheSameIDs() throws {
        let (one, two) = (try Scratch(), try Scratch())
        let first = try Self.guideBuilt(into: Store(at: one("store")), one)
        let second = try Self.guideBuilt(into: Store(at: two("store")), two)
        #expect(first.image == second.image)
        #expect(first.image.layerIDs.count == 7)
    }

    @Test func aRebuildSharesItsLayersAndTouchesNone() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let first = try Self.guideBuilt(into: store, scratch)
        let before = try snapshot(scratch("store/data"))
        #expect(try Self.guideBuilt(into: store, scratch).image == first.image)
        #expect(try snapshot(scratch("store/data")) == before)
        #expect(try store.images().count == 2)
    }

    @Test func theBasicTreeBuildsTheImageThatSealerBuilt() throws {
        let scratch = try Scratch()
        try Golden.run("python3", Golden.path("mktree.py"), scratch("tree"), "basic")
        try Golden.run("tar", "xzf", Golden.path("stores/basic-metadata.tgz"), "-C", scratch.path)
        let golden = try Store(at: scratch.path)
        let store = try Store(at: scratch("store"))
        let build = try Self.build(
            "FROM scratch\nCOPY . .\n", as: "127.0.0.1:5001/golden/basic:v1",
            tree: hostNamed(scratch("tree")),
            content: FolderContent(path: scratch("none")))
        var (outcome, stored) = try build.run(in: store.writer())
        let entry = try #require(try golden.images().first)
        #expect(stored.size == entry.size)
        #expect(stored.platform == entry.platform)
        // sealer's id names the version that built it: here a development build.
        outcome.image.sealerVersion = "latest"
        #expect(outcome.image.computedID == entry.id)
        let id = try #require(outcome.image.layerIDs.first)
        for name in ["id", "size", "cacheID"] {
            #expect(
                try StoreTests.text("\(store.layerDatabase(id))/\(name)")
                    == StoreTests.text("\(golden.layerDatabase(id))/\(name)"))
        }
        #expect(
            try Golden.run("gzip", "-dc", "\(store.layerDatabase(id))/tar-data.json.gz")
                == Golden.run("gzip", "-dc", "\(golden.layerDatabase(id))/tar-data.json.gz"))
    }

    @Test(arguments: [
        ("FROM scratch\nRUN echo why >&2; exit 3", Failure.Kind.configuration, "why"),
        ("FROM scratch\nCOPY etc .\nRUN echo \"open", .configuration, "quote"),
        ("FROM scratch\nCOPY x", .configuration, "no destination"),
        ("FROM scratch\nCOPY nothing .", .input, "no such file"),
        ("FROM scratch\nCOPY nothing* .", .input, "nothing in the context"),
        ("FROM scratch\nCOPY etc ../..", .configuration, "leads out"),
        ("FROM scratch\nCOPY https://example.com/x .", .configuration, "network"),
        ("FROM missing:v1", .input, "sealer-io/missing:v1"),
        ("COPY . .", .configuration, "FROM"),
        (
            "FROM scratch\nCOPY imageList etc/deep/imageList\nCOPY imageList manifests", .input,
            "calico/nod:v1"
        ),
    ])
    func whatCannotBeBuiltLeavesTheStoreAsItWas(_ kubefile: String, _ kind: Failure.Kind, _ word: String)
        throws
    {
        let scratch = try Scratch()
        let guide = try Self.guide(in: scratch)
        try put(
            "calico/nod:v1\n- x\nname@sha256:\(String(repeating: "0", count: 64))\nquay.io/calico/node:v3.19.1\n",
            at: "imageList", below: guide.context)
        let writer = try Store(at: scratch("store")).writer()
        let before = try snapshot(scratch("store"))
        let build = try Self.build(
            kubefile, context: guide.context, content: guide.content, images: guide.images)
        let failure = #expect(throws: Failure.self) { try build.run(in: writer) }
        #expect(failure?.kind == kind)
        #expect(failure?.reason.contains(word) == true, "\(String(describing: failure))")
        #expect(try snapshot(scratch("store")) == before)
        #expect(try writer.store.images() == [])
        guard word == "calico/nod:v1" else { return }
        for line in 1...4 { #expect(failure?.reason.contains("manifests/imageList:\(line): ") == true) }
        #expect(failure?.reason.contains("there is calico/node:v3.19.1") == true)
    }

    @Test func aDamagedBlobLeavesTheStoreAsItWas() throws {
        let scratch = try Scratch()
        let guide = try Self.guide(in: scratch)
        let writer = try Store(at: scratch("store")).writer()
        try GoldenBase().imported(by: writer)
        let before = try snapshot(scratch("store"))
        let layer = try #require(guide.images[1].blobs.last)
        let blob = URL(filePath: "\(guide.content.path)/\(layer.digest.hex)")
        var bytes = try Data(contentsOf: blob)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: blob)
        let build = try Self.build(
            Self.kubefile, context: guide.context, content: guide.content, images: guide.images)
        let failure = #expect(throws: Failure.self) { try build.run(in: writer) }
        #expect(failure?.kind == .data)
        #expect(try snapshot(scratch("store")) == before)
        #expect(try Golden.run("ls", "-A", scratch("store/.sealift/staging")) == "")
    }

    @Test func imagesOfOtherLayersOfABaseAreCarried() throws {
        let scratch = try Scratch()
        let guide = try Self.guide(in: scratch)
        let base = try GoldenBase().image
        let writer = try Store(at: scratch("store")).writer()
        try GoldenBase().imported(by: writer)
        let held = writer.store.registryLayers(of: base)
        #expect(held == [base.layers[0], base.layers[3]])
        var build = try Self.build("FROM scratch\nCOPY etc .", context: guide.context, content: guide.content)
        build.carried = [held[1], held[0]]
        let image = try build.run(in: writer).outcome.image
        #expect(image.layers[0] == base.layers[3], "a layer of nothing but registry/ is shared")
        let taken = try #require(image.layers[1].id)
        #expect(taken != base.layerIDs[0])
        #expect(image.layers[1].value == "rootfs cache")
        #expect(try Folder.open(writer.store.layerFolder(taken)).names() == [Array("registry".utf8)])
        let original = "\(writer.store.layerFolder(base.layerIDs[0]))/registry"
        try Golden.run("diff", "-r", original, "\(writer.store.layerFolder(taken))/registry")
        #expect(image.layers[2].value == "etc .")
        build.carried = [.init(id: Digest(of: [7]), type: "BASE", value: "rootfs cache")]
        let failure = #expect(throws: Failure.self) { try build.run(in: writer) }
        #expect(failure?.kind == .input)
    }

    static let privateList = """
        - registry: quay.io
          username: me
          password: hunter2-not-in-any-layer
          images: [tigera/operator:v1.17.4]
        - username: me
          password: hunter2-not-in-any-layer
          images:
            - calico/node:v3.19.1
        """

    @Test func imagesOfAPrivateListAreSavedAndItsPasswordsNeverCopied() throws {
        let scratch = try Scratch()
        let guide = try Self.guide(in: scratch)
        try put(Self.privateList, at: "imageListWithAuth.yaml", below: guide.context)
        try put("x", at: "etc/imageListWithAuth.yaml", below: guide.context)
        let store = try Store(at: scratch("store"))
        for name in ["a/b:v1", "a/b:v2"] {
            let build = try Self.build(
                "FROM scratch\nCOPY etc .\nCOPY . .", as: name, context: guide.context,
                content: guide.content,
                images: guide.images)
            let outcome = try build.run(in: store.writer()).outcome
            #expect(
                outcome.saved.map(\.description) == [
                    "docker.io/calico/node:v3.19.1", "quay.io/tigera/operator:v1.17.4",
                ])
            #expect(outcome.notes.contains { $0.hasPrefix("imageListWithAuth.yaml") })
            #expect(!outcome.notes.joined().contains("hunter2"))
        }
        let held = try Golden.run("sh", "-c", "grep -rl hunter2 '\(store.path)' || true")
        #expect(held == "", "\(held)")
        #expect(try Golden.run("find", store.path, "-name", "imageListWithAuth.yaml") == "")
    }

    @Test(arguments: [
        "- registry: [hunter2\n", "hunter2", "- images: [[hunter2]]\n", "- hunter2\n",
        "- images: [no/such:hunter2]\n",
    ])
    func aPrivateListThatCannotBeUsedTellsNoPassword(_ text: String) throws {
        let scratch = try Scratch()
        try put(
            text + (text.contains("such") ? "  password: hunter3\n" : ""), at: "imageListWithAuth.yaml",
            below: scratch("context"))
        let build = try Self.build(
            "FROM scratch\nCOPY . .", context: scratch("context"),
            content: FolderContent(path: scratch("none")))
        let failure = #expect(throws: Failure.self) {
            try build.run(in: Store(at: scratch("store")).writer())
        }
        let isImage = text.contains("such")
        #expect(failure?.kind == (isImage ? .input : .configuration))
        #expect(
            failure?.description.contains(isImage ? "hunter3" : "hunter2") == false,
            "\(String(describing: failure))")
    }

    @Test func everythingThatIsMissingIsToldBeforeAnythingRuns() throws {
        let scratch = try Scratch()
        let guide = try Self.guide(in: scratch)
        try put("no/one:v1\n", at: "imageList", below: guide.context)
        try put("image: no/two:v2\n", at: "manifests/deep/a.yaml", below: guide.context)
        try put("- images: [no/three:v3]\n", at: "imageListWithAuth.yaml", below: guide.context)
        let build = try Self.build(
            "FROM scratch\nRUN touch /\(UUID())/x\nCOPY imageList manifests\nCOPY manifests .",
            context: guide.context,
            content: guide.content, images: guide.images)
        let failure = #expect(throws: Failure.self) {
            try build.run(in: Store(at: scratch("store")).writer())
        }
        #expect(failure?.kind == .input, "\(String(describing: failure))")
        for word in ["manifests/imageList:1: no/one:v1", "manifests/deep/a.yaml:1: no/two:v2", "no/three:v3"]
        {
            #expect(failure?.reason.contains(word) == true, "\(String(describing: failure))")
        }
    }

    @Test func aLayerThatTheImageHasIsLeftOutOrMovedToTheTop() throws {
        let scratch = try Scratch()
        try put("one", at: "a/etc/x", below: scratch("context"))
        try put("two", at: "b/etc/x", below: scratch("context"))
        try put("y", at: "c/y", below: scratch("context"))
        for (text, values) in [
            ("COPY a .\nCOPY c .\nCOPY a .", ["a .", "c ."]),
            ("COPY a d\nCOPY b d\nCOPY a d", ["a d", "b d"]),
            ("COPY a/etc .\nCOPY b/etc .\nCOPY a/etc .", ["b/etc .", "a/etc ."]),
        ] {
            let build = try Self.build(
                "FROM scratch\n\(text)", context: scratch("context"),
                content: FolderContent(path: scratch("none")))
            let outcome = try build.run(in: Store(at: scratch("store")).writer()).outcome
            #expect(outcome.image.layers.map(\.value) == values)
            #expect(Set(outcome.image.layerIDs).count == outcome.image.layerIDs.count)
            #expect(outcome.notes.count == 1)
        }
    }
}
