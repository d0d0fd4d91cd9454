// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// What a manifest says of a blob: its type, size in bytes and digest. Source: OCI `descriptor.md`.
package struct Descriptor: Sendable, Hashable, Codable {
    /// The media type, as it was written.
    package var mediaType: String
    /// The digest of the content.
    package var digest: Digest
    /// The content's size in bytes, 0 to 2^53 - 1.
    package var size: Int64
    /// What few descriptors have; `nil` where this one has none of it.
    private var rare: Rare?

    /// Outside of the value: a bundle has tens of thousands of descriptors, most of them of layers and configs.
    private final class Rare: Sendable, Hashable {
        let platform: PlatformFields?
        let annotations: [String: String]?
        let artifactType: String?
        let urls: [String]?

        init?(
            platform: PlatformFields?, annotations: [String: String]?, artifactType: String?, urls: [String]?
        ) {
            if platform == nil, annotations == nil, artifactType == nil, urls == nil { return nil }
            self.platform = platform
            self.annotations = annotations
            self.artifactType = artifactType
            self.urls = urls
        }

        static func == (left: Rare, right: Rare) -> Bool {
            left.platform == right.platform && left.annotations == right.annotations
                && left.artifactType == right.artifactType && left.urls == right.urls
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(platform)
            hasher.combine(annotations)
            hasher.combine(artifactType)
            hasher.combine(urls)
        }
    }

    /// The platform of an image in an index.
    package var platform: PlatformFields? {
        get { rare?.platform }
        set {
            rare = Rare(platform: newValue, annotations: annotations, artifactType: artifactType, urls: urls)
        }
    }
    /// Free text by key.
    package var annotations: [String: String]? {
        get { rare?.annotations }
        set { rare = Rare(platform: platform, annotations: newValue, artifactType: artifactType, urls: urls) }
    }
    /// The type of an artifact.
    package var artifactType: String? {
        get { rare?.artifactType }
        set { rare = Rare(platform: platform, annotations: annotations, artifactType: newValue, urls: urls) }
    }
    /// Where a foreign layer may be had from. Never followed unasked.
    package var urls: [String]? {
        get { rare?.urls }
        set {
            rare = Rare(
                platform: platform, annotations: annotations, artifactType: artifactType, urls: newValue)
        }
    }

    private enum CodingKeys: CodingKey {
        case mediaType, digest, size, platform, annotations, artifactType, urls
    }

    /// What an object says where it has a type, a digest, a size and at most a platform: what almost all have. `nil` for
    /// any other, which is for the decoder.
    init?(_ json: JSONNode, in bytes: [UInt8]) {
        guard let fields = json.members, let type = fields["mediaType"]?.text(in: bytes),
            let digest = fields["digest"].flatMap({ Digest(text: $0.quoted(in: bytes)) }),
            let size = fields["size"]?.size(in: bytes)
        else { return nil }
        var (platform, count) = (PlatformFields?.none, 3)
        if let found = fields["platform"] {
            guard let fields = PlatformFields(found, in: bytes) else { return nil }
            (platform, count) = (fields, 4)
        }
        guard fields.count == count else { return nil }
        (mediaType, self.digest, self.size) = (MediaType.shared(type), digest, size)
        rare = platform.flatMap { Rare(platform: $0, annotations: nil, artifactType: nil, urls: nil) }
    }

    /// Creates a descriptor.
    package init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil,
        annotations: [String: String]? = nil, artifactType: String? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        rare =
            platform == nil && annotations == nil && artifactType == nil
            ? nil
            : Rare(
                platform: platform.map(PlatformFields.init), annotations: annotations,
                artifactType: artifactType, urls: nil)
    }

    /// Feeds what differs between almost any two.
    package func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    /// The descriptor of `bytes`.
    package init(
        mediaType: String, of bytes: [UInt8], annotations: [String: String]? = nil,
        by algorithm: Digest.Algorithm = .sha256
    ) {
        self.init(
            mediaType: mediaType, digest: Digest(of: bytes, algorithm), size: Int64(bytes.count),
            annotations: annotations)
    }

    /// Largest size that every JSON reader keeps exactly: 2^53 - 1 bytes.
    package static let largestSize: Int64 = 1 << 53 - 1

    /// Decodes a descriptor and refuses a negative size or one above ``largestSize``.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        mediaType = MediaType.shared(try fields.decode(String.self, forKey: .mediaType))
        digest = try fields.decode(Digest.self, forKey: .digest)
        size = try fields.decode(Int64.self, forKey: .size)
        guard (0...Self.largestSize).contains(size) else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: fields, debugDescription: "the size \(size) is out of bounds")
        }
        rare = Rare(
            platform: try fields.decodeIfPresent(PlatformFields.self, forKey: .platform),
            annotations: try fields.decodeIfPresent([String: String].self, forKey: .annotations),
            artifactType: try fields.decodeIfPresent(String.self, forKey: .artifactType),
            urls: try fields.decodeIfPresent([String].self, forKey: .urls))
    }

    /// Encodes what there is.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(mediaType, forKey: .mediaType)
        try fields.encode(digest, forKey: .digest)
        try fields.encode(size, forKey: .size)
        try fields.encodeIfPresent(platform, forKey: .platform)
        try fields.encodeIfPresent(annotations, forKey: .annotations)
        try fields.encodeIfPresent(artifactType, forKey: .artifactType)
        try fields.encodeIfPresent(urls, forKey: .urls)
    }
}

/// A platform as the JSON of an index spells it: an object, in which attestations write `unknown`. What is left out is
/// empty.
package struct PlatformFields: Sendable, Hashable, Codable {
    /// GOARCH.
    package var architecture: String
    /// GOOS.
    package var os: String
    /// The processor's variant.
    package var variant: String?

    /// Decodes the fields; one that is not there is empty.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        architecture = try fields.decodeIfPresent(String.self, forKey: .architecture) ?? ""
        os = try fields.decodeIfPresent(String.self, forKey: .os) ?? ""
        variant = try fields.decodeIfPresent(String.self, forKey: .variant)
    }

    /// What an object says that has these fields only, each a text; `nil` for any other, which is for the decoder.
    init?(_ json: JSONNode, in bytes: [UInt8]) {
        guard let fields = json.members else { return nil }
        (architecture, os) = ("", "")
        for field in fields {
            guard let text = field.value.text(in: bytes) else { return nil }
            switch field.key {
            case "architecture": architecture = text
            case "os": os = text
            case "variant": variant = text
            default: return nil
            }
        }
    }

    /// What a config says that its image runs on; `nil` for bytes that are no JSON object with such fields.
    package init?(config: [UInt8]) {
        guard let fields = try? JSONText.decode(PlatformFields.self, from: config) else {
            return nil
        }
        self = fields
    }

    /// The platform, where they name one that images are chosen by; `nil` for attestations (`unknown`), WASM, and where
    /// a part is left out.
    package var named: Platform? {
        let isNeutral =
            ["", "unknown"].contains(os) || ["", "unknown", "wasm"].contains(architecture)
            || os.hasPrefix("wasi")
        return isNeutral ? nil : value
    }

    /// The fields of a platform.
    package init(_ platform: Platform) {
        architecture = platform.architecture
        os = platform.os
        variant = platform.variant
    }

    /// The platform, normalised.
    package var value: Platform { Platform(os: os, architecture: architecture, variant: variant) }
}
