// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A list of SHA-256 digests by file name, in any of the usual forms: lines of GNU `sha256sum` (text or
/// binary mark, escaped names), of BSD `SHA256 (NAME) = DIGEST`, of `openssl dgst`, or nothing but one digest.
package struct ChecksumList: Sendable, Equatable {
    /// The digests by name, as the list has it.
    package let entries: [String: Digest]
    /// The digest of a list that names no file.
    package let only: Digest?

    /// Parses `bytes`. Empty lines, comments (`#`) and the lines of other algorithms are skipped.
    /// - Throws: a ``Failure`` of kind `data` for a line of another form, for a name with two digests, and
    ///   for a list without any.
    package init(parsing bytes: [UInt8], artifact: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the checksum list", artifact, because: reason,
                remedy: "give the URL of a list as sha256sum writes it, or write the digest into the spec")
        }
        var entries: [String: Digest] = [:]
        var bare: [Digest] = []
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() where !Self.isSkipped(line) {
            guard let (name, digest) = Self.parse(line) else {
                throw refuse("line \(number + 1) is not a checksum line")
            }
            guard let name else {
                bare.append(digest)
                continue
            }
            guard entries.updateValue(digest, forKey: name) ?? digest == digest else {
                throw refuse("'\(name.prefix(80))' is listed with two digests")
            }
        }
        guard bare.count <= (entries.isEmpty ? 1 : 0) else {
            throw refuse("it has digests without names among others with names")
        }
        guard !entries.isEmpty || !bare.isEmpty else { throw refuse("there is no SHA-256 digest in it") }
        self.entries = entries
        only = bare.first
    }

    /// The digest of the file called `name`: that of this very name, or of the one path that ends with it;
    /// in a list without names, its digest.
    /// - Throws: a ``Failure`` of kind `data` when the list has none, or more than one.
    package func digest(of name: String, artifact: String) throws(Failure) -> Digest {
        if let only { return only }
        if let digest = entries[name] ?? entries["./" + name] { return digest }
        let found = Set(entries.filter { $0.key.hasSuffix("/" + name) }.map(\.value))
        if found.count == 1, let digest = found.first { return digest }
        throw Failure(
            .data, "find '\(name)' in the checksum list", artifact,
            because: found.isEmpty ? "it is not listed" : "it is listed more than once",
            remedy: "write the digest into the spec")
    }

    private static let others = ["MD5", "SHA1", "SHA224", "SHA384", "SHA512", "BLAKE2b"]

    /// What stands around the name in lists of BSD and `sha256sum --tag`, and of `openssl dgst`, old and new.
    private static let tagged = [
        (begin: "SHA256 (", end: ") = "), (begin: "SHA256(", end: ")= "), (begin: "SHA2-256(", end: ")= "),
    ]

    private static func isSkipped(_ line: Substring) -> Bool {
        line.allSatisfy(\.isWhitespace) || line.hasPrefix("#")
            || others.contains { line.hasPrefix($0 + " (") }
    }

    /// Name, where there is one, and digest of a line.
    private static func parse(_ line: Substring) -> (String?, Digest)? {
        // A backslash in front says that the name is escaped.
        let isEscaped = line.hasPrefix("\\")
        let rest = isEscaped ? line.dropFirst() : line
        func plain(_ name: some StringProtocol, digest: Digest) -> (String?, Digest)? {
            isEscaped ? unescape(String(name)).map { ($0, digest) } : (String(name), digest)
        }
        if let mark = tagged.first(where: { rest.hasPrefix($0.begin) }) {
            let words = rest.dropFirst(mark.begin.count)
            guard let digest = Digest(hex: words.suffix(64).lowercased()),
                words.dropLast(64).hasSuffix(mark.end)
            else { return nil }
            return plain(words.dropLast(64 + mark.end.count), digest: digest)
        }
        guard let digest = Digest(hex: rest.prefix(64).lowercased()) else { return nil }
        let tail = rest.dropFirst(64)
        if tail.allSatisfy(\.isWhitespace) { return (nil, digest) }
        guard tail.hasPrefix("  ") || tail.hasPrefix(" *") else {
            // Written by hand: one space or a tab.
            let name = tail.drop(while: \.isWhitespace)
            return name.count < tail.count ? (String(name), digest) : nil
        }
        return plain(tail.dropFirst(2), digest: digest)
    }

    private static func unescape(_ name: String) -> String? {
        var result = ""
        var letters = name.makeIterator()
        while let letter = letters.next() {
            guard letter == "\\" else {
                result.append(letter)
                continue
            }
            switch letters.next() {
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "\\": result.append("\\")
            default: return nil
            }
        }
        return result
    }
}
