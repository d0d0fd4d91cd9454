// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// The archive for sealer 0.9 and later, read by the library that it reads archives with.
@Suite(.enabled(if: isRoot)) struct StoreArchiveTests {
    @Test func skopeoReadsWhatSealerLoads() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let image = try LiteBuildTests.guideBuilt(into: store, scratch).image
        for name in ["a.tar", "b.tar"] { try store.writeArchive(of: image, to: scratch(name)) }
        try Golden.run("cmp", scratch("a.tar"), scratch("b.tar"))

        func json(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }
        let archive = "oci-archive:\(scratch("a.tar")):\(image.name)"
        let manifest = try json(Golden.run("skopeo", "inspect", "--raw", archive))
        #expect(manifest["mediaType"] as? String == MediaType.manifest)
        let layers = try #require(manifest["layers"] as? [[String: Any]])
        #expect(layers.compactMap { $0["digest"] as? String } == image.layerIDs.map(\.description))
        let annotation = (manifest["annotations"] as? [String: String])?["sealer.image.extension"]
        let facts = try json(#require(annotation))
        #expect(facts["type"] as? String == "kube-installer")
        #expect(facts["schemaVersion"] as? String == "v1alpha1")
        #expect((facts["buildClient"] as? [String: String])?["sealerVersion"] == "v0.8.6")
        #expect(
            (facts["launch"] as? [String: [String]])?["cmds"] == image.commands.parent
                + image.commands.current)
        let config = try json(Golden.run("skopeo", "inspect", "--config", archive))
        #expect(config["architecture"] as? String == "amd64")
        #expect((config["history"] as? [Any])?.count == layers.count)

        // Copied blob by blob, every digest and size is verified against the manifest.
        try Golden.run("skopeo", "copy", "-q", archive, "dir:\(scratch("copy"))")
        let last = try #require(image.layerIDs.last)
        try FileManager.default.createDirectory(atPath: scratch("last"), withIntermediateDirectories: true)
        try Golden.run("tar", "-xpf", scratch("copy/\(last.hex)"), "-C", scratch("last"))
        try Golden.run("diff", "-r", scratch("last"), store.layerFolder(last))
    }

    @Test func aChangedLayerIsRefused() throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let image = try LiteBuildTests.guideBuilt(into: store, scratch).image
        try put(
            "edited in place\n", at: "etc/custom-resources.yaml", below: store.layerFolder(image.layerIDs[5]))
        let failure = #expect(throws: Failure.self) {
            try store.writeArchive(of: image, to: scratch("a.tar"))
        }
        #expect(failure?.kind == .data)
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: scratch.path).contains {
                $0.hasPrefix("a.tar")
            })
    }
}

/// sealer 0.9 and later takes docker for the runtime of an image without a label.
struct RuntimeLabelTests {
    @Test(
        arguments: [
            (["docker.tar.gz"], "docker"), (["containerd-1.5.tar.gz"], "containerd"),
            (["cri-containerd-cni.tar.gz"], "containerd"), (["other.tar.gz"], nil),
        ] as [([String], String?)])
    func theTopmostPackagesTell(_ names: [String], _ runtime: String?) throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let writer = try store.writer()
        var image = SealerImage()
        image.name = "example.org/app:1"
        for below in [["containerd.tar.gz"], names] where runtime != nil || below == names {
            let layer = try #require(
                try writer.stageLayer { (folder) throws(Failure) in
                    try makeFolders("\(folder)/cri")
                    for name in below { try AtomicWrite.write([1], to: "\(folder)/cri/\(name)") }
                })
            image.layers.append(.init(id: layer.id, type: "COPY", value: "cri ."))
            image.id = ""
            image = try writer.register(image, with: [layer]).image
        }
        #expect(store.containerRuntime(of: image) == runtime)
        let layout = ArchivedImage(image, sizes: [:], runtime: runtime)
        let config = String(decoding: layout.config, as: UTF8.self)
        #expect(config.contains(ArchivedImage.runtimeKey) == (runtime != nil))
    }
}
