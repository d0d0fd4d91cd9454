// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// A store believes no id that is stated, and a change that fails leaves every byte as it was.
struct StoreTrustTests {
    private static let reference = try! Reference("example.org/app:1")

    private func image(
        _ name: String = "example.org/app:1", platform: String = "linux/amd64", command: String = "a"
    )
        throws -> SealerImage
    {
        var image = SealerImage()
        image.name = name
        image.sealerVersion = SealerImage.writtenVersion
        image.platform = .init(try Platform(platform))
        image.commands = .init(parent: [], current: [command])
        return image.identified()
    }

    @Test func anImageCannotTakeTheIDOfAnother() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let victim = try image()
        try store.writer().register(victim)
        var hostile = try image("example.org/hostile:1", command: "b")
        let own = hostile.id
        hostile.id = victim.id
        let before = try snapshot(scratch("store"))
        let failure = #expect(throws: Failure.self) { try store.writer().register(hostile) }
        #expect(failure?.kind == .data)
        #expect(failure?.reason.contains(victim.id) == true && failure?.reason.contains(own) == true)
        #expect(try snapshot(scratch("store")) == before)
    }

    @Test func aFileOfTheDatabaseIsNeverOverwritten() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let image = try image()
        try put("another content\n", at: "\(image.id).yaml", below: scratch("store/metadata/imagedb"))
        let before = try snapshot(scratch("store/metadata/imagedb"))
        let failure = #expect(throws: Failure.self) { try store.writer().register(image) }
        #expect(failure?.kind == .data)
        #expect(try snapshot(scratch("store/metadata/imagedb")) == before)
    }

    @Test(arguments: ["command", "id", "name", "platform", "list"])
    func checkProvesImagesAgainstTheirIDs(_ change: String) throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let (image, other) = (try image(), try image("example.org/other:1"))
        let writer = try store.writer()
        try writer.register(image)
        try writer.register(other)
        #expect(try store.survey().faults.isEmpty)
        let path = change == "list" ? store.listFile : store.imageFile(image.id)
        var text = try String(contentsOfFile: path, encoding: .utf8)
        switch change {
        case "command": text.replace("- a\n", with: "- b\n")
        case "id": text.replace("  id: \(image.id)", with: "  id: \(other.id)")
        case "name": text.replace("name: example.org/app:1", with: "name: example.org/app:2")
        case "platform": text.replace("architecture: amd64", with: "architecture: arm64")
        default: text.replace(image.id, with: other.id)
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let finding = try #require(try store.survey().faults.first)
        #expect(finding.artifact.contains("example.org/app:1"))
        #expect(finding.kind == .damaged)
    }

    /// `sealer tag` hashes the file with the id of the image that it was.
    @Test func whatSealerTagsIsWhole() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let image = try image()
        let writer = try store.writer()
        try writer.register(image)
        var tagged = image
        tagged.name = "example.org/tagged:1"
        tagged.id = Digest(of: tagged.storeYAML).hex
        try AtomicWrite.write(tagged.storeYAML, to: store.imageFile(tagged.id))
        var list = try store.list()
        list.set(.init(name: tagged.name, id: tagged.id, created: "now", size: 0, platform: tagged.platform))
        try AtomicWrite.write(list.bytes, to: store.listFile)
        #expect(try store.survey().faults.isEmpty)
        #expect(try tagged.listed(as: Reference(tagged.name)).id != tagged.id)
    }

    /// An undone change gives back a list that sealer would write in another way, and takes away what was made.
    @Test(arguments: [nil, "{ }\n", #"{"x":{"manifests":[],"note":1}}"#] as [String?])
    func aFailedTransactionLeavesEveryByte(_ list: String?) throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        if let list { try put(list, at: "metadata/images_metadata.json", below: store.path) }
        let before = try Golden.run("find", scratch.path, "-printf", "%P %y %s\n")
        let failure = #expect(throws: Failure.self) {
            let writer = try store.writer()
            try writer.transaction { () throws(Failure) in
                let layer = try writer.stageLayer { (folder) throws(Failure) in
                    try AtomicWrite.write([1], to: "\(folder)/file")
                }
                var image = SealerImage()
                image.name = "example.org/app:1"
                image.layers = [.init(id: layer!.id, type: "COPY", value: ". .")]
                try writer.register(image, with: [layer!])
                throw Failure(.space, "go on", "", because: "the medium is full")
            }
        }
        #expect(failure?.reason == "the medium is full")
        let left = try Golden.run("find", scratch.path, "-printf", "%P %y %s\n")
        func lines(_ text: String) -> [Substring] {
            text.split(separator: "\n").filter { !$0.contains(".sealift") }.sorted()
        }
        #expect(lines(left) == lines(before))
        if let list { #expect(try String(contentsOfFile: store.listFile, encoding: .utf8) == list) }
    }

    /// What sealer lists meanwhile stays, and two platforms of one name are two images.
    @Test func undoingLeavesWhatOthersListed() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let writer = try store.writer()
        let (amd, arm) = (try image(), try image(platform: "linux/arm64"))
        try writer.register(amd)
        try writer.register(arm)
        writer.commit()
        let before = try store.images()
        try writer.register(image(command: "b"))
        try writer.register(image(platform: "linux/arm64", command: "c"))
        var list = try store.list()
        list.set(.init(name: "sealers:1", id: amd.id, created: "now", size: 0, platform: amd.platform))
        try AtomicWrite.write(list.bytes, to: store.listFile)
        try writer.rollBack()
        #expect(try store.images().filter { $0.name != "sealers:1" } == before)
        #expect(try store.images().contains { $0.name == "sealers:1" })
    }

    @Test func relistingOnePlatformLeavesTheOther() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let writer = try store.writer()
        try writer.register(image())
        let arm = try writer.register(image(platform: "linux/arm64")).entry
        let new = try writer.register(image(platform: "linux/arm64", command: "b")).entry
        try writer.relist([(new, arm)])
        #expect(try store.images().map(\.id) == [try image().id, arm.id])
        try writer.relist([(arm, nil)])
        #expect(try store.images().map(\.id) == [try image().id])
    }

    @Test func aFolderOfSomethingElseIsNoStore() throws {
        for names in [["sources.list"], ["overlay", "overlay-images"], ["data", "x"]] {
            let scratch = try Scratch()
            for name in names { try put("x", at: "\(name)/y", below: scratch.path) }
            let before = try Golden.run("find", scratch.path)
            let failure = #expect(throws: Failure.self) { try Store(at: scratch.path).writer() }
            #expect(failure?.kind == .usage)
            #expect(try Golden.run("find", scratch.path) == before)
        }
    }

    @Test func theStoreIsClosedToOthers() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        // As an earlier sealift left it.
        try put("", at: ".sealift/lock", below: store.path)
        let writer = try store.writer()
        let layer = try #require(
            try writer.stageLayer { (folder) throws(Failure) in
                try AtomicWrite.write([1], to: "\(folder)/file")
            }
        )
        var image = try image()
        image.id = ""
        image.layers = [.init(id: layer.id, type: "COPY", value: ". .")]
        try writer.register(image, with: [layer])
        func mode(_ path: String) throws -> mode_t {
            var status = stat()
            try #require(lstat(path, &status) == 0)
            return status.st_mode & 0o777
        }
        for path in [".sealift", ".sealift/staging", "data/overlay2"] {
            #expect(try mode(scratch("store/\(path)")) == 0o700, "\(path)")
        }
        #expect(try mode(store.layerFolder(layer.id)) == 0o700)
        #expect(try mode(scratch("store/.sealift/lock")) == 0o600)
    }

    @Test func aRelativePathIsThatOfNow() throws {
        let store = try Store(at: "some/store/")
        #expect(store.path == "\(FileManager.default.currentDirectoryPath)/some/store")
        #expect(throws: Failure.self) { try Store(at: "") }
    }
}
