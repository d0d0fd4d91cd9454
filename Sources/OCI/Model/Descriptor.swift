// SPDX-License-Identifier: Apache-2.0

/// What a manifest says of a blob: its type, size in bytes and digest. Source: OCI `descriptor.md`.
package struct Descriptor: Sendable, Hashable, Codable {
    /// The media type, as it was written.
    package var mediaType: String
    /// The digest of the content.
    package var digest: Digest
    /// The content's size in bytes, 0 to 2^53 - 1.
    package var size: Int64
    /// The platform of an image in an index.
    package var platform: PlatformFields?
    /// Free text by key.
    package var annotations: [String: String]?
    /// The type of an artifact.
    package var artifactType: String?
    /// Where a foreign layer may be had from. Never followed unasked.
    package var urls: [String]?

    /// Creates a descriptor.
    package init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil,
        annotations: [String: String]? = nil, artifactType: String? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform.map(PlatformFields.init)
        self.annotations = annotations
        self.artifactType = artifactType
    }

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
        mediaType = try fields.decode(String.self, forKey: .mediaType)
        digest = try fields.decode(Digest.self, forKey: .digest)
        size = try fields.decode(Int64.self, forKey: .size)
        guard (0...Self.largestSize).contains(size) else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: fields, debugDescription: "the size \(size) is out of bounds")
        }
        platform = try fields.decodeIfPresent(PlatformFields.self, forKey: .platform)
        annotations = try fields.decodeIfPresent([String: String].self, forKey: .annotations)
        artifactType = try fields.decodeIfPresent(String.self, forKey: .artifactType)
        urls = try fields.decodeIfPresent([String].self, forKey: .urls)
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
