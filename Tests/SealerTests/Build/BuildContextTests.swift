// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite(.enabled(if: isRoot)) struct BuildContextTests {
    /// The guide's first context: the rootfs layer, a file exchanged, one edited, one new; then built.
    static func guide(_ scratch: Scratch) throws -> (store: Store, image: SealerImage) {
        let store = try Store(at: scratch("store"))
        let base = try GoldenBase()
        let writer = try store.writer()
        try base.imported(by: writer)
        let before = try snapshot(store.layerFolder(base.image.layerIDs[0]))
        let context = ContextTree()
        try context.add(store.tree(ofLayer: base.image.layerIDs[0]))
        try context.add(
            store.tree(ofLayer: base.image.layerIDs[1]), path: "etc/tigera-operator.yaml")
        try context.write(Array("new".utf8), to: "cri/docker.tar.gz")
        var daemon = try context.read("etc/daemon.json")
        daemon += Array("\n".utf8)
        try context.write(daemon, to: "etc/daemon.json", mode: 0o600)
        try context.write(Array("x".utf8), to: "new/deep/file", mode: 0o755)
        #expect(try snapshot(store.layerFolder(base.image.layerIDs[0])) == before)
        let build = try LiteBuildTests.build(
            "FROM scratch\nCOPY . .", tree: context.root, content: base.content)
        return (store, try build.run(in: writer).outcome.image)
    }

    @Test func equalStepsGiveEqualImages() throws {
        let (one, two) = (try Scratch(), try Scratch())
        let first = try Self.guide(one)
        let second = try Self.guide(two)
        #expect(first.image == second.image)
        let layer = first.store.layerFolder(try #require(first.image.layerIDs.first))
        func line(_ path: String) throws -> String {
            try Golden.run("find", "\(layer)/\(path)", "-maxdepth", "0", "-printf", "%m %U %T@")
        }
        let rootfs = try GoldenBase().image.layerIDs[0]
        #expect(
            try line("etc")
                == Golden.run(
                    "find", "\(first.store.layerFolder(rootfs))/etc", "-maxdepth", "0", "-printf", "%m %U %T@"
                ))
        #expect(try line("etc/daemon.json") == "600 0 0.0000000000")
        #expect(try line("new") == "755 0 0.0000000000")
        #expect(try line("new/deep/file") == "755 0 0.0000000000")
        #expect(try line("bin/kubectl").hasPrefix("755 0 16"))
        #expect(try StoreTests.text("\(layer)/cri/docker.tar.gz") == "new")
        #expect(try StoreTests.text("\(layer)/etc/daemon.json").hasSuffix("}\n\n"))
        try Golden.run(
            "cmp", "\(layer)/etc/tigera-operator.yaml",
            "\(first.store.layerFolder(try GoldenBase().image.layerIDs[1]))/etc/tigera-operator.yaml")
    }

    @Test func whatIsMissingIsNamed() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let base = try GoldenBase()
        let writer = try store.writer()
        try base.imported(by: writer)
        let context = ContextTree()
        let rootfs = try store.tree(ofLayer: base.image.layerIDs[0])
        let missing = #expect(throws: Failure.self) {
            try context.add(rootfs, path: "cri/missing.tar.gz")
        }
        #expect(missing?.kind == .input)
        #expect(missing?.artifact.contains("cri/missing.tar.gz") == true)
        #expect(throws: Failure.self) { try store.tree(ofLayer: Digest(of: [1])) }
        for path in ["../x", "/etc/x", "a//b", "."] {
            #expect(throws: Failure.self) { try context.write([1], to: path) }
            #expect(throws: Failure.self) { try context.add(rootfs, path: path) }
        }
        #expect(throws: Failure.self) { try context.read("nothing") }
    }

    @Test func nothingIsWrittenThroughALink() throws {
        let context = ContextTree()
        let link = FileNode(.symlink(target: Array("/etc".utf8)), attributes: .init(mode: 0o777))
        context.root.put(link, as: Array("link".utf8))
        #expect(throws: Failure.self) { try context.write([1], to: "link/x") }
        #expect(throws: Failure.self) { try context.read("link/passwd") }
        try context.write([1], to: "link")
        #expect(try context.read("link") == [1])
    }
}
