// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

/// Docker archives, read by the tools that read those of `docker save`.
@Suite struct DockerArchiveTests {
    static func write(_ images: [DockerArchive.Image], _ layout: Layout, to path: String) async throws {
        try await onThread { () throws(Failure) in
            try DockerArchive.write(images, from: layout, to: File.create(path))
        }
    }

    static func registry(_ sample: Sample, _ names: [String] = ["registry:2.7.1"]) throws
        -> DockerArchive.Image
    {
        .init(
            references: try names.map { try Reference($0) },
            manifest: try sample.layout.manifest(sample.registry))
    }

    static func node(_ sample: Sample) throws -> DockerArchive.Image {
        let child = try #require(try sample.layout.manifest(sample.node).children.first)
        return .init(
            references: [try Reference("quay.io/calico/node:v3.19.1")],
            manifest: try sample.layout.manifest(child))
    }

    @Test func skopeoAndPodmanReadIt() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/registry.tar"
        try await Self.write([try Self.registry(sample), try Self.node(sample)], sample.layout, to: path)
        for name in ["registry:2.7.1", "quay.io/calico/node:v3.19.1"] {
            let copy = try await run(
                "skopeo", ["copy", "-q", "docker-archive:\(path):\(name)", "dir:\(folder.path)/copy"])
            #expect(copy.status == 0, "\(copy.err)")
        }
        let inspect = try await run(
            "skopeo", ["inspect", "--config", "docker-archive:\(path):registry:2.7.1"])
        #expect(inspect.text.contains("diff_ids"))
        let storage = [
            "--root", folder.path + "/root", "--runroot", folder.path + "/run", "--storage-driver", "vfs",
        ]
        let load = try await run("podman", storage + ["load", "-q", "-i", path])
        #expect(load.status == 0, "\(load.err)")
        #expect(load.text.contains("/registry:2.7.1"))
        #expect(load.text.contains("quay.io/calico/node:v3.19.1"))
        let images = try await run("podman", storage + ["images", "--no-trunc", "-q"])
        let config = try #require(try sample.layout.manifest(sample.registry).children.first)
        #expect(images.text.contains(config.digest.hex), "the image id is the config's digest")
        _ = try await run("podman", storage + ["unshare", "rm", "-rf", folder.path + "/root"])
    }

    @Test func gnuTarListsSharedLayersOnce() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/two.tar"
        try await Self.write(
            [try Self.registry(sample, ["registry:2.7.1", "registry:2"]), try Self.node(sample)],
            sample.layout,
            to: path)
        let list = try await run("tar", ["-tf", path])
        #expect(list.status == 0)
        // Three different layers over two images, one of them in both.
        #expect(list.lines.filter { $0.hasSuffix("/layer.tar") }.count == 3)
        #expect(list.lines.first == "manifest.json")
        let manifest = try await run("tar", ["-xOf", path, "manifest.json"])
        let entries = try #require(
            try JSONSerialization.jsonObject(with: manifest.out) as? [[String: Any]])
        #expect(
            entries.map { $0["RepoTags"] as? [String] } == [
                ["registry:2.7.1", "registry:2"], ["quay.io/calico/node:v3.19.1"],
            ])
    }

    @Test func aPipeAndAFileGetTheSameBytes() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let images = [try Self.registry(sample), try Self.node(sample)]
        try await Self.write(images, sample.layout, to: folder.path + "/file.tar")
        let fifo = folder.path + "/pipe"
        #expect(mkfifo(fifo, 0o600) == 0)
        async let reader = run("sha256sum", [fifo])
        try await onThread { () throws(Failure) in
            // A pipe opens for writing alone once somebody reads.
            let descriptor = open(fifo, O_WRONLY)
            try DockerArchive.write(images, from: sample.layout, to: File(taking: descriptor, path: fifo))
        }
        let file = try Data(contentsOf: URL(filePath: folder.path + "/file.tar"))
        #expect(try await reader.text.hasPrefix(Digest(of: Array(file)).hex))
    }

    @Test func anArchiveBeginsWhereTheFileStands() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let path = folder.path + "/after.tar"
        let images = [try Self.registry(sample)]
        try await Self.write(images, sample.layout, to: folder.path + "/file.tar")
        for flags in [O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_APPEND] {
            try? FileManager.default.removeItem(atPath: path)
            try Data("lead".utf8).write(to: URL(filePath: path))
            try await onThread { () throws(Failure) in
                let descriptor = open(path, flags, 0o600)
                lseek(descriptor, 0, SEEK_END)
                try DockerArchive.write(images, from: sample.layout, to: File(taking: descriptor, path: path))
            }
            let alone = try Data(contentsOf: URL(filePath: folder.path + "/file.tar"))
            #expect(try Data(contentsOf: URL(filePath: path)) == Data("lead".utf8) + alone)
        }
    }

    @Test func aWrongDiffIDIsRefused() async throws {
        let layout = try Layout()
        let maker = ImageMaker(layout: layout)
        let (layer, _) = try await maker.layer("one", [1])
        let manifest = try maker.image(
            [(layer, Digest(of: [9]))], Platform(os: "linux", architecture: "amd64"))
        let image = DockerArchive.Image(
            references: [try Reference("a:1")], manifest: try layout.manifest(manifest))
        let folder = try Scratch()
        await #expect(throws: Failure.self) {
            try await Self.write([image], layout, to: folder.path + "/a.tar")
        }
    }

    @Test func anIndexAndASealerImageAreRefused() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let index = DockerArchive.Image(references: [], manifest: try sample.layout.manifest(sample.node))
        await #expect(throws: Failure.self) {
            try await Self.write([index], sample.layout, to: folder.path + "/a.tar")
        }
        let config = try sample.layout.add(json: ["kind": "Image"], type: MediaType.dockerConfig)
        let manifest = try sample.layout.add(
            json: [
                "schemaVersion": 2, "mediaType": MediaType.dockerManifest, "config": try object(config),
                "layers": [try object(sample.small)],
            ], type: MediaType.dockerManifest)
        let image = DockerArchive.Image(references: [], manifest: try sample.layout.manifest(manifest))
        await #expect(throws: Failure.self) {
            try await Self.write([image], sample.layout, to: folder.path + "/a.tar")
        }
    }
}
