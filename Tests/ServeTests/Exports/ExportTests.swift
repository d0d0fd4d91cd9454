// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Export
import Serve
import TestSupport
import Testing

/// Exports, read by skopeo, podman and GNU tar.
@Suite struct ExportTests {
    static func export(_ body: @escaping @Sendable () throws(Failure) -> Void) async throws {
        try await onThread(body)
    }

    @Test(arguments: [ImageExporter.Format.ociArchive, .oci]) func skopeoReadsALayoutOfSeveralImages(
        format: ImageExporter.Format
    ) async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/out"
        try await Self.export { () throws(Failure) in
            if format == .oci {
                try ImageExporter.ociFolder(sample.layout.images, from: sample.layout, to: path)
            } else {
                try ImageExporter.ociArchive(sample.layout.images, from: sample.layout, to: path)
            }
        }
        let transport = format == .oci ? "oci" : "oci-archive"
        for image in sample.layout.images {
            let copy = try await run(
                "skopeo",
                ["copy", "-q", "\(transport):\(path):\(image.reference)", "dir:\(folder.path)/copy"])
            #expect(copy.status == 0, "\(image.reference) \(copy.err)")
        }
        let all = try await run(
            "skopeo",
            [
                "copy", "-q", "--all", "--preserve-digests",
                "\(transport):\(path):docker.io/calico/node:v3.19.1", "dir:\(folder.path)/all",
            ])
        #expect(all.status == 0, "\(all.err)")
        let manifest = try Data(contentsOf: URL(filePath: folder.path + "/all/manifest.json"))
        #expect(Digest(of: Array(manifest)) == sample.node.digest)
    }

    @Test func anArchiveIsTheSameEveryTime() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        for name in ["a", "b"] {
            try await Self.export { () throws(Failure) in
                try ImageExporter.ociArchive(
                    sample.layout.images, from: sample.layout, to: folder.path + "/" + name)
            }
        }
        #expect(try await run("cmp", [folder.path + "/a", folder.path + "/b"]).status == 0)
        let list = try await run("tar", ["-tf", folder.path + "/a"])
        #expect(list.lines.count == Set(list.lines).count)
        #expect(list.lines.prefix(2) == ["oci-layout", "index.json"])
    }

    @Test func aDockerArchiveHoldsTheChosenPlatform() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/out.tar"
        try await Self.export { () throws(Failure) in
            try ImageExporter.dockerArchive(
                [sample.layout.images[0]], platform: sample.arm, from: sample.layout, to: path)
        }
        let config = try await run("skopeo", ["inspect", "--config", "docker-archive:\(path)"])
        #expect(config.text.contains("\"architecture\": \"arm64\""))
        let failure = await #expect(throws: Failure.self) {
            try await Self.export { () throws(Failure) in
                try ImageExporter.dockerArchive(
                    sample.layout.images, platform: Platform(os: "linux", architecture: "s390x"),
                    from: sample.layout, to: folder.path + "/none.tar")
            }
        }
        #expect(failure?.kind == .input)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/none.tar"))
    }

    @Test func aPartOfAnIndexIsExportedWithItsIndexWhole() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let arm = try sample.layout.manifest(sample.node).children[1]
        sample.layout.forget(arm.digest)
        try await Self.export { () throws(Failure) in
            try ImageExporter.ociArchive(
                [sample.layout.images[0]], from: sample.layout, to: folder.path + "/a")
        }
        let copy = try await run(
            "skopeo",
            [
                "copy", "-q", "--override-arch", "amd64", "oci-archive:\(folder.path)/a",
                "dir:\(folder.path)/copy",
            ])
        #expect(copy.status == 0, "\(copy.err)")
    }

    @Test func aFileIsExportedWholeOrNotAtAll() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let file = sample.layout.files[0]
        try await Self.export { () throws(Failure) in
            try ImageExporter.file(file, from: sample.layout, to: folder.path + "/file")
        }
        let bytes = try Data(contentsOf: URL(filePath: folder.path + "/file"))
        #expect(Digest(of: Array(bytes)) == file.digest)
        try DamageTests.flip(sample.layout.path(of: file.digest), at: 9)
        await #expect(throws: Failure.self) {
            try await Self.export { () throws(Failure) in
                try ImageExporter.file(file, from: sample.layout, to: folder.path + "/other")
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    }

    @Test func aFolderThatHoldsSomethingIsRefused() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        try Data("x".utf8).write(to: URL(filePath: folder.path + "/x"))
        await #expect(throws: Failure.self) {
            try await Self.export { () throws(Failure) in
                try ImageExporter.ociFolder(sample.layout.images, from: sample.layout, to: folder.path)
            }
        }
    }
}
