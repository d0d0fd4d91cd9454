// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Synchronization

/// A folder of blobs that is filled in code, as a shelf and as a source of content.
final class Layout: ServedContent, ContentSource {
    private struct State {
        var images: [NamedImage] = []
        var files: [NamedFile] = []
        var regions: [Digest: [Region]] = [:]
    }
    private let state = Mutex(State())
    let folder: Scratch

    init() throws { folder = try Scratch() }

    /// A layout of the image `example.com/a:1`, whose one layer is a blob of `bytes` in `parts`.
    static func holding(_ bytes: [UInt8], parts: Int = 1) throws -> (layout: Layout, blob: Descriptor) {
        let layout = try Layout()
        let blob = try layout.add(bytes, parts: parts)
        let image = try ImageMaker(layout: layout).image(
            [(blob, blob.digest)], Platform(os: "linux", architecture: "amd64"))
        try layout.add("example.com/a:1", image)
        return (layout, blob)
    }

    var images: [NamedImage] { state.withLock { $0.images } }
    var files: [NamedFile] { state.withLock { $0.files } }
    func regions(of digest: Digest) -> [Region] { state.withLock { $0.regions[digest] ?? [] } }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let region = regions(of: descriptor.digest).first else {
            throw Failure(.input, "open", "\(descriptor.digest)", because: "it is not here")
        }
        let stream = region.file.stream(at: region.offset, count: region.count)
        return VerifyingStream(stream, descriptor: descriptor, artifact: "\(descriptor.digest)")
    }

    func path(of digest: Digest) -> String { folder.path + "/" + digest.hex }

    /// Adds a blob; as several `parts`, each in a file of its own at an odd offset, like volumes.
    @discardableResult
    func add(_ bytes: [UInt8], type: String = "application/octet-stream", parts: Int = 1) throws -> Descriptor
    {
        let descriptor = Descriptor(mediaType: type, of: bytes)
        var regions: [Region] = []
        let size = (bytes.count + parts - 1) / parts
        for part in 0..<parts {
            let slice = bytes[min(bytes.count, part * size)..<min(bytes.count, (part + 1) * size)]
            let path = path(of: descriptor.digest) + (part == 0 ? "" : ".\(part)")
            let lead = part == 0 ? 0 : 511
            try Data([UInt8](repeating: 0x55, count: lead) + slice).write(to: URL(filePath: path))
            regions.append(Region(file: try File.open(path), offset: Int64(lead), count: Int64(slice.count)))
        }
        state.withLock { $0.regions[descriptor.digest] = regions }
        return descriptor
    }

    func add(json: [String: Any], type: String) throws -> Descriptor {
        let data = try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys])
        return try add(Array(data), type: type)
    }

    func add(_ name: String, _ descriptor: Descriptor) throws {
        let reference = try Reference(name)
        state.withLock { $0.images.append(NamedImage(reference: reference, descriptor: descriptor)) }
    }

    func add(file name: String, _ bytes: [UInt8]) throws {
        let descriptor = try add(bytes)
        state.withLock {
            $0.files.append(NamedFile(name: name, digest: descriptor.digest, size: descriptor.size))
        }
    }

    func forget(_ digest: Digest) { state.withLock { _ = $0.regions.removeValue(forKey: digest) } }
}

func object(_ descriptor: Descriptor, platform: Platform? = nil) throws -> [String: Any] {
    var descriptor = descriptor
    descriptor.platform = platform.map(PlatformFields.init)
    let data = try JSONEncoder().encode(descriptor)
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
}

/// `count` bytes that are the same for the same seed and look random: they do not compress.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return [UInt8](unsafeUninitializedCapacity: (count + 7) & ~7) { buffer, used in
        for word in UnsafeMutableRawBufferPointer(buffer).bindMemory(to: UInt64.self).indices {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            bytes.storeBytes(of: state, toByteOffset: word * 8, as: UInt64.self)
        }
        used = count
    }
}

/// A small image that real tools can unpack.
struct ImageMaker {
    let layout: Layout
    var docker = false

    /// A layer of one file, made by GNU tar and gzip: its descriptor and the digest of its tar.
    func layer(_ name: String, _ content: [UInt8]) async throws -> (Descriptor, diffID: Digest) {
        let folder = try Scratch()
        try Data(content).write(to: URL(filePath: folder.path + "/" + name))
        let tar = try await run(
            "tar", ["-C", folder.path, "--owner=0", "--group=0", "--mtime=@0", "-cf", "-", name])
        let gzip = try await run("gzip", ["-nc"], input: tar.out)
        let type =
            docker
            ? "application/vnd.docker.image.rootfs.diff.tar.gzip"
            : "application/vnd.oci.image.layer.v1.tar+gzip"
        return (try layout.add(Array(gzip.out), type: type), Digest(of: Array(tar.out)))
    }

    func image(_ layers: [(Descriptor, diffID: Digest)], _ platform: Platform) throws -> Descriptor {
        let layers = layers.map { layer, diffID in
            var layer = layer
            if docker { layer.mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip" }
            return (layer, diffID: diffID)
        }
        let config = try layout.add(
            json: [
                "architecture": platform.architecture, "os": platform.os, "config": ["Cmd": ["/one"]],
                "rootfs": ["type": "layers", "diff_ids": layers.map { "\($0.diffID)" }],
            ], type: docker ? MediaType.dockerConfig : MediaType.config)
        let type = docker ? MediaType.dockerManifest : MediaType.manifest
        return try layout.add(
            json: [
                "schemaVersion": 2, "mediaType": type, "config": try object(config),
                "layers": try layers.map { try object($0.0) },
            ], type: type)
    }

    func index(_ instances: [(Descriptor, Platform)]) throws -> Descriptor {
        let type = docker ? MediaType.dockerList : MediaType.index
        return try layout.add(
            json: [
                "schemaVersion": 2, "mediaType": type,
                "manifests": try instances.map { try object($0.0, platform: $0.1) },
            ], type: type)
    }
}

/// The shelf that most tests serve.
struct Sample {
    let layout: Layout
    /// A layer above the size from which sendfile is used.
    let large: Descriptor
    let small: Descriptor
    let node: Descriptor
    let registry: Descriptor
    let arm = Platform(os: "linux", architecture: "arm64")
    let amd = Platform(os: "linux", architecture: "amd64")

    init() async throws {
        layout = try Layout()
        let oci = ImageMaker(layout: layout)
        let big = try await oci.layer("big", noise(2_345_678, seed: 1))
        let one = try await oci.layer("one", Array("one\n".utf8))
        let two = try await oci.layer("two", Array("two\n".utf8))
        large = big.0
        small = one.0
        node = try oci.index([
            (try oci.image([one, big], amd), amd), (try oci.image([two, big], arm), arm),
        ])
        try layout.add("docker.io/calico/node:v3.19.1", node)
        let docker = ImageMaker(layout: layout, docker: true)
        registry = try docker.image([one, two], amd)
        try layout.add("docker.io/library/registry:2.7.1", registry)
        try layout.add("quay.io/tigera/operator:v1.17.4", try docker.index([(registry, amd)]))
        try layout.add(file: "docker.tgz", noise(1000, seed: 2))
        try layout.add(file: "a name & <more>.txt", Array("text".utf8))
    }
}
