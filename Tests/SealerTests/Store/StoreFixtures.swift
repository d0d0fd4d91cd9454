// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

/// Blobs as files named by their hexadecimal digest, as skopeo's `dir:` keeps them.
struct FolderContent: ContentSource {
    var path: String

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        let file = try File.open("\(path)/\(descriptor.digest.hex)")
        return VerifyingStream(
            file.stream(count: try file.size()), descriptor: descriptor, artifact: "\(descriptor.digest)")
    }

    /// Writes `bytes` and returns what names them.
    func add(_ bytes: [UInt8], type: String) throws -> Descriptor {
        let descriptor = Descriptor(mediaType: type, of: bytes)
        try Data(bytes).write(to: URL(filePath: "\(path)/\(descriptor.digest.hex)"))
        return descriptor
    }
}

/// The base image that the real sealer built and pushed.
struct GoldenBase {
    let image: SealerImage
    let layers: [Descriptor]
    let content: FolderContent
    static let reference = try! Reference("127.0.0.1:5001/sealer-io/kubernetes:v1.19.8")

    init(content: FolderContent = FolderContent(path: Golden.path("base-image"))) throws {
        self.content = content
        let list = try Manifest(
            parsing: GoldenCases.bytes("base-image/manifest.json"), type: nil, artifact: "list")
        let name = "base-image/\(try #require(list.children.first).digest.hex).manifest.json"
        let manifest = try Manifest(parsing: GoldenCases.bytes(name), type: nil, artifact: "manifest")
        guard case .image(let config, let layers) = manifest.content else { throw CocoaError(.formatting) }
        // `sealer tag` gave it an id that does not follow from its content.
        image = try SealerImage(
            config: FolderContent(path: Golden.path("base-image")).bytes(of: config), artifact: "base"
        ).listed(as: Self.reference)
        self.layers = layers
    }

    /// Brings layers and image into a store.
    func imported(by writer: StoreWriter, created: Int64 = 0) throws {
        for (id, layer) in zip(image.layerIDs, layers) {
            try writer.importLayer(layer, from: content, id: id, repository: Self.reference)
        }
        try writer.register(image, created: created)
    }

    /// A copy of its blobs, so that a test may damage one.
    static func copy(to path: String) throws -> FolderContent {
        try FileManager.default.copyItem(atPath: Golden.path("base-image"), toPath: path)
        return FolderContent(path: path)
    }
}

/// A small container image for amd64 and arm64 behind a docker manifest list, its blobs in `content`.
func makeImage(_ name: String, in content: FolderContent, seed: String? = nil) throws -> RegistryImage {
    let seed = seed ?? name
    var instances: [Manifest] = []
    var entries: [[String: Any]] = []
    for architecture in ["amd64", "arm64"] {
        let tar = try gzippedTar(
            file: "file-\(architecture)", content: "content of \(seed) for \(architecture)\n")
        let type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        let layer = try content.add(tar.compressed, type: type)
        let config: [String: Any] = [
            "architecture": architecture, "os": "linux", "config": ["Labels": ["seed": seed]],
            "rootfs": ["type": "layers", "diff_ids": [tar.digest.description]],
        ]
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .prettyPrinted]
        let configBytes = try JSONSerialization.data(withJSONObject: config, options: options)
        let configBlob = try content.add(Array(configBytes), type: MediaType.dockerConfig)
        func fields(_ blob: Descriptor) -> [String: Any] {
            ["mediaType": blob.mediaType, "size": blob.size, "digest": blob.digest.description]
        }
        let body: [String: Any] = [
            "schemaVersion": 2, "mediaType": MediaType.dockerManifest, "config": fields(configBlob),
            "layers": [fields(layer)],
        ]
        let bytes = try JSONSerialization.data(withJSONObject: body, options: options)
        let manifest = try Manifest(parsing: Array(bytes), type: MediaType.dockerManifest, artifact: name)
        instances.append(manifest)
        var entry = fields(manifest.descriptor)
        entry["platform"] = ["architecture": architecture, "os": "linux"]
        entries.append(entry)
    }
    let list: [String: Any] = ["schemaVersion": 2, "mediaType": MediaType.dockerList, "manifests": entries]
    let bytes = try JSONSerialization.data(withJSONObject: list, options: [.sortedKeys, .prettyPrinted])
    let top = try Manifest(parsing: Array(bytes), type: MediaType.dockerList, artifact: name)
    return try RegistryImage(reference: Reference(name), manifests: [top, instances[0]])
}

/// A gzip of a tar with one file, and the tar's digest.
func gzippedTar(file: String, content: String) throws -> (compressed: [UInt8], digest: Digest) {
    let scratch = try Scratch()
    try content.write(toFile: scratch(file), atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: 1_600_000_000)], ofItemAtPath: scratch(file))
    var stream = try Layer.tar(of: scratch.path)
    let tar = try stream.readAll(limit: 1 << 20, artifact: file)
    final class Sink { var bytes: [UInt8] = [] }
    let sink = Sink()
    let writer = GzipWriter { (bytes) throws(Failure) in sink.bytes += bytes }
    try writer.write(tar)
    try writer.finish()
    return (sink.bytes, Digest(of: tar))
}

/// Every path below `folder` with its kind, mode, size, time and, of small files, content: what must not
/// change where nothing may change.
func snapshot(_ folder: String) throws -> [String] {
    guard let paths = FileManager.default.enumerator(atPath: folder) else { return [] }
    return try paths.compactMap { $0 as? String }.filter { !$0.hasPrefix(".sealift") }.sorted().map { path in
        var status = stat()
        guard lstat("\(folder)/\(path)", &status) == 0 else { throw CocoaError(.fileNoSuchFile) }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        let content =
            isFile ? try Digest(of: Array(Data(contentsOf: URL(filePath: "\(folder)/\(path)")))).short : ""
        let size = isFile ? Int(status.st_size) : 0
        return
            "\(path) \(String(status.st_mode, radix: 8)) \(size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(content)"
    }
}

/// Writes `text` to a file and gives it and the folders above it, up to `root`, a fixed time.
func put(_ text: String, at path: String, below root: String, mode: Int = 0o644) throws {
    let full = "\(root)/\(path)"
    let folder = URL(filePath: full).deletingLastPathComponent().path()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try text.write(toFile: full, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: full)
    var part = path[...]
    while !part.isEmpty {
        var times = [
            timespec(tv_sec: 1_600_000_000, tv_nsec: 0), timespec(tv_sec: 1_600_000_000, tv_nsec: 0),
        ]
        guard utimensat(AT_FDCWD, "\(root)/\(part)", &times, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw CocoaError(.fileWriteUnknown)
        }
        part = part.lastIndex(of: "/").map { part[..<$0] } ?? ""
    }
}

/// The tree of a folder with the names that this host gives to owners: the golden trees and their model come from a
/// sealer that asked its host.
func hostNamed(_ folder: String) throws -> FileNode {
    let root = try FileNode.scanned(folder)
    var pending = [root]
    while let node = pending.popLast() {
        for (name, child) in node.children {
            let own = child.attributes
            let header = TarHeader(
                name: name, mode: own.mode, uid: own.uid, gid: own.gid, mtime: own.time.seconds,
                nanoseconds: own.time.nanoseconds,
                userName: getpwuid(own.uid).map { bytes($0.pointee.pw_name) } ?? [],
                groupName: getgrgid(own.gid).map { bytes($0.pointee.gr_name) } ?? [])
            var owners: Set<OwnerNames> = []
            child.attributes = .init(header, names: OwnerNames.of(header, among: &owners))
            if child.isFolder { pending.append(child) }
        }
    }
    return root
}

private func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] { Array(String(cString: text).utf8) }
