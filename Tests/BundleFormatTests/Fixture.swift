// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import TestSupport
import OCI
import Spec

/// Images of every form and two files, made in code, with all of their blobs at hand.
struct Fixture: ContentSource {
    enum Form: String, CaseIterable {
        case schema2, list, oci, ociIndex, ociWithoutType
        var isDocker: Bool { self == .schema2 || self == .list }
        var isIndex: Bool { self == .list || self == .ociIndex }
    }
    static let platforms = try! [Platform("linux/amd64"), Platform("linux/arm64")]

    var spec: Spec
    var lock: Lock
    var images: [BundleImage] = []
    var blobs: [Digest: [UInt8]] = [:]

    /// - Parameter layer: bytes of each image's own layer.
    init(_ forms: [Form] = Form.allCases, layer: Int = 3000, seed: UInt64 = 1) throws {
        spec = Spec(name: "fixture", release: "v1", platforms: Self.platforms)
        lock = Lock(images: [], files: [])
        var random = SeededNumbers(seed)
        var locked: [Lock.Image] = []
        for form in forms { locked.append(try add(form, layer, &random)) }
        var files: [Lock.File] = []
        for (name, platform) in [
            ("docker", Self.platforms[0]), ("docker", Self.platforms[1]), ("notes", nil),
        ] {
            let bytes = random.bytes(layer / 2 + 1)
            blobs[Digest(of: bytes)] = bytes
            files.append(
                Lock.File(
                    name: name, platform: platform, url: "https://example.invalid/\(name)",
                    digest: Digest(of: bytes), size: Int64(bytes.count)))
        }
        lock = Lock(images: locked, files: files)
        images.sort { $0.reference < $1.reference }
        spec.images = lock.images.map(\.reference)
        spec.files = [
            "docker": .init(urls: ["https://example.invalid/{arch}/docker"]),
            "notes": .init(urls: ["https://example.invalid/notes"]),
        ]
    }

    private mutating func add(_ form: Form, _ layer: Int, _ random: inout SeededNumbers) throws -> Lock.Image
    {
        let reference = try Reference("example.invalid/test/\(form.rawValue.lowercased()):v1")
        let carried = form.isIndex ? Self.platforms : [Self.platforms[0]]
        var instances: [(Platform, Manifest)] = []
        // A third platform is named by the index and not carried.
        for platform in carried + (form.isIndex ? [try Platform("linux/s390x")] : []) {
            let manifest = try image(form, platform, layer, &random, isCarried: carried.contains(platform))
            instances.append((platform, manifest))
        }
        var top = instances[0].1
        if form.isIndex {
            struct Index: Encodable {
                var schemaVersion = 2
                var mediaType: String
                var manifests: [Descriptor]
            }
            let type = form.isDocker ? MediaType.dockerList : MediaType.index
            let index = Index(
                mediaType: type,
                manifests: instances.map { platform, manifest in
                    var descriptor = manifest.descriptor
                    descriptor.platform = PlatformFields(platform)
                    return descriptor
                })
            top = try Manifest(parsing: Self.json(index), type: type, artifact: "test")
        }
        let named = instances.prefix(carried.count)
        let locked = Lock.Image(
            reference: reference, descriptor: top.descriptor,
            platforms: named.map { Lock.Instance(platform: $0, descriptor: $1.descriptor) })
        images.append(try BundleImage(locked, top: top, instances: named.map(\.1)))
        return locked
    }

    private mutating func image(
        _ form: Form, _ platform: Platform, _ layer: Int, _ random: inout SeededNumbers, isCarried: Bool
    ) throws -> Manifest {
        let layers = [
            try gzip(tar("shared", Array("the same in all images\n".utf8))),
            try gzip(tar("own", random.bytes(layer))),
        ]
        let ids = try layers.map { "\(Digest(of: Array(try gunzip($0))))" }
        let config = Array(
            """
            {"architecture":"\(platform.architecture)","os":"\(platform.os)","config":{},\
            "rootfs":{"type":"layers","diff_ids":[\(ids.map { "\"\($0)\"" }.joined(separator: ","))]}}
            """.utf8)
        if isCarried { for bytes in layers + [config] { blobs[Digest(of: bytes)] = bytes } }
        struct Image: Encodable {
            var schemaVersion = 2
            var mediaType: String?
            var config: Descriptor
            var layers: [Descriptor]
        }
        let (type, configType, layerType) =
            form.isDocker
            ? (
                MediaType.dockerManifest, MediaType.dockerConfig,
                "application/vnd.docker.image.rootfs.diff.tar.gzip"
            )
            : (MediaType.manifest, MediaType.config, "application/vnd.oci.image.layer.v1.tar+gzip")
        let image = Image(
            mediaType: form == .ociWithoutType ? nil : type,
            config: Descriptor(mediaType: configType, of: config),
            layers: layers.map { Descriptor(mediaType: layerType, of: $0) })
        return try Manifest(parsing: Self.json(image), type: type, artifact: "test")
    }

    private static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(try encoder.encode(value))
    }

    func plan(have: Set<Digest> = [], volumeSize: Int64? = nil) throws -> BundlePlan {
        try BundlePlan(spec: spec, lock: lock, images: images, have: have, volumeSize: volumeSize)
    }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let bytes = blobs[descriptor.digest] else {
            throw Failure(.input, "open", "\(descriptor.digest)", because: "the fixture has no such blob")
        }
        return MemoryStream(bytes)
    }

    /// Writes the whole bundle at `path`.
    func write(_ plan: BundlePlan, at path: String) throws {
        let writer = try BundleWriter(plan, at: path)
        for blob in writer.pending { try writer.fill(blob, from: self) }
        try writer.finish()
    }
}

/// A tar of one file.
func tar(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let header = TarHeader(name: Array(name.utf8), mode: 0o644, size: Int64(content.count))
    let padding = [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
    return header.encoded() + content + padding + TarBlock.end
}

func gzip(_ bytes: [UInt8]) throws -> [UInt8] { try pipe(bytes, "gzip", "-nc") }
func gunzip(_ bytes: [UInt8]) throws -> [UInt8] { try pipe(bytes, "gzip", "-dc") }

private func pipe(_ bytes: [UInt8], _ command: String...) throws -> [UInt8] {
    try withFolder { folder in
        try Data(bytes).write(to: URL(filePath: folder + "/in"))
        return Array(try run("sh", "-c", "\(command.joined(separator: " ")) < \(folder)/in").data)
    }
}

/// What a program printed, and how it ended.
struct Outcome {
    var status: Int32
    var data: Data
    var errors: String
    var text: String { String(decoding: data, as: UTF8.self) }
}

/// Runs a program to its end.
@discardableResult
func run(_ command: String..., in folder: String? = nil) throws -> Outcome { try run(command, in: folder) }

/// Runs a program to its end.
@discardableResult
func run(_ command: [String], in folder: String? = nil) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    if let folder { process.currentDirectoryURL = URL(filePath: folder) }
    // Files rather than pipes: a full pipe blocks the program whose output is not read.
    let scratch = try Scratch()
    for name in ["out", "err"] { try scratch.write(name, "") }
    process.standardOutput = FileHandle(forWritingAtPath: scratch("out"))
    process.standardError = FileHandle(forWritingAtPath: scratch("err"))
    try process.start()
    process.waitUntilExit()
    return Outcome(
        status: process.terminationStatus, data: try Data(scratch.bytes("out")),
        errors: String(decoding: try scratch.bytes("err"), as: UTF8.self))
}

/// A folder that is gone when `body` has ended.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let scratch = try Scratch()
    defer { withExtendedLifetime(scratch) {} }
    return try body(scratch.path)
}

func bytes(of path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
