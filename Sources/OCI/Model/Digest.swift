// SPDX-License-Identifier: Apache-2.0

/// A SHA-256 content digest. A value of this type is always well formed.
///
/// Source: OCI image specification, `descriptor.md`, "Digests". Other algorithms are refused: all
/// that sealift writes and compares is SHA-256.
package struct Digest: Sendable, Hashable {
    // Four words rather than an array: twenty thousand digests cost no allocation.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Creates a digest from its 32 bytes.
    /// - Precondition: `bytes` holds exactly 32 bytes.
    package init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == 32, "a SHA-256 digest has 32 bytes")
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    /// Parses `sha256:` and 64 lower-case hexadecimal digits, and nothing else.
    /// - Throws: a ``Failure`` of kind `data` that shows the text.
    package init(_ text: String) throws(Failure) {
        guard text.hasPrefix("sha256:"), let digest = Digest(hex: text.dropFirst(7)) else {
            throw Failure(
                .data, "read the digest", "'\(text.prefix(100))'",
                because: "expected 'sha256:' and 64 lower-case hexadecimal digits")
        }
        self = digest
    }

    /// Parses 64 lower-case hexadecimal digits; `nil` for anything else.
    package init?(hex: some StringProtocol) {
        let digits = Array(hex.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        for pair in stride(from: 0, to: 64, by: 2) {
            guard let high = Self.nibble(digits[pair]), let low = Self.nibble(digits[pair + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    /// The 32 bytes, most significant first.
    package var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    /// The 64 lower-case hexadecimal digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 64) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[2 * index] = digits[Int(byte >> 4)]
                buffer[2 * index + 1] = digits[Int(byte & 15)]
            }
            return 64
        }
    }

    /// The first 12 hexadecimal digits, for people.
    package var short: String { String(hex.prefix(12)) }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Two digests are equal when all 32 bytes are.
    package static func == (left: Digest, right: Digest) -> Bool { left.words == right.words }

    /// Feeds the first word, which is as good as random.
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension Digest: Comparable {
    /// Orders digests by their bytes, which is the order of their text.
    package static func < (left: Digest, right: Digest) -> Bool { left.words < right.words }
}

extension Digest: CustomStringConvertible {
    /// `sha256:` and 64 digits: the form of every document.
    package var description: String { "sha256:" + hex }
}

extension Digest: Codable {
    /// Decodes the text form.
    /// - Throws: `DecodingError.dataCorrupted` for anything that ``init(_:)`` refuses.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            self = try Digest(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Encodes the text form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
