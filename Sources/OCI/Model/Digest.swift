// SPDX-License-Identifier: Apache-2.0

/// A content digest. A value of this type is always well formed.
///
/// Source: OCI image specification, `descriptor.md`, "Registered Algorithms". SHA-256 is what sealift itself writes and
/// what ids are; SHA-512 is read, verified and kept where others wrote it. Other algorithms are refused.
package struct Digest: Sendable, Hashable {
    /// How a digest is computed.
    package enum Algorithm: String, Sendable, Codable, CaseIterable {
        /// SHA-256, FIPS 180-4.
        case sha256
        /// SHA-512, FIPS 180-4.
        case sha512

        /// How many bytes a digest has.
        package var count: Int { self == .sha256 ? 32 : 64 }
    }

    private struct Half: Hashable {
        var words: (UInt64, UInt64, UInt64, UInt64)

        init(_ bytes: some Collection<UInt8>) {
            var words: [UInt64] = [0, 0, 0, 0]
            for (index, byte) in bytes.enumerated() {
                words[index / 8] = words[index / 8] << 8 | UInt64(byte)
            }
            self.words = (words[0], words[1], words[2], words[3])
        }

        var bytes: [UInt8] {
            [words.0, words.1, words.2, words.3].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
            }
        }

        static func == (left: Half, right: Half) -> Bool { left.words == right.words }

        /// Feeds the first word, which is as good as random.
        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    // Words rather than an array: twenty thousand digests cost no allocation.
    private let head: Half
    /// The second half of a SHA-512 digest.
    private let tail: Half?

    /// Creates a digest from its bytes.
    /// - Precondition: `bytes` holds exactly the 32 bytes of SHA-256, or the 64 of SHA-512.
    package init(bytes: some Collection<UInt8>) {
        precondition(
            Algorithm.allCases.contains { $0.count == bytes.count },
            "a digest has the bytes of its algorithm")
        head = Half(bytes.prefix(32))
        tail = bytes.count > 32 ? Half(bytes.dropFirst(32)) : nil
    }

    /// How it was computed.
    package var algorithm: Algorithm { tail == nil ? .sha256 : .sha512 }

    /// Parses the algorithm's name, a colon, and its lower-case hexadecimal digits, and nothing else.
    /// - Throws: a ``Failure`` of kind `data` that shows the text.
    package init(_ text: String) throws(Failure) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])),
            let digest = Digest(hex: parts[1], algorithm)
        else {
            throw Failure(
                .data, "read the digest", "'\(text.prefix(100))'",
                because: "expected 'sha256:' and 64, or 'sha512:' and 128, lower-case hexadecimal digits")
        }
        self = digest
    }

    /// Parses the lower-case hexadecimal digits of that algorithm; `nil` for anything else.
    package init?(hex: some StringProtocol, _ algorithm: Algorithm = .sha256) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * algorithm.count else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(algorithm.count)
        for pair in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.nibble(digits[pair]), let low = Self.nibble(digits[pair + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    /// The bytes, most significant first.
    package var bytes: [UInt8] { head.bytes + (tail?.bytes ?? []) }

    /// The lower-case hexadecimal digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = bytes
        return String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[2 * index] = digits[Int(byte >> 4)]
                buffer[2 * index + 1] = digits[Int(byte & 15)]
            }
            return 2 * bytes.count
        }
    }

    /// The first 12 hexadecimal digits, for people.
    package var short: String { String(hex.prefix(12)) }

    /// Where an image layout has the content: `blobs/sha256/…`.
    package var layoutPath: String { "blobs/\(algorithm.rawValue)/\(hex)" }

    /// The digest whose content is at `path` of an image layout; `nil` for a path of any other form.
    package init?(layoutPath path: some StringProtocol) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "blobs", let algorithm = Algorithm(rawValue: String(parts[1]))
        else { return nil }
        self.init(hex: parts[2], algorithm)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

extension Digest: Comparable {
    /// Orders digests by algorithm and bytes, which is the order of their text.
    package static func < (left: Digest, right: Digest) -> Bool {
        guard left.algorithm == right.algorithm else { return left.tail == nil }
        if left.head != right.head { return left.head.words < right.head.words }
        guard let one = left.tail, let other = right.tail else { return false }
        return one.words < other.words
    }
}

extension Digest: CustomStringConvertible {
    /// `sha256:` and 64 digits, or `sha512:` and 128: the form of every document.
    package var description: String { "\(algorithm.rawValue):\(hex)" }
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
