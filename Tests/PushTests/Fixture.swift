// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import Glibc
import OCI
import Registry
import Spec
import TestSupport
import Testing

@testable import Push

/// Images, artifacts and files made in code, and the bundle that carries them.
final class Fixture: ContentSource, @unchecked Sendable {
    static let amd64 = try! Platform("linux/amd64")
    static let arm64 = try! Platform("linux/arm64")

    let scratch: Scratch
    private var blobs: [Digest: [UInt8]] = [:]
    private var images: [BundleImage] = []
    private var files: [Lock.File] = []

    init() throws { scratch = try Scratch() }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let bytes = blobs[descriptor.digest] else {
            throw Failure(.input, "open", "\(descriptor.digest)", because: "the fixture has no such blob")
        }
        return MemoryStream(bytes)
    }

    private func blob(_ bytes: [UInt8], type: String) -> Descriptor {
        let descriptor = Descriptor(mediaType: type, of: bytes)
        blobs[descriptor.digest] = bytes
        return descriptor
    }

    private func manifest(_ value: some Encodable, type: String) throws -> Manifest {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Manifest(parsing: Array(encoder.encode(value)), type: type, artifact: "a test")
    }

    private struct Document: Encodable {
        var schemaVersion = 2
        var mediaType = MediaType.manifest
        var artifactType: String?
        var config: Descriptor
        var layers: [Descriptor]
        var subject: Descriptor?
        var annotations: [String: String]?
    }

    /// An image of one layer for each word.
    func image(_ words: String..., platform: Platform = amd64) throws -> Manifest {
        let layers = words.map {
            blob(
                Array($0.utf8) + [UInt8](repeating: 0, count: 600),
                type: "application/vnd.oci.image.layer.v1.tar")
        }
        let config = Array(
            """
            {"architecture":"\(platform.architecture)","os":"\(platform.os)","config":{"Cmd":["\(words.joined(separator: "-"))"]},\
            "rootfs":{"type":"layers","diff_ids":[\(layers.map { "\"\($0.digest)\"" }.joined(separator: ","))]}}
            """.utf8)
        return try manifest(
            Document(config: blob(config, type: MediaType.config), layers: layers),
            type: MediaType.manifest)
    }

    /// An artifact that may name a subject.
    func artifact(
        _ word: String, subject: Manifest? = nil, annotations: [String: String]? = nil
    ) throws -> Manifest {
        try manifest(
            Document(
                artifactType: "application/x.\(word)", config: blob(Array("{}".utf8), type: MediaType.empty),
                layers: [blob(Array(word.utf8), type: "text/plain")], subject: subject?.descriptor,
                annotations: annotations), type: MediaType.manifest)
    }

    /// An index of those, each with its platform where it has one.
    func index(_ parts: [(Manifest, Platform?)]) throws -> Manifest {
        struct Index: Encodable {
            var schemaVersion = 2
            var mediaType = MediaType.index
            var manifests: [Descriptor]
        }
        let named = parts.map { manifest, platform in
            var descriptor = manifest.descriptor
            descriptor.platform = platform.map(PlatformFields.init)
            return descriptor
        }
        return try manifest(Index(manifests: named), type: MediaType.index)
    }

    /// Carries `top` under that name.
    func carry(
        _ name: String, top: Manifest, instances: [(Platform, Manifest)] = [], others: [Manifest] = []
    ) throws {
        let locked = Lock.Image(
            reference: try Reference(name), descriptor: top.descriptor,
            platforms: instances.map { Lock.Instance(platform: $0, descriptor: $1.descriptor) },
            others: others.map { Lock.Part($0.descriptor) })
        images.append(
            try BundleImage(locked, top: top, instances: instances.map(\.1), others: others))
    }

    /// Carries an image for `platform`.
    func carry(image top: Manifest, as name: String, platform: Platform = amd64) throws {
        try carry(name, top: top, instances: [(platform, top)])
    }

    /// Carries a file.
    func carry(file name: String, bytes: [UInt8]) {
        let content = blob(bytes, type: MediaType.octets)
        files.append(
            Lock.File(
                name: name, platform: nil, url: "https://example.invalid/\(name)", digest: content.digest,
                size: content.size))
    }

    /// Writes and opens the bundle.
    func bundle(have: Set<Digest> = [], named name: String = "b.sealift") throws -> BundleFormat.Bundle {
        let lock = Lock(images: images.map(\.locked), files: files)
        var spec = Spec(name: "fixture", release: "v1", platforms: [Self.amd64, Self.arm64])
        spec.images = lock.images.map(\.reference)
        spec.files = Dictionary(
            uniqueKeysWithValues: files.map {
                ($0.name, Spec.FileSource(urls: ["https://example.invalid/\($0.name)"]))
            })
        let plan = try BundlePlan(
            spec: spec, lock: lock, images: images.sorted { $0.reference < $1.reference }, have: have,
            volumeSize: nil)
        let path = scratch.path + "/" + name
        let writer = try BundleWriter(plan, at: path)
        for blob in writer.pending { try writer.fill(blob, from: self) }
        try writer.finish()
        return try BundleFormat.Bundle(opening: path)
    }
}

extension RunningRegistry {
    /// A pusher to it.
    func pusher(
        _ bundle: BundleFormat.Bundle, prefix: String = "site", change: (inout PushOptions) -> Void = { _ in }
    ) throws -> Pusher {
        var options = PushOptions(try NameMapping(to: "\(host)/\(prefix)"))
        change(&options)
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [host]
        settings.retry.base = .milliseconds(10)
        return try Pusher(bundle, options: options, client: try RegistryClient(settings)) { _ in }
    }

    /// Surveys and pushes.
    @discardableResult func push(
        _ bundle: BundleFormat.Bundle, prefix: String = "site", change: (inout PushOptions) -> Void = { _ in }
    ) async throws -> Pushed {
        let pusher = try pusher(bundle, prefix: prefix, change: change)
        return try await pusher.run()
    }

    /// The bytes that a tag or digest points to; `nil` where it points to nothing.
    func content(_ name: String) async throws -> [UInt8]? {
        var settings = TransferSettings(environment: [:])
        settings.insecureHosts = [host]
        return try await RegistryClient(settings).content(of: try Reference("\(host)/\(name)"))?.bytes
    }
}
