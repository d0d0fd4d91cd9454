// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// A manifest or index as it was fetched: the raw bytes, which alone carry the digest, and what they say.
///
/// Sources: OCI image specification (`manifest.md`, `image-index.md`), docker schema 2 and manifest list.
package struct Manifest: Sendable {
    /// What a manifest's bytes say.
    package enum Content: Sendable {
        /// An image or artifact: its config and its layers, in order.
        case image(config: Descriptor, layers: [Descriptor])
        /// An index or manifest list: its manifests, in order.
        case index([Descriptor])
    }

    /// Shared by all copies of the value: an image of one platform has its manifest twice, as what its name resolves to
    /// and as that of the platform.
    private final class Storage: Sendable {
        let raw: [UInt8]
        let descriptor: Descriptor
        let content: Content
        let subject: Descriptor?
        let artifactType: String?

        init(
            raw: [UInt8], descriptor: Descriptor, content: Content, subject: Descriptor?,
            artifactType: String?
        ) {
            self.raw = raw
            self.descriptor = descriptor
            self.content = content
            self.subject = subject
            self.artifactType = artifactType
        }
    }
    private let storage: Storage

    /// The bytes, exactly as they were fetched.
    package var raw: [UInt8] { storage.raw }
    /// Media type, digest and size of ``raw``.
    package var descriptor: Descriptor { storage.descriptor }
    /// What the bytes say.
    package var content: Content { storage.content }
    /// The manifest that this one belongs to, as a signature does.
    package var subject: Descriptor? { storage.subject }
    /// The type of an artifact; where none is written, that of its config.
    package var artifactType: String? { storage.artifactType }

    /// The largest manifest that is read: 4 MiB, as registries bound it.
    package static let largestSize: Int64 = 4 << 20
    /// The most values in a manifest: more than 4 MiB of descriptors have.
    static let mostValues = 200_000
    /// The deepest nesting of indexes that is followed.
    package static let deepestNesting = 4

    /// Parses `raw`.
    /// - Parameters:
    ///   - raw: the bytes as they were fetched.
    ///   - type: the media type that the transport or the descriptor promised; `nil` where it promised none. A
    ///     `mediaType` in the bytes must agree with it (CVE-2021-41190).
    ///   - artifact: names the manifest in errors.
    ///   - algorithm: of the digest that ``descriptor`` gets.
    ///   - digest: that of `raw`, where the caller has verified it.
    /// - Throws: a ``Failure`` of kind `data` for anything but one well-formed manifest or index:
    ///   larger than ``largestSize``, `manifests` beside `layers`, another schema version, a foreign type.
    package init(
        parsing raw: [UInt8], type: String?, artifact: @autoclosure () -> String,
        by algorithm: Digest.Algorithm = .sha256, verified digest: Digest? = nil
    ) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the manifest of", artifact(), because: reason,
                remedy: "ask its publisher for an OCI or docker schema 2 image")
        }
        guard raw.count <= Self.largestSize else {
            throw refuse("it has \(raw.count) bytes, more than \(Self.largestSize)")
        }
        let fields: Fields
        do {
            let json = try JSONNode(unambiguous: raw)
            // The decoder says what is wrong, and takes what few manifests have.
            fields =
                try Fields(json, in: raw)
                ?? JSONText.decode(
                    Fields.self, from: raw, values: Self.mostValues)
        } catch {
            throw refuse((error as? JSONFault)?.sentence ?? Self.explain(error))
        }
        guard fields.schemaVersion == 2 else {
            var failure = refuse("its schema version is \(fields.schemaVersion), not 2")
            if fields.schemaVersion == 1 {
                failure.remedy = "convert it: skopeo copy --format v2s2 docker://OLD docker://NEW"
            }
            throw failure
        }
        let (found, content): (String, Content)
        do throws(ContentFault) {
            (found, content) = try Self.content(of: fields, promised: type)
        } catch {
            throw refuse(error.reason)
        }
        storage = Storage(
            raw: raw,
            descriptor: Descriptor(
                mediaType: MediaType.shared(found), digest: digest ?? Digest(of: raw, algorithm),
                size: Int64(raw.count)),
            content: content, subject: fields.subject,
            artifactType: fields.artifactType.flatMap { $0.isEmpty ? nil : $0 } ?? fields.config?.mediaType)
    }

    private struct ContentFault: Error { let reason: String }

    /// What the fields make, and its media type.
    private static func content(
        of fields: Fields, promised type: String?
    ) throws(ContentFault) -> (type: String, content: Content) {
        let promised = type.flatMap { MediaType.accepted.contains($0) ? $0 : nil }
        if let promised, let written = fields.mediaType, written != promised {
            throw ContentFault(
                reason: "it was promised as \(promised), but says of itself that it is \(written)")
        }
        let named = fields.mediaType ?? promised
        // `null` is an empty list to the tools that write it; what the content is, its type says then.
        let isIndex = MediaType.indexes.contains(named ?? "")
        switch (fields.manifests ?? (isIndex ? [] : nil), fields.config, fields.layers) {
        case (let manifests?, nil, nil):
            let found = named ?? MediaType.index
            guard MediaType.indexes.contains(found) else {
                throw ContentFault(reason: "an index of the type \(found)")
            }
            return (found, .index(manifests))
        case (nil, let config?, let layers):
            let found = named ?? MediaType.manifest
            guard [MediaType.manifest, MediaType.dockerManifest].contains(found) else {
                throw ContentFault(reason: "a manifest of the type \(found)")
            }
            return (found, .image(config: config, layers: layers ?? []))
        default:
            throw ContentFault(
                reason: "it is neither an index (manifests) nor an image or artifact (config)")
        }
    }

    /// The descriptors that the content names: manifests of an index, config and layers of an image.
    package var children: [Descriptor] {
        switch content {
        case .image(let config, let layers): [config] + layers
        case .index(let manifests): manifests
        }
    }

    /// The manifests that an index names.
    package var manifests: [Descriptor] {
        if case .index(let all) = content {
            all.filter { MediaType.accepted.contains($0.mediaType) }
        } else {
            []
        }
    }

    /// The content that is named and is no manifest: config and layers, or what an index has of other types.
    package var blobs: [Descriptor] {
        switch content {
        case .image: children
        case .index(let all): all.filter { !MediaType.accepted.contains($0.mediaType) }
        }
    }

    /// An OCI index of `manifests`, in their order; equal ones give equal bytes: compact JSON, sorted keys.
    package static func index(of manifests: [Descriptor]) throws(Failure) -> Manifest {
        try Manifest(parsing: indexBytes(of: manifests), type: MediaType.index, artifact: "a generated index")
    }

    /// The bytes of ``index(of:)``, of any size: a layout's `index.json` may be larger than a registry's.
    package static func indexBytes(of manifests: [Descriptor]) throws(Failure) -> [UInt8] {
        struct Index: Encodable {
            var schemaVersion = 2
            var mediaType = MediaType.index
            var manifests: [Descriptor]
        }
        return try CompactJSON.encode(Index(manifests: manifests))
    }

    private struct Fields: Decodable {
        var schemaVersion: Int
        var mediaType: String?
        var manifests: [Descriptor]?
        var config: Descriptor?
        var layers: [Descriptor]?
        var subject: Descriptor?
        var artifactType: String?

        /// The fields of a manifest that has what most have; `nil` for any other, which is for the decoder.
        init?(_ json: JSONNode, in bytes: [UInt8]) {
            guard let version = json.members?["schemaVersion"]?.size(in: bytes) else { return nil }
            schemaVersion = Int(version)
            for field in json.members ?? [] {
                let value = field.value
                var isRead = true
                switch field.key {
                case "mediaType": isRead = read(value.text(in: bytes), into: &mediaType)
                case "artifactType": isRead = read(value.text(in: bytes), into: &artifactType)
                case "config": isRead = read(Descriptor(value, in: bytes), into: &config)
                case "subject": isRead = read(Descriptor(value, in: bytes), into: &subject)
                case "layers": isRead = read(Self.descriptors(value, in: bytes), into: &layers)
                case "manifests": isRead = read(Self.descriptors(value, in: bytes), into: &manifests)
                default: break
                }
                if !isRead { return nil }
            }
        }

        private func read<Value>(_ value: Value?, into field: inout Value?) -> Bool {
            field = value
            return value != nil
        }

        private static func descriptors(_ list: JSONNode, in bytes: [UInt8]) -> [Descriptor]? {
            guard let elements = list.elements else { return nil }
            let found = elements.compactMap { Descriptor($0, in: bytes) }
            return found.count == elements.count ? found : nil
        }
    }

    /// A decoding error in a sentence: where, and what was wrong there.
    package static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (context, what): (DecodingError.Context, String?) =
            switch error {
            case .keyNotFound(let key, let context): (context, "'\(key.stringValue)' is missing")
            case .typeMismatch(let type, let context): (context, "a value that is not a \(type)")
            case .valueNotFound(let type, let context): (context, "null in place of a \(type)")
            case .dataCorrupted(let context): (context, nil)
            @unknown default: (.init(codingPath: [], debugDescription: "\(error)"), nil)
            }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        let place = path.isEmpty ? "" : "at \(path.joined(separator: ".")): "
        return place + (what ?? context.debugDescription)
    }
}
