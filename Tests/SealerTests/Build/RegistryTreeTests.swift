// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite struct RegistryTreeTests {
    static func content(in scratch: Scratch) throws -> FolderContent {
        try FileManager.default.createDirectory(atPath: scratch("blobs"), withIntermediateDirectories: true)
        return FolderContent(path: scratch("blobs"))
    }

    /// A path of the golden listing or of ours with everything that depends on the image made a letter.
    static func shape(_ line: Substring) -> String {
        let words = line.split(separator: " ")
        let mode = words[0]
        let path = words.dropFirst(2).joined(separator: " ").split(separator: "/").map { component in
            component.count == 64 ? "H" : component
        }
        var parts = path.map(String.init)
        if let at = parts.firstIndex(of: "repositories"), parts.count > at + 1 { parts[at + 1] = "NAME" }
        if let at = parts.firstIndex(of: "tags"), parts.count > at + 1 { parts[at + 1] = "TAG" }
        if let at = parts.firstIndex(of: "blobs"), parts.count > at + 2 { parts[at + 2] = "hh" }
        let size = parts.last == "link" ? words[1] : ""
        return "\(mode) \(size) \(parts.joined(separator: "/"))"
    }

    @Test func hasTheShapeOfSealersOwn() throws {
        let scratch = try Scratch()
        let content = try Self.content(in: scratch)
        let images = try ["example.com/pause:3.2", "example.com/coredns:1.7.0"].map {
            try makeImage($0, in: content)
        }
        let root = FileNode.root()
        try RegistryTree(images).add(to: root, from: content, time: 0)
        try Layer.write(root, into: scratch.path)
        let golden = String(decoding: try GoldenCases.bytes("registry-layer-tree.txt"), as: UTF8.self)
            .split(separator: "\n").filter { $0.contains("docker") }
        let ours = try Golden.run("find", scratch("registry"), "-mindepth", "1", "-printf", "%M %s %P\n")
        let left = Set(golden.map(Self.shape)).subtracting(ours.split(separator: "\n").map(Self.shape))
        // An empty folder that a registry makes itself when something is pushed to it.
        #expect(left == ["drwxr-x---  docker/registry/v2/repositories/NAME/_uploads"])
        let more = Set(ours.split(separator: "\n").map(Self.shape)).subtracting(golden.map(Self.shape))
        #expect(more == [])
        let times = try Golden.run("find", scratch("registry"), "-printf", "%T@ %U:%G\n")
        #expect(Set(times.split(separator: "\n")) == ["0.0000000000 \(geteuid()):\(getegid())"])
    }

    @Test func collisionsNameBoth() throws {
        let scratch = try Scratch()
        let content = try Self.content(in: scratch)
        let one = try makeImage("quay.io/tigera/operator:v1", in: content)
        let two = try makeImage("docker.io/tigera/operator:v1", in: content)
        let failure = #expect(throws: Failure.self) { try RegistryTree([one, two]) }
        #expect(failure?.kind == .configuration)
        #expect(failure?.artifact.contains("quay.io/tigera/operator:v1") == true)
        #expect(failure?.artifact.contains("docker.io/tigera/operator:v1") == true)
        let catalog = RegistryCatalog([one, two], registry: "sea.hub:5000")
        #expect(try catalog.image(Reference("quay.io/tigera/operator:v1"))?.reference == one.reference)
        #expect(throws: Failure.self) { try catalog.image(Reference("sea.hub:5000/tigera/operator:v1")) }
        #expect(try catalog.image(Reference("other.example/tigera/operator:v1")) == nil)
        // The same content under two domains is one image.
        let three = try RegistryImage(
            reference: Reference("docker.io/tigera/operator:v1"), manifests: one.manifests)
        _ = try RegistryTree([one, three])
        let pinned = try RegistryImage(
            reference: Reference("a/b@\(one.manifests[0].descriptor.digest)"), manifests: one.manifests)
        let root = FileNode.root()
        try RegistryTree([pinned]).add(to: root, from: content, time: 0)
        let manifests = "registry/docker/registry/v2/repositories/a/b/_manifests"
        #expect(try root.find(Array("\(manifests)/revisions/sha256".utf8))?.children.count == 2)
        #expect(try root.find(Array("\(manifests)/tags".utf8)) == nil)
    }

    @Test func manifestsLeadToOneAnother() throws {
        let scratch = try Scratch()
        let content = try Self.content(in: scratch)
        let one = try makeImage("a/b:v1", in: content)
        let two = try makeImage("a/c:v1", in: content)
        #expect(throws: Failure.self) {
            try RegistryImage(reference: one.reference, manifests: [one.manifests[0], two.manifests[1]])
        }
        #expect(throws: Failure.self) {
            try RegistryImage(reference: one.reference, manifests: [one.manifests[0]])
        }
        _ = try RegistryImage(reference: one.reference, manifests: [one.manifests[1]])
    }

    @Test(.enabled(if: isRoot)) func theRealRegistryServesABuiltImage() async throws {
        let scratch = try Scratch()
        let store = try Store(at: scratch("store"))
        let outcome = try LiteBuildTests.guideBuilt(into: store, scratch)
        let layer = try #require(outcome.image.layerIDs.last)
        let registry = try await RunningRegistry(readingOnly: "\(store.layerFolder(layer))/registry")
        let guide = try LiteBuildTests.guide(in: scratch)
        for image in guide.images.prefix(2) {
            let name = "docker://127.0.0.1:\(registry.port)/\(image.reference.path)"
            let top = try Golden.run("skopeo", "inspect", "--raw", "--tls-verify=false", name)
            #expect(Array(top.utf8) == image.manifests[0].raw, "the tag points to the whole list, verbatim")
            let target = scratch(image.reference.repository.replacing("/", with: "_"))
            try Golden.run(
                "skopeo", "--override-os", "linux", "--override-arch", "amd64", "copy",
                "--src-tls-verify=false",
                "--insecure-policy", name, "dir:\(target)")
            for blob in image.blobs {
                let bytes = Array(try Data(contentsOf: URL(filePath: "\(target)/\(blob.digest.hex)")))
                #expect(Digest(of: bytes) == blob.digest)
            }
            // The other platform is in the list and nowhere else.
            try Golden.run(
                "sh", "-c",
                "! skopeo --override-os linux --override-arch arm64 copy --src-tls-verify=false "
                    + "--insecure-policy \(name) dir:\(target)-arm64 2>/dev/null")
        }
    }
}
