// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A list of digests of one algorithm by file name, in any of the usual forms: lines of GNU `sha256sum` (text or
/// binary mark, escaped names), of BSD `SHA256 (NAME) = DIGEST`, of `openssl dgst`, or nothing but one digest; so of SHA-512.
package struct ChecksumList: Sendable, Equatable {
    /// The digests by name, as the list has it.
    package let entries: [String: Digest]
    /// The digest of a list that names no file.
    package let only: Digest?

    /// Parses `bytes` for digests of `algorithm`. Empty lines, comments (`#`) and the lines of other algorithms are skipped.
    /// - Throws: a ``Failure`` of kind `data` for a line of another form, for a name with two digests, and
    ///   for a list without any.
    package init(
        parsing bytes: [UInt8], by algorithm: Digest.Algorithm = .sha256, artifact: String
    ) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the checksum list", artifact, because: reason,
                remedy:
                    "give the URL of a list as \(algorithm.rawValue)sum writes it, or write the digest into the spec"
            )
        }
        var entries: [String: Digest] = [:]
        var bare: [Digest] = []
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() where !Self.isSkipped(line, for: algorithm) {
            guard let (name, digest) = Self.parse(line, by: algorithm) else {
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
        guard !entries.isEmpty || !bare.isEmpty else {
            throw refuse("there is no \(algorithm == .sha256 ? "SHA-256" : "SHA-512") digest in it")
        }
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

    private static let known = ["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "BLAKE2b"]

    /// What is around the name in lists of BSD and `sha256sum --tag`, and of `openssl dgst`, old and new.
    private static func tags(of algorithm: Digest.Algorithm) -> [(begin: String, end: String)] {
        let (name, bits) = algorithm == .sha256 ? ("SHA256", "SHA2-256") : ("SHA512", "SHA2-512")
        return [("\(name) (", ") = "), ("\(name)(", ")= "), ("\(bits)(", ")= ")]
    }

    private static func isSkipped(_ line: Substring, for algorithm: Digest.Algorithm) -> Bool {
        line.allSatisfy(\.isWhitespace) || line.hasPrefix("#")
            || known.contains { $0.lowercased() != algorithm.rawValue && line.hasPrefix($0 + " (") }
    }

    /// Name, where there is one, and digest of a line.
    private static func parse(_ line: Substring, by algorithm: Digest.Algorithm) -> (String?, Digest)? {
        let count = 2 * algorithm.count
        // A backslash in front says that the name is escaped.
        let isEscaped = line.hasPrefix("\\")
        let rest = isEscaped ? line.dropFirst() : line
        func plain(_ name: some StringProtocol, digest: Digest) -> (String?, Digest)? {
            isEscaped ? unescape(String(name)).map { ($0, digest) } : (String(name), digest)
        }
        if let mark = tags(of: algorithm).first(where: { rest.hasPrefix($0.begin) }) {
            let words = rest.dropFirst(mark.begin.count)
            guard let digest = Digest(hex: words.suffix(count).lowercased(), algorithm),
                words.dropLast(count).hasSuffix(mark.end)
            else { return nil }
            return plain(words.dropLast(count + mark.end.count), digest: digest)
        }
        guard let digest = Digest(hex: rest.prefix(count).lowercased(), algorithm) else { return nil }
        let tail = rest.dropFirst(count)
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
