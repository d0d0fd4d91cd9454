// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Bytes that a rewrite changes, and which part of an image's name they are.
struct ImageSpan: Sendable {
    /// What the bytes hold of the image's name.
    enum Part: Sendable {
        /// A line of an imageList: all of it, a missing tag filled in.
        case listed
        /// The name with its domain, where it has one; a tag and a digest stay as they are.
        case name
        /// What comes before the repository: the domain, and `path`, which begins with a slash, or nothing.
        case registry(path: String)
        /// The repository, whose domain is written elsewhere; one of Docker's official images gets `library/`.
        case repository(isOfficial: Bool)
        /// The domain and what follows, of images that a program names itself.
        case prefix
        /// `oci://` and the name.
        case address
    }

    /// The bytes, quotes not included; empty where a value is filled in.
    let range: Range<Int>
    /// Where the scalar begins that holds them.
    let scalar: Int
    /// Where the part begins in the text of the scalar, in bytes.
    let offset: Int
    /// The part as it is, escapes resolved.
    let text: String
    /// The image that it belongs to.
    let image: NamedImage
    let part: Part
    /// What is written around a value that is filled in.
    var filling = Filling.none

    var reference: Reference { image.reference }

    /// What is written around a value that is filled in: a blank after the colon, quotes in JSON.
    enum Filling: Sendable {
        case none, blank, quotes, blankAndQuotes

        func around(_ text: String) -> String {
            switch self {
            case .none: text
            case .blank: " " + text
            case .quotes: "\"" + text + "\""
            case .blankAndQuotes: " \"" + text + "\""
            }
        }
    }

    /// What the part becomes in `registry`.
    func text(in registry: String) -> String {
        if reference.domain == registry { return text }
        switch part {
        case .listed: return reference.moved(to: registry).description
        case .name:
            let rest = ImageName.withoutDomain(text)
            let isOfficial = reference.repository.hasPrefix("library/") && !rest.contains("/")
            return registry + "/" + (isOfficial ? "library/" : "") + rest
        case .registry(let path): return registry + path
        case .repository(let isOfficial): return (isOfficial ? "library/" : "") + text
        case .prefix:
            let rest = ImageName.domain(of: text).map { text.dropFirst($0.utf8.count) } ?? "/" + text[...]
            return registry + rest
        case .address: return "oci://" + registry + "/" + ImageName.withoutDomain(String(text.dropFirst(6)))
        }
    }
}

/// The parts of an image's name as text.
enum ImageName {
    /// What comes before the first slash, where it names a registry.
    static func domain(of text: String) -> String? {
        let bytes = text.utf8
        let first = bytes.prefix { $0 != UInt8(ascii: "/") }
        guard
            first.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
                || first.elementsEqual("localhost".utf8)
        else { return nil }
        return String(text[..<first.endIndex])
    }

    /// The domain of a whole name; a tag is not taken for a port.
    static func domain(ofName text: String) -> String? {
        text.utf8.contains(UInt8(ascii: "/")) ? domain(of: text) : nil
    }

    /// Whether a name begins with a domain that may be one of a registry, and is none of those that only keep sources.
    static func isRegistry(_ text: String) -> Bool {
        guard let domain = domain(of: text), (try? Reference(domain + "/x")) != nil else { return false }
        return !["github.com", "gitlab.com", "bitbucket.org", "gitee.com", "codeberg.org"].contains(domain)
    }

    static func withoutDomain(_ text: String) -> String {
        domain(ofName: text).map { String(text.dropFirst($0.count + 1)) } ?? text
    }

    /// A name without its tag and its digest.
    static func untagged(_ name: String) -> String { String(name[..<nameEnd(name)]) }

    /// Whether a name has a tag or a digest.
    static func isTagged(_ name: String) -> Bool { nameEnd(name) != name.endIndex }

    private static func nameEnd(_ name: String) -> String.Index {
        let rest = name.utf8.prefix { $0 != UInt8(ascii: "@") }
        let last = rest.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex
        return rest[last...].firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
    }

    /// Whether a text is a digest, which could be read as a name and a tag.
    static func isDigest(_ text: String) -> Bool { text.hasPrefix("sha256:") || text.hasPrefix("sha512:") }

    /// How much a text looks like the name of an image.
    enum Likeness: Int, Comparable {
        /// It may be anything.
        case none
        /// It is one where the place says so: `busybox:1`, `quay.io/a/b`, `a/b`.
        case weak
        /// It has a path, and a tag that looks like a version.
        case medium
        /// It has a digest, or a domain, a path and a tag.
        case strong

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// How much `text` looks like an image, and the image; `none` where it is not well formed.
    static func likeness(_ text: String) -> (Likeness, Reference?) {
        guard text.utf8.count < 512, let first = text.utf8.first, first != UInt8(ascii: "/"), !isDigest(text),
            let reference = try? Reference(text)
        else { return (.none, nil) }
        let domain = domain(ofName: text)
        // A version of an API, or a number of a port, is no registry.
        if let domain, domain.allSatisfy({ $0.isNumber || $0 == "." || $0 == "x" }), !domain.contains(":") {
            return (.none, nil)
        }
        guard reference.repository.contains(where: { $0.isLetter }) else { return (.none, nil) }
        if reference.digest != nil { return (.strong, reference) }
        guard let tag = reference.tag, isTagged(text) else {
            return (text.utf8.contains(UInt8(ascii: "/")) ? .weak : .none, reference)
        }
        if ["NoSchedule", "NoExecute", "PreferNoSchedule"].contains(tag) { return (.none, nil) }
        if domain != nil { return (.strong, reference) }
        guard text.utf8.contains(UInt8(ascii: "/")) else { return (.weak, reference) }
        let isVersion = tag.contains { $0.isNumber } || commonTags.contains(tag)
        return (isVersion ? .medium : .weak, reference)
    }

    private static let commonTags: Set<String> = [
        "latest", "stable", "main", "master", "edge", "nightly", "dev", "alpine", "canary",
    ]
}
