// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import Build
@testable import Sealer

@Suite(.enabled(if: isRoot)) struct LayerCheckTests {
    /// A store with one layer: a set-id program of another owner, a link and a folder.
    private func imported(into store: Store, _ scratch: Scratch) throws -> Digest {
        let tree = scratch("tree")
        try put("#!/bin/sh\n", at: "bin/program", below: tree, mode: 0o755)
        #expect(chown("\(tree)/bin/program", 5, 6) == 0 && chmod("\(tree)/bin/program", 0o4755) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: "\(tree)/bin/link", withDestinationPath: "program")
        var stream = try Layer.tar(of: tree)
        let tar = try stream.readAll(limit: 1 << 20, artifact: "tar")
        try FileManager.default.createDirectory(
            atPath: scratch("blobs"), withIntermediateDirectories: false)
        let content = FolderContent(path: scratch("blobs"))
        let id = Digest(of: tar)
        try store.writer().importLayer(
            content.add(tar, type: "layer"), from: content, id: id, repository: nil)
        return id
    }

    @Test func whatPullLosesIsNoDamage() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let id = try imported(into: store, scratch)
        #expect(LayerCheck(id, in: store).condition() == .intact)
        let program = "\(store.layerFolder(id))/bin/program"
        // As the real sealer leaves a layer that it pulled.
        #expect(chown(program, 0, 0) == 0 && chmod(program, 0o755) == 0)
        try FileManager.default.removeItem(atPath: "\(store.layerFolder(id))/bin/link")
        guard case .altered(let told) = LayerCheck(id, in: store).condition() else {
            Issue.record("a pulled layer counts as damaged")
            return
        }
        #expect(told.contains("and 2 more"), "\(told)")
        // An owner and a mode that no pull gives.
        #expect(chown(program, 7, 7) == 0 && chmod(program, 0o700) == 0)
        guard case .damaged = LayerCheck(id, in: store).condition() else {
            Issue.record("another owner is not seen")
            return
        }
    }

    @Test func aTarSplitOfAnotherLayerIsFoundAndMadeAnew() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let id = try imported(into: store, scratch)
        let path = "\(store.layerDatabase(id))/tar-data.json.gz"
        let right = try Data(contentsOf: URL(filePath: path))
        try FileManager.default.removeItem(atPath: path)
        #expect(LayerCheck(id, in: store).condition() == .intact, "sealer takes a layer without one")
        // What a sealer leaves that was killed while it wrote: a gzip of nothing, which push sends as it is.
        let empty = GzipWriter { (bytes) throws(Failure) in try Durable.write(Array(bytes), to: path) }
        try empty.finish()
        guard case .tarSplit = LayerCheck(id, in: store).condition() else {
            Issue.record("an empty tar-split is not seen")
            return
        }
        try store.writer().rebuildTarSplit(of: id)
        #expect(try Data(contentsOf: URL(filePath: path)) == right)
        #expect(LayerCheck(id, in: store).condition() == .intact)
    }
}
