// SPDX-License-Identifier: Apache-2.0

/// The full name of an image: domain, repository, and a tag, a digest or both.
///
/// Source: the grammar of distribution's `reference` package. A value always has a domain and a tag or
/// digest; what was left out is filled in from ``Defaults`` when it is parsed.
package struct Reference: Sendable, Hashable {
    /// `host[:port]` of the registry, as the user means it: `docker.io`, `sea.hub:5000`.
    package let domain: String
    /// The path below the domain, without a slash at either end: `calico/node`.
    package let repository: String
    /// The tag; `nil` only where a digest is given.
    package let tag: String?
    /// The digest that pins the content, where one is given.
    package let digest: Digest?

    /// The defaults of a short name.
    package struct Defaults: Sendable {
        /// The domain of a name without one.
        package let domain: String
        /// The prefix of a name without a slash.
        package let namespace: String

        /// Docker's: `nginx` is `docker.io/library/nginx`.
        package static let docker = Defaults(domain: "docker.io", namespace: "library")
        /// sealer's: `kubernetes` is `registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes`.
        package static let sealer = Defaults(
            domain: "registry.cn-qingdao.aliyuncs.com", namespace: "sealer-io")
    }

    /// Creates a reference from parts that are known to be well formed; the tag becomes `latest` where
    /// neither tag nor digest is given.
    package init(domain: String, repository: String, tag: String? = nil, digest: Digest? = nil) {
        self.domain = domain
        self.repository = repository
        self.tag = tag == nil && digest == nil ? "latest" : tag
        self.digest = digest
    }

    /// Parses a reference as a user writes it, short names included.
    /// - Throws: a ``Failure`` of kind `configuration` that shows the text and says which part is wrong.
    package init(_ text: String, defaults: Defaults = .docker) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            let shown = String(text.prefix(120).map { $0.isASCII && !$0.isNewline ? $0 : "?" })
            return Failure(
                .configuration, "read the image reference", "'\(shown)'", because: reason,
                remedy: "write it like quay.io/tigera/operator:v1.17.4")
        }
        // By bytes, not by characters: all that a reference may hold is ASCII, and bundles have tens of thousands.
        var rest = Substring(text)
        var digest: Digest?
        if let at = rest.utf8.firstIndex(of: UInt8(ascii: "@")) {
            do { digest = try Digest(String(rest[rest.utf8.index(after: at)...])) } catch {
                throw refuse(error.reason)
            }
            rest = rest[..<at]
        }
        var tag: String?
        let name =
            rest.utf8.lastIndex(of: UInt8(ascii: "/")).map { rest.utf8.index(after: $0) } ?? rest.startIndex
        if let colon = rest[name...].utf8.firstIndex(of: UInt8(ascii: ":")) {
            tag = String(rest[rest.utf8.index(after: colon)...])
            rest = rest[..<colon]
        }
        if let tag, !Self.isTag(tag) { throw refuse("the tag '\(tag.prefix(40))' is not well formed") }
        let (domain, path) = Self.place(of: rest, defaults: defaults)
        guard Self.isDomain(domain) else {
            throw refuse("the registry '\(domain.prefix(60))' is not well formed")
        }
        guard Self.isRepository(path) else {
            throw refuse(
                rest.isEmpty
                    ? "it is empty"
                    : "a name has lower-case letters, digits and single separators, 255 characters at most")
        }
        self.init(domain: domain, repository: path, tag: tag, digest: digest)
    }

    /// The domain and the path that a name without tag and digest means.
    private static func place(of name: Substring, defaults: Defaults) -> (domain: String, path: String) {
        var (domain, path) = (defaults.domain, String(name))
        if let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) {
            let first = name[..<slash]
            if first.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
                || first == "localhost"
            {
                (domain, path) = (String(first), String(name[name.utf8.index(after: slash)...]))
            }
        }
        if domain == "index.docker.io" { domain = "docker.io" }
        let isShort = domain == defaults.domain && !path.utf8.contains(UInt8(ascii: "/"))
        return (domain, isShort ? defaults.namespace + "/" + path : path)
    }

    /// The reference without its domain: `calico/node:v3.19.1`.
    package var path: String { repository + suffix }

    /// The same name in the registry `domain`, which sealer's offline rewriting asks for.
    package func moved(to domain: String) -> Reference {
        Reference(domain: domain, repository: repository, tag: tag, digest: digest)
    }

    /// The reference without its digest, where it has a tag: what a registry's tag or a list of names calls it.
    package var unpinned: Reference {
        tag == nil ? self : Reference(domain: domain, repository: repository, tag: tag)
    }

    /// Whether this reference, wherever it is written, means the image that is carried as `carried`: the same name,
    /// the same tag where both have one, and, where this one is pinned, that very content.
    ///
    /// `name:tag@sha256:…` is the image `name:tag` whose content has that digest; `name@sha256:…` is any tag of it.
    /// - Parameters:
    ///   - carried: the name of a carried image.
    ///   - content: the digests that it answers to: what its name resolved to, and each platform's manifest. Empty
    ///     while they are not known yet: then only a digest in `carried` can contradict.
    package func means(_ carried: Reference, content: [Digest] = []) -> Bool {
        guard (domain, repository) == (carried.domain, carried.repository) else { return false }
        guard let digest else { return tag == carried.tag }
        if let tag, let other = carried.tag, tag != other { return false }
        let known = content + [carried.digest].compactMap(\.self)
        return known.isEmpty || known.contains(digest)
    }

    /// The form people write: Docker's own domain and `library/` are left out.
    package var familiar: String {
        guard domain == Defaults.docker.domain else { return description }
        let official = repository.hasPrefix("library/") && repository.split(separator: "/").count == 2
        return (official ? String(repository.dropFirst(8)) : repository) + suffix
    }

    private var suffix: String { (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

    private static func isTag(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...128).contains(bytes.count), bytes.first != 0x2E, bytes.first != 0x2D else { return false }
        return bytes.allSatisfy { isWord($0) || isUpper($0) || isSeparator($0) }
    }

    private static func isRepository(_ text: String) -> Bool {
        guard (1...255).contains(text.utf8.count) else { return false }
        // The byte before, and how often it is repeated: between words there is a dot, one or two underscores, or
        // any number of dashes; between components a slash.
        var (last, run) = (UInt8(ascii: "/"), 1)
        for byte in text.utf8 {
            if isSeparator(byte), byte == last {
                run += 1
                guard byte == UInt8(ascii: "-") || (byte == UInt8(ascii: "_") && run == 2) else {
                    return false
                }
            } else {
                let isBetween = isSeparator(byte) || byte == UInt8(ascii: "/")
                guard isBetween ? isWord(last) : isWord(byte) else { return false }
                (last, run) = (byte, 1)
            }
        }
        return isWord(last)
    }

    private static func isDomain(_ text: String) -> Bool {
        guard text.utf8.count <= 255, let place = try? HostPort(text), place.port != 0 else { return false }
        if place.isIPv6 { return !place.host.utf8.contains(UInt8(ascii: "%")) }
        // Labels between dots; a dash is within a label.
        var last = UInt8(ascii: ".")
        for byte in place.host.utf8 {
            switch byte {
            case UInt8(ascii: "."): guard isWord(last) || isUpper(last) else { return false }
            case UInt8(ascii: "-"): guard last != UInt8(ascii: ".") else { return false }
            default: guard isWord(byte) || isUpper(byte) else { return false }
            }
            last = byte
        }
        return isWord(last) || isUpper(last)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    /// `.`, `-` or `_`.
    private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0x2E || byte == 0x2D || byte == 0x5F }
}

extension Collection<Reference> {
    /// The one that `reference` means: the very same, else the first that ``Reference/means(_:content:)`` admits.
    package func meant(by reference: Reference) -> Reference? {
        first { $0 == reference } ?? first { reference.means($0) }
    }
}

extension Reference: CustomStringConvertible {
    /// The full form, domain included, which ``init(_:defaults:)`` reads back with any defaults.
    package var description: String { domain + "/" + path }
}

extension Reference: Comparable {
    /// Orders references by their full text.
    package static func < (left: Reference, right: Reference) -> Bool {
        // Without making the texts, where one part decides: ten thousand references are sorted and compared often.
        if left.domain != right.domain { return order(left.domain, right.domain) ?? byText(left, right) }
        if left.repository != right.repository {
            return order(left.repository, right.repository) ?? byText(left, right)
        }
        if let one = left.tag, let other = right.tag, left.digest == nil, right.digest == nil {
            return one < other
        }
        return left.suffix < right.suffix
    }

    /// Whether `left` comes before `right` whatever follows them; `nil` where one begins with the other.
    private static func order(_ left: String, _ right: String) -> Bool? {
        left.utf8.starts(with: right.utf8) || right.utf8.starts(with: left.utf8) ? nil : left < right
    }

    private static func byText(_ left: Reference, _ right: Reference) -> Bool {
        left.description < right.description
    }
}

extension Reference: Codable {
    /// Decodes the full text form.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = try Reference(container.decode(String.self))
        } catch let failure as Failure {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: failure.description)
        }
    }

    /// Encodes the full text form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
