// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// Trees, layers and tar-split files that the real sealer made, and the independent model of them.
enum Golden {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    static func path(_ name: String) -> String { folder.appending(path: name).path() }

    /// Runs a program and gives what it printed.
    @discardableResult
    static func run(_ arguments: String...) throws -> String {
        String(decoding: try tool(arguments), as: UTF8.self)
    }

    /// The model's layer id and tar size of a tree.
    static func model(_ tree: String) throws -> (id: String, size: Int64) {
        let words = try run("python3", path("sealer_layer.py"), "digest", tree).split(separator: " ")
        let size = try #require(Int64(words.last!.dropLast()))
        return (words.count == 2 ? String(words[0]) : "", size)
    }
}

/// Owners and devices of the golden trees are for root to make.
let isRoot = geteuid() == 0

@Suite struct LayerGoldenTests {
    @Test(.enabled(if: isRoot)) func basicTreeHasTheIdThatSealerGaveIt() throws {
        let scratch = try Scratch()
        try Golden.run("python3", Golden.path("mktree.py"), scratch("tree"), "basic")
        let measure = try Layer.measure(hostNamed(scratch("tree")), tarSplit: scratch("split.gz"))
        #expect(
            measure.id.description
                == "sha256:aa56377af511db23a9d6724e2142d0574b436bc26143f2494ed1b6dcdf85e427")
        #expect(measure.tarSize == 158208)
        #expect(!measure.empty)
        let split = try Golden.run("gzip", "-dc", scratch("split.gz"))
        #expect(try split == Golden.run("gzip", "-dc", Golden.path("basic.tarsplit.json.gz")))
        let mode = try FileManager.default.attributesOfItem(atPath: scratch("split.gz"))[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func emptyTreeGivesNoLayer() throws {
        let scratch = try Scratch()
        let measure = try Layer.measure(folder: scratch.path, tarSplit: nil)
        #expect(measure.empty)
        #expect(measure.id.hex.hasPrefix("5f70bf18"))
    }

    @Test(
        .enabled(if: isRoot),
        arguments: [
            (
                "69bf80f7bbcad1e457ec8f8a7bf9c933332c8052f4db0cf6d91d0678b1d561af",
                "8bc1e7cffc4928d216e5635f6be56db21846bad435a1bd26a97ec1d4f8c81e9e"
            ),
            (
                "bd6056bd696325ae4df8145bec212d9f0c35fca1586e941bf1a467bcb84e2622",
                "f00cdf8833891367b27f5b0fbb94fdbc957c82b61b9c014de7bb89f219af7a5d"
            ),
            (
                "d54c3de2a63ff336853d525b6f919c9d745b342e2f7c3c7697b09dd9e634ff2d",
                "1c0ead8c124bf1eee6e26d3082c0038efd22512022b0a281800e3499c707530d"
            ),
            (
                "93bf895d52e11f9c0f1336f4774d10accf85e53cf444833e05aaf5c78cb90850",
                "0de2abc038ab85953cd11f74ec9041f9417ecd96c8f2db5365422043b1fed2e5"
            ),
        ]) func baseImageLayerHasTheIdOfItsConfig(blob: String, id: String) throws
    {
        let scratch = try Scratch()
        let file = try File.open(Golden.path("base-image/" + blob))
        let tar = try decompressed(file.stream(count: file.size()), limit: 1 << 30, artifact: blob)
        let unpacked = try Layer.unpack(tar, into: scratch("tree"), tarSplit: scratch("split.gz"))
        #expect(unpacked.id.hex == id)
        let measured = try Layer.measure(folder: scratch("tree"), tarSplit: scratch("again.gz"))
        #expect(measured == unpacked)
        #expect(
            try Golden.run("gzip", "-dc", scratch("split.gz"))
                == Golden.run("gzip", "-dc", scratch("again.gz")))
    }
}
