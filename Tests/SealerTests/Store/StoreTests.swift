// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite struct StoreTests {
    static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    static func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test(.enabled(if: isRoot)) func aPulledBaseLooksAsSealerLeavesIt() throws {
        let scratch = try Scratch()
        let base = try GoldenBase()
        let store = try Store(at: scratch("store"))
        #expect(try store.images() == [])
        #expect(!FileManager.default.fileExists(atPath: scratch("store")), "opening creates nothing")
        try base.imported(by: store.writer(), created: 1_600_000_000)

        #expect(base.image.layerIDs.count == 4)
        for (id, layer) in zip(base.image.layerIDs, base.layers) {
            #expect(store.hasLayer(id))
            #expect(try Layer.measure(folder: store.layerFolder(id), tarSplit: nil).id == id)
            #expect(try Self.mode(store.layerFolder(id)) == 0o700)
            let entry = store.layerDatabase(id)
            #expect(try Self.text("\(entry)/id") == id.description)
            #expect(
                try Self.text("\(entry)/distribution_layer_digest")
                    == #"[{"source_repository":"127.0.0.1:5001/sealer-io/kubernetes","#
                    + #""layer_content_digest":"\#(layer.digest)"}]"#)
            #expect(try Self.mode("\(entry)/tar-data.json.gz") == 0o600)
            #expect(try Self.mode("\(entry)/id") == 0o644)
            #expect(!FileManager.default.fileExists(atPath: "\(entry)/cacheID"))
        }
        // The sum of the header sizes, as the real pull notes it: here the files of the layer.
        let etc = base.image.layerIDs[1]
        #expect(try Self.text("\(store.layerDatabase(etc))/size") == "\(403 + 912)")

        let yaml = try Self.text(store.imageFile(base.image.id))
        #expect(yaml == String(decoding: base.image.storeYAML, as: UTF8.self))
        #expect(try store.image(named: GoldenBase.reference, for: Platform("linux/amd64")) == base.image)
        #expect(try store.image(named: GoldenBase.reference, for: Platform("linux/arm64")) == nil)
        let entry = try #require(try store.images().first)
        #expect(entry.created == "2020-09-13T12:26:40Z")
        #expect(entry.id == base.image.id)
        let files = try Golden.run("find", scratch("store/data"), "!", "-type", "d", "-printf", "%s\n")
        #expect(entry.size == files.split(separator: "\n").compactMap { Int64($0) }.reduce(0, +))
    }

    @Test(.enabled(if: isRoot)) func aLayerThatIsThereIsNotReadAgain() throws {
        let scratch = try Scratch()
        let base = try GoldenBase()
        let writer = try Store(at: scratch("store")).writer()
        try base.imported(by: writer)
        let before = try snapshot(scratch("store/data"))
        let nothing = FolderContent(path: scratch("none"))
        #expect(
            try !writer.importLayer(
                base.layers[0], from: nothing, id: base.image.layerIDs[0], repository: nil))
        #expect(try snapshot(scratch("store/data")) == before)
    }

    @Test(.enabled(if: isRoot), arguments: ["flip", "cut", "id", "missing"])
    func aDamagedLayerLeavesTheStoreAsItWas(_ damage: String) throws {
        let scratch = try Scratch()
        let content = try GoldenBase.copy(to: scratch("blobs"))
        let base = try GoldenBase(content: content)
        let store = try Store(at: scratch("store"))
        var id = base.image.layerIDs[3]
        let layer = base.layers[3]
        do {
            let writer = try store.writer()
            try writer.importLayer(base.layers[0], from: content, id: base.image.layerIDs[0], repository: nil)
            let before = try snapshot(scratch("store"))
            let blob = URL(filePath: "\(content.path)/\(layer.digest.hex)")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: blob.path())
            var bytes = try Data(contentsOf: blob)
            switch damage {
            case "flip": bytes[bytes.count - 100] ^= 1
            case "cut": bytes.removeLast(1000)
            case "id": id = Digest(of: [1])
            default: break
            }
            try bytes.write(to: blob)
            if damage == "missing" { try FileManager.default.removeItem(at: blob) }
            let failure = #expect(throws: Failure.self) {
                try writer.importLayer(layer, from: content, id: id, repository: nil)
            }
            #expect(failure?.kind == (damage == "missing" ? .input : .data))
            #expect(try snapshot(scratch("store")) == before)
            #expect(throws: Failure.self) { try writer.register(base.image) }
            #expect(try snapshot(scratch("store")) == before)
            #expect(try Golden.run("ls", "-A", scratch("store/.sealift/staging")) == "")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch("store/.sealift/staging")))
    }

    @Test func onlyOneWriterAtATime() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store/"))
        var first: StoreWriter? = try store.writer()
        let failure = #expect(throws: Failure.self) { try Store(at: scratch("store")).writer() }
        #expect(failure?.kind == .busy)
        _ = try first?.stagingFolder()
        first = nil
        _ = try Store(at: scratch("store")).writer()
    }

    @Test(.enabled(if: isRoot)) func whatAKilledWriterLeftIsRemovedAndReplaced() throws {
        let scratch = try Scratch()
        let base = try GoldenBase()
        let store = try Store(at: scratch("store"))
        let id = base.image.layerIDs[1]
        // Killed between the two renames, or a sealer that was: files without an entry.
        try put("half", at: "etc/half", below: store.layerFolder(id))
        try put("left", at: "7/files/x", below: scratch("store/.sealift/staging"), mode: 0o400)
        #expect(!store.hasLayer(id))
        try base.imported(by: store.writer())
        #expect(try Layer.measure(folder: store.layerFolder(id), tarSplit: nil).id == id)
        #expect(!FileManager.default.fileExists(atPath: scratch("store/.sealift/staging")))
    }

    @Test(arguments: ["basic", "built"]) func theListOfTheRealSealerIsKeptToTheLastByte(_ name: String) throws
    {
        let scratch = try Scratch()
        try Golden.run("tar", "xzf", Golden.path("stores/\(name)-metadata.tgz"), "-C", scratch.path)
        let bytes = Array(try Data(contentsOf: URL(filePath: scratch("metadata/images_metadata.json"))))
        var list = try ImageList(parsing: bytes, artifact: name)
        #expect(list.bytes == bytes)
        for image in list.images { list.set(image) }
        #expect(list.bytes == bytes)
        let store = try Store(at: scratch.path)
        for entry in try store.images() {
            let reference = try Reference(entry.name)
            let image = try #require(try store.image(named: reference, for: entry.platform.value))
            #expect(image.storeYAML == Array(try Data(contentsOf: URL(filePath: store.imageFile(entry.id)))))
            #expect(image.computedID == entry.id)
        }
    }

    @Test func whatOthersWroteIntoTheListStays() throws {
        let text = """
            {"z":{"manifests":[{"id":"1","created":"x","size":1.50,"platform":{"os":"linux"},"more":{"b":[],"a":{}}}],\
            "note":"<&>"},"a":{}}
            """
        var list = try ImageList(parsing: Array(text.utf8), artifact: "list")
        var platform = SealerImage.PlatformText(try Platform("linux/arm64"))
        #expect(platform.variant == "v8")
        let id = String(repeating: "0", count: 64)
        list.set(.init(name: "m", id: id, created: "now", size: 7, platform: platform))
        platform.variant = ""
        list.set(.init(name: "m", id: id, created: "then", size: 8, platform: platform))
        let tab = "\t"
        #expect(
            String(decoding: list.bytes, as: UTF8.self) == """
                {
                \(tab)"a": {},
                \(tab)"m": {
                \(tab)\(tab)"manifests": [
                \(tab)\(tab)\(tab){
                \(tab)\(tab)\(tab)\(tab)"id": "\(id)",
                \(tab)\(tab)\(tab)\(tab)"created": "then",
                \(tab)\(tab)\(tab)\(tab)"size": 8,
                \(tab)\(tab)\(tab)\(tab)"platform": {
                \(tab)\(tab)\(tab)\(tab)\(tab)"architecture": "arm64",
                \(tab)\(tab)\(tab)\(tab)\(tab)"os": "linux"
                \(tab)\(tab)\(tab)\(tab)}
                \(tab)\(tab)\(tab)}
                \(tab)\(tab)]
                \(tab)},
                \(tab)"z": {
                \(tab)\(tab)"manifests": [
                \(tab)\(tab)\(tab){
                \(tab)\(tab)\(tab)\(tab)"id": "1",
                \(tab)\(tab)\(tab)\(tab)"created": "x",
                \(tab)\(tab)\(tab)\(tab)"size": 1.50,
                \(tab)\(tab)\(tab)\(tab)"platform": {
                \(tab)\(tab)\(tab)\(tab)\(tab)"os": "linux"
                \(tab)\(tab)\(tab)\(tab)},
                \(tab)\(tab)\(tab)\(tab)"more": {
                \(tab)\(tab)\(tab)\(tab)\(tab)"b": [],
                \(tab)\(tab)\(tab)\(tab)\(tab)"a": {}
                \(tab)\(tab)\(tab)\(tab)}
                \(tab)\(tab)\(tab)}
                \(tab)\(tab)],
                \(tab)\(tab)"note": "\\u003c\\u0026\\u003e"
                \(tab)}
                }
                """)
    }

    @Test(arguments: [
        (#"{"a:v1":{"name":"a:v1","id":"0000","created":"x","size":1}}"#, "0.7"), ("[]", "object"),
        (#"{"a":[]}"#, "object"), (#"{"a":{"manifests":[]}"#, "expected"),
    ])
    func otherListsAreRefusedAndKept(_ text: String, _ word: String) throws {
        let scratch = try Scratch()
        try put(text, at: "metadata/images_metadata.json", below: scratch.path)
        let store = try Store(at: scratch.path)
        let failure = #expect(throws: Failure.self) { try store.writer() }
        #expect(failure?.kind == .data)
        #expect(failure?.reason.contains(word) == true, "\(String(describing: failure))")
        #expect(try Self.text(scratch("metadata/images_metadata.json")) == text)
        #expect(!FileManager.default.fileExists(atPath: scratch("data")))
    }

    @Test func aFileIsNoStore() throws {
        let scratch = try Scratch()
        try put("x", at: "file", below: scratch.path)
        #expect(throws: Failure.self) { try Store(at: scratch("file")) }
    }
}
