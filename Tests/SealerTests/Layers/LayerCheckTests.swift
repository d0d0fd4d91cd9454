// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
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

    /// Layers as umoci, containerd and buildkit write them: whiteouts and opaque marks of any mode and owner, devices
    /// 0/0 in their place, times that no file system keeps, pipes, further names of a file.
    @Test(arguments: [0o600, 0o644, 0, 0o4777] as [UInt32])
    func layersOfOtherWritersAreIntact(_ mode: UInt32) throws {
        let scratch = try Scratch()
        let id = try imported(
            [
                TarHeader(name: Array("etc".utf8), kind: .directory, mode: 0o755, mtime: -9_000_000_000),
                TarHeader(name: Array("etc/.wh..wh..opq".utf8), mode: mode, uid: 7, mtime: 1 << 40),
                TarHeader(name: Array("etc/.wh.gone".utf8), mode: mode, gid: 9, mtime: -(1 << 40)),
                TarHeader(name: Array("etc/lost".utf8), kind: .characterDevice, mode: mode, uid: 3),
                TarHeader(name: Array("etc/early".utf8), mode: 0o644, mtime: -(1 << 45)),
                TarHeader(name: Array("etc/late".utf8), mode: 0o644, mtime: 1 << 45),
                TarHeader(name: Array("etc/half".utf8), mode: 0o644, mtime: 1_600_000_000),
                TarHeader(
                    name: Array("etc/again".utf8), kind: .hardLink, mode: mode,
                    linkName: Array("etc/half".utf8)),
                TarHeader(name: Array("etc/pipe".utf8), kind: .fifo, mode: mode),
                TarHeader(
                    name: Array("etc/null".utf8), kind: .characterDevice, mode: 0o666, deviceMajor: 1,
                    deviceMinor: 3),
            ], scratch)
        let store = try Store(at: scratch("store"))
        #expect(LayerCheck(id, in: store).condition() == .intact)
        #expect(LayerCheck(id, in: store).conditionByAttributes() == .intact)
        // Another device, a whiteout that is gone, another file in the place of a further name: each is seen.
        let harms: [(String, (String) throws -> Void)] = [
            (
                "null",
                {
                    unlink($0); #expect(mknod($0, S_IFCHR | 0o666, 0x0801) == 0)
                }
            ),
            ("gone", { unlink($0) }), ("lost", { unlink($0) }),
            (
                "again",
                {
                    unlink($0); try "x".write(toFile: $0, atomically: true, encoding: .utf8)
                }
            ),
        ]
        for (name, harm) in harms {
            let copy = try Store(at: scratch("copy-\(name)"))
            try Golden.run("cp", "-a", store.path, copy.path)
            try harm("\(copy.layerFolder(id))/etc/\(name)")
            guard case .damaged = LayerCheck(id, in: copy).condition() else {
                Issue.record("\(name): no damage is seen")
                continue
            }
        }
    }

    private func imported(_ headers: [TarHeader], _ scratch: Scratch) throws -> Digest {
        var tar: [UInt8] = []
        for header in headers { tar += header.encoded() }
        tar += TarBlock.end
        try FileManager.default.createDirectory(atPath: scratch("blobs"), withIntermediateDirectories: false)
        let content = FolderContent(path: scratch("blobs"))
        let id = Digest(of: tar)
        try Store(at: scratch("store")).writer().importLayer(
            content.add(tar, type: "layer"), from: content, id: id, repository: nil)
        return id
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
        let empty = GzipWriter { (bytes) throws(Failure) in try AtomicWrite.write(Array(bytes), to: path) }
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
