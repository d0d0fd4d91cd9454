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

        /// What the text of a digest begins with.
        fileprivate var prefix: String { self == .sha256 ? "sha256:" : "sha512:" }
    }

    private struct Half: Hashable {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        /// - Precondition: `bytes` has 32 bytes.
        init(_ bytes: some Collection<UInt8>) {
            var place = bytes.startIndex
            func word() -> UInt64 {
                var word: UInt64 = 0
                for _ in 0..<8 {
                    word = word << 8 | UInt64(bytes[place])
                    bytes.formIndex(after: &place)
                }
                return word
            }
            words = (word(), word(), word(), word())
        }

        /// Parses 64 lower-case hexadecimal digits.
        init?(hex digits: some Collection<UInt8>) {
            var place = digits.startIndex
            var isHex = true
            func word() -> UInt64 {
                var word: UInt64 = 0
                for _ in 0..<16 {
                    let nibble = Digest.nibble(digits[place])
                    if nibble == nil { isHex = false }
                    word = word << 4 | UInt64(nibble ?? 0)
                    digits.formIndex(after: &place)
                }
                return word
            }
            words = (word(), word(), word(), word())
            if !isHex { return nil }
        }

        /// Gives its bytes in order, the most significant first.
        func forEachByte(_ body: (UInt8) -> Void) {
            for word in [words.0, words.1, words.2, words.3] {
                for shift in stride(from: 56, through: 0, by: -8) {
                    body(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
                }
            }
        }

        static func == (left: Half, right: Half) -> Bool { left.words == right.words }

        /// Feeds the first word, which is as good as random.
        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    /// Outside of the value: few digests have it, and a bundle has tens of thousands of digests.
    private final class Tail: Sendable, Hashable {
        let half: Half
        init(_ half: Half) { self.half = half }
        static func == (left: Tail, right: Tail) -> Bool { left.half == right.half }
        func hash(into hasher: inout Hasher) { hasher.combine(half) }
    }

    // Words rather than an array: twenty thousand digests cost no allocation.
    private let head: Half
    /// The second half of a SHA-512 digest.
    private let tail: Tail?

    /// Creates a digest from its bytes.
    /// - Precondition: `bytes` holds exactly the 32 bytes of SHA-256, or the 64 of SHA-512.
    package init(bytes: some Collection<UInt8>) {
        precondition(
            Algorithm.allCases.contains { $0.count == bytes.count },
            "a digest has the bytes of its algorithm")
        head = Half(bytes.prefix(32))
        tail = bytes.count > 32 ? Tail(Half(bytes.dropFirst(32))) : nil
    }

    /// How it was computed.
    package var algorithm: Algorithm { tail == nil ? .sha256 : .sha512 }

    /// Parses the algorithm's name, a colon, and its lower-case hexadecimal digits, and nothing else.
    /// - Throws: a ``Failure`` of kind `data` that shows the text.
    package init(_ text: String) throws(Failure) {
        guard let digest = Digest(text: text.utf8) else {
            throw Failure(
                .data, "read the digest", "'\(text.prefix(100))'",
                because: "expected 'sha256:' and 64, or 'sha512:' and 128, lower-case hexadecimal digits")
        }
        self = digest
    }

    /// Parses the UTF-8 of a digest's text as ``init(_:)`` does; `nil` for anything else.
    init?(text: some Collection<UInt8>) {
        guard
            let algorithm = Algorithm.allCases.first(where: {
                text.starts(with: $0.prefix.utf8) && text.count == $0.prefix.utf8.count + 2 * $0.count
            })
        else { return nil }
        self.init(digits: text.dropFirst(algorithm.prefix.utf8.count), algorithm)
    }

    /// Parses the lower-case hexadecimal digits of that algorithm; `nil` for anything else.
    package init?(hex: some StringProtocol, _ algorithm: Algorithm = .sha256) {
        guard hex.utf8.count == 2 * algorithm.count else { return nil }
        self.init(digits: hex.utf8, algorithm)
    }

    /// - Precondition: there are as many digits as the algorithm has.
    private init?(digits: some Collection<UInt8>, _ algorithm: Algorithm) {
        guard let head = Half(hex: digits.prefix(64)) else { return nil }
        self.head = head
        if algorithm == .sha512 {
            guard let half = Half(hex: digits.dropFirst(64)) else { return nil }
            tail = Tail(half)
        } else {
            tail = nil
        }
    }

    /// The bytes, most significant first.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(algorithm.count)
        head.forEachByte { bytes.append($0) }
        tail?.half.forEachByte { bytes.append($0) }
        return bytes
    }

    /// The lower-case hexadecimal digits.
    package var hex: String {
        String(unsafeUninitializedCapacity: 2 * algorithm.count) { buffer in
            var count = 0
            func digit(_ nibble: UInt8) {
                buffer.initializeElement(at: count, to: nibble + (nibble < 10 ? 0x30 : 0x57))
                count += 1
            }
            func digits(_ byte: UInt8) {
                digit(byte >> 4)
                digit(byte & 15)
            }
            head.forEachByte(digits)
            tail?.half.forEachByte(digits)
            return count
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
        return one.half.words < other.half.words
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
