// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Registry
import Spec
import TestSupport

@testable import Collect

/// An OCI layout on this host with images made in code, and what resolves them without any network.
struct Layout {
    static let amd64 = try! Platform("linux/amd64")
    static let arm64 = try! Platform("linux/arm64")
    static let name = try! Reference("r.example/a/b:1")

    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Stores content; its descriptor.
    @discardableResult func blob(_ bytes: [UInt8], type: String) throws -> Descriptor {
        let made = Descriptor(mediaType: type, of: bytes)
        try scratch.write("layout/\(made.digest.layoutPath)", bytes)
        return made
    }

    /// Stores a manifest.
    func manifest(_ text: String, type: String = MediaType.manifest) throws -> Manifest {
        try blob(Array(text.utf8), type: type)
        return try Manifest(parsing: Array(text.utf8), type: type, artifact: "a test")
    }

    /// An image of one layer, whose config names `platform`, or nothing.
    func image(_ word: String, for platform: Platform?) throws -> Manifest {
        let layer = try blob(Array(word.utf8), type: "application/vnd.oci.image.layer.v1.tar")
        let fields = platform.map { #""os":"\#($0.os)","architecture":"\#($0.architecture)","# } ?? ""
        let config = try blob(
            Array(#"{\#(fields)"rootfs":{"type":"layers","diff_ids":["\#(layer.digest)"]}}"#.utf8),
            type: MediaType.config)
        return try manifest(Self.text(config: config, layers: [layer]))
    }

    /// An artifact, which may name what it belongs to.
    func artifact(_ word: String) throws -> Manifest {
        let config = try blob(Array("{}".utf8), type: MediaType.empty)
        return try manifest(
            Self.text(config: config, layers: [try blob(Array(word.utf8), type: "text/plain")]))
    }

    /// An index of manifests, each with the platform that its entry names.
    func index(_ entries: [(Manifest, Platform?)]) throws -> Manifest {
        let descriptors = entries.map { manifest, platform in
            var entry = manifest.descriptor
            entry.platform = platform.map(PlatformFields.init)
            return entry
        }
        let made = try Manifest.index(of: descriptors)
        try blob(made.raw, type: MediaType.index)
        return made
    }

    private static func text(config: Descriptor, layers: [Descriptor]) -> String {
        func text(_ blob: Descriptor) -> String {
            #"{"mediaType":"\#(blob.mediaType)","digest":"\#(blob.digest)","size":\#(blob.size)}"#
        }
        return #"{"schemaVersion":2,"mediaType":"\#(MediaType.manifest)","config":\#(text(config)),"#
            + #""layers":[\#(layers.map(text).joined(separator: ","))]}"#
    }

    /// A resolver of `name`, which the layout has as `top`.
    func resolver(
        of top: Manifest, platforms: [Platform] = [amd64], name: Reference = name, lock: Lock? = nil,
        takesUnlocked: Bool = true
    ) async throws -> ImageResolver {
        try scratch.write("layout/oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
        try scratch.write("layout/index.json", try Manifest.index(of: [top.descriptor]).raw)
        let archive = Spec.Archive(
            image: name, platform: nil, from: try ArchiveLocation("oci:\(scratch("layout"))"))
        let spec = Spec(name: "t", platforms: platforms, images: [name], archives: [archive])
        let content = try await ContentCache(client: try RegistryClient(TransferSettings(environment: [:])))
        return ImageResolver(
            content: content,
            local: try await ArchivedImages(spec, folder: "", scratch: scratch("scratch")), lock: lock,
            spec: spec,
            charts: ChartResolver(
                spec, content: content, lock: lock, mirrors: FileMirrors(), scratch: scratch("scratch")),
            takesUnlocked: takesUnlocked)
    }
}
