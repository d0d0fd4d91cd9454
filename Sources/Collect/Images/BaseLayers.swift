// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import FoundationEssentials
internal import OCI
internal import Spec

/// The layers of a sealer base image for one platform: what its config calls them, and their blobs.
struct BaseLayers: Sendable {
    typealias Layer = UnpackedLayers.Layer
    let image: Reference
    let platform: Platform
    /// From the bottom to the top.
    let layers: [Layer]

    /// Pairs the n-th layer with an id in `config` with the n-th layer of `manifest` (sealer rule 1.5).
    /// - Throws: a `Failure` of kind `data` for a config that is not a sealer image's.
    init(_ image: Reference, platform: Platform, manifest: Manifest, config: [UInt8]) throws(Failure) {
        struct Fields: Decodable {
            struct Spec: Decodable { var layers: [Layer]? }
            struct Layer: Decodable { var id: String? }
            var spec: Spec
        }
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the base", image.familiar, because: reason,
                remedy: "name a sealer image (0.8 line) as base.image")
        }
        let fields: Fields
        do {
            fields = try JSONText.decode(Fields.self, from: config)
        } catch {
            throw refuse("its config is not that of a sealer image: \(Manifest.explain(error))")
        }
        guard case .image(_, let blobs) = manifest.content else { throw refuse("it is an index") }
        var ids: [Digest] = []
        for text in (fields.spec.layers ?? []).compactMap(\.id) where !text.isEmpty {
            ids.append(try Digest(text))
        }
        guard ids.count == blobs.count else {
            throw refuse("its config names \(ids.count) layers, its manifest \(blobs.count)")
        }
        self.image = image
        self.platform = platform
        layers = zip(ids, blobs).map { Layer(id: $0, blob: $1) }
    }

    /// Whether a config is that of a sealer image.
    static func isSealerImage(_ config: [UInt8]) -> Bool {
        struct Fields: Decodable {
            struct Spec: Decodable { var layers: [Layer] }
            struct Layer: Decodable { var id: String? }
            var spec: Spec
        }
        return (try? JSONText.decode(Fields.self, from: config)) != nil
    }

    /// The layer that `selector` pins for this platform, if it pins one.
    /// - Throws: a `Failure` of kind `data` where the base has no such layer.
    func pinned(_ selector: Spec.LayerSelector, role: String) throws(Failure) -> Layer? {
        guard let id = selector.id[platform.description] else { return nil }
        if let layer = layers.first(where: { $0.id == id }) { return layer }
        throw Failure(
            .data, "find the layer '\(role)' of", image.familiar,
            because:
                "the spec pins \(id) for \(platform), but the base has \(layers.map { $0.id.short }.joined(separator: ", "))",
            remedy: "take the id of the layer that is meant, or leave out the pin and give `holds`")
    }

    /// The layers that may be meant by `selector`, the topmost first.
    func candidates(_ selector: Spec.LayerSelector, role: String) throws(Failure) -> [Layer] {
        try pinned(selector, role: role).map { [$0] } ?? layers.reversed()
    }

    /// The failure of a role whose file no candidate holds.
    func missing(_ path: String, role: String) -> Failure {
        Failure(
            .input, "find the layer '\(role)' of", image.familiar,
            because: "no layer that may be meant for \(platform) holds \(path)",
            remedy: "look into the base with `sealift inspect`, and correct base.layers.\(role) in the spec")
    }
}

extension TarReader {
    /// Whether the tar holds `path` as a file; reads no further than that.
    mutating func holds(_ path: String) throws(Failure) -> Bool {
        let wanted = Array(path.utf8)
        while let entry = try next() {
            if entry.header.kind == .file, entry.header.name.relativePath == wanted[...] { return true }
        }
        return false
    }
}

extension [UInt8] {
    /// A member's name without a leading `./`.
    var relativePath: ArraySlice<UInt8> { starts(with: [0x2E, 0x2F]) ? self[2...] : self[...] }
}
