// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Bytes that a rewrite changes, and which part of an image's name they are.
struct ImageSpot: Sendable {
    /// What the bytes hold of the image's name.
    enum Part: Sendable {
        /// All of it, tag and digest included.
        case whole
        /// The domain, where there is one, and the repository; the tag stands elsewhere.
        case name
        /// What stands before the repository: the domain, and `path` below it.
        case registry(path: String)
        /// The repository; the domain stands elsewhere.
        case repository
    }

    let range: Range<Int>
    /// Where the scalar begins that holds them.
    let scalar: Int
    /// The part as it is, escapes resolved.
    let text: String
    let reference: Reference
    let part: Part

    /// What is there after the image was rewritten to `registry`.
    func text(in registry: String) -> String {
        if reference.domain == registry { return text }
        return switch part {
        case .whole: reference.moved(to: registry).description
        case .name: registry + "/" + reference.repository
        case .registry(let path): path.isEmpty ? registry : registry + "/" + path
        case .repository: reference.repository
        }
    }
}

/// An image in parts, as the values of Helm's charts have it:
/// `image: {registry: quay.io, repository: tigera/operator, tag: v1.17.4}`.
struct SplitImage {
    /// The nodes that hold a part; an alias is not resolved.
    let name: YamlNode
    let registry: YamlNode?
    /// The whole name, a missing tag not filled in.
    let text: String
    /// Whether a tag or a digest is there.
    let isComplete: Bool
    /// Whether the keys alone say that this is an image.
    let isCertain: Bool

    /// The image that the entries of a mapping make up, or `nil` where they make none.
    ///
    /// That is `repository`, beside `tag`, `digest` or `registry` unless the mapping is the value of a key that
    /// names an image, and `image` without a tag beside `registry` or `tag`. Beside `image` and `registry`,
    /// `version` counts as a tag, as tigera's chart has it.
    init?(_ entries: [YamlNode.Entry], underImage: Bool) {
        func value(_ key: String) -> YamlNode? { entries.first { $0.key.text == key }?.value }
        func text(_ key: String) -> String? {
            guard let node = value(key), node.scalarType != .null, let text = node.text else { return nil }
            return text.isEmpty ? nil : text
        }
        let key = value("repository") != nil ? "repository" : "image"
        guard let name = value(key), name.scalarType == .string, let repository = text(key) else {
            return nil
        }
        let beside = ["tag", "registry"].contains { value($0) != nil }
        let hasTag = Self.untagged(repository) != repository
        guard key == "repository" ? underImage || beside || value("digest") != nil : beside && !hasTag
        else { return nil }
        let registry = text("registry")
        let version = key == "image" && registry != nil ? text("version") : nil
        let tag = (text("tag") ?? version).map { ":" + $0 } ?? ""
        let digest = text("digest").map { "@" + $0 } ?? ""
        self.name = name
        self.registry = registry == nil ? nil : value("registry")
        self.text = (registry.map { $0 + "/" } ?? "") + repository + tag + digest
        isComplete = hasTag || !tag.isEmpty || !digest.isEmpty
        isCertain = underImage || key == "image"
    }

    /// The parts that are changed, their texts, and what each is.
    func parts(_ reference: Reference) -> [(YamlNode, String, ImageSpot.Part)] {
        let written = name.text ?? ""
        guard let registry, let before = registry.text else {
            return [(name, written, text == written && isComplete ? .whole : .name)]
        }
        let repository = Self.untagged(written)
        if reference.repository == "library/" + repository, repository == written {
            return [(registry, before, .registry(path: "")), (name, written, .repository)]
        }
        let path = reference.repository.dropLast(repository.count)
        return [(registry, before, .registry(path: String(path.hasSuffix("/") ? path.dropLast() : path)))]
    }

    /// A name without its tag and digest.
    private static func untagged(_ name: String) -> String {
        let rest = name.prefix { $0 != "@" }
        let last = rest.lastIndex(of: "/") ?? rest.startIndex
        return String(rest[..<(rest[last...].firstIndex(of: ":") ?? rest.endIndex)])
    }
}
