// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// An image in parts, as the values of Helm's charts and custom resources have it:
/// `image: {registry: quay.io, repository: tigera/operator, tag: v1.17.4}`.
struct SplitImage {
    /// The node that holds the name, or its first part; an alias is not resolved.
    let nameNode: Int
    /// The nodes that hold more of the name.
    var more: [Int] = []
    /// The name, its parts put together.
    let name: String
    /// `registry`, `imageRegistry` or `hub`, where there is such a key, even if it is empty.
    var registryNode: Int?
    /// `:tag`, `@digest`, both or nothing.
    var suffix = ""
    /// The nodes that hold the tag and the digest.
    private(set) var suffixNodes: [Int] = []
    /// Why the tag is not known although one is written.
    private(set) var doubt: String?
    /// Whether the keys alone say that this is an image, and how it is put together.
    let isCertain: Bool

    /// The image that the keys of a mapping make up, or `nil` where they make none.
    /// - Parameter scope: the place of the mapping.
    init?(_ fields: ImageFields, scope: ImageScope, in table: NodeTable) {
        func text(_ key: ImageFields.Key) -> String? { fields[key].flatMap(table.filled) }
        func name(_ key: ImageFields.Key) -> String? {
            fields[key].flatMap { table.scalarType($0) == .string ? table.filled($0) : nil }
        }
        func has(_ key: ImageFields.Key) -> Bool {
            fields[key].map { table.isScalar(table.resolved($0)) } ?? false
        }
        let isImage = scope.place == .image || scope.place == .namedImage
        let hasRegistry = has(.registry) || has(.imageRegistry) || has(.hub)
        let hasTag = has(.tag) || has(.imageTag)
        let image = name(.image).flatMap { !ImageName.isTagged($0) ? $0 : nil }
        let isPulled = fields[.pullPolicy] != nil

        let isVersioned = has(.version) || hasTag || has(.digest)

        if let repository = name(.repository), let image,
            isVersioned || ImageName.isRegistry(repository) && ImageName.domain(ofName: image) == nil
        {
            // NVIDIA's operators: repository, image, version; the program fills in a version that is not there.
            (nameNode, self.name) = (fields[.repository]!, repository + "/" + image)
            (more, isCertain) = ([fields[.image]!], isVersioned || isPulled)
        } else if isImage, let repository = name(.repository), let last = name(.name) {
            let isJoined = !("/" + repository).hasSuffix("/" + last) && Self.isComponent(last)
            (nameNode, self.name) = (fields[.repository]!, isJoined ? repository + "/" + last : repository)
            (more, isCertain) = ([fields[.name]!], true)
        } else if let node = fields[.repository] ?? fields[.repo],
            let repository = name(.repository) ?? name(.repo)
        {
            guard
                isImage || scope.saysImage || scope.place == .imageEntry || hasRegistry || hasTag
                    || has(.digest)
            else { return nil }
            (nameNode, self.name) = (node, repository)
            let isSure =
                isImage || scope.place == .imageEntry && ImageName.domain(ofName: repository) != nil
                || hasTag && (hasRegistry || isPulled || scope.isBelowImage && repository.contains("/"))
            isCertain = isSure && fields[.repository] != nil
        } else if let image, !scope.isContainer,
            hasRegistry || hasTag || has(.digest) || scope.tag != nil && !image.contains("/")
        {
            (nameNode, self.name) = (fields[.image]!, image)
            let isNamed = hasRegistry || image.contains("/") || scope.registry != nil
            isCertain =
                isNamed
                && (hasRegistry || hasTag || scope.tag != nil || ImageName.domain(ofName: image) != nil)
        } else if let repository = name(.imageRepository) {
            (nameNode, self.name) = (fields[.imageRepository]!, repository)
            isCertain = ImageName.domain(ofName: repository) != nil || has(.imageTag) || hasTag
        } else if fields[.repository] == nil, let only = name(.name),
            isImage
                && (hasTag || has(.digest) || hasRegistry || only.contains("/") || ImageName.isTagged(only))
                || hasRegistry && hasTag
        {
            (nameNode, self.name) = (fields[.name]!, only)
            isCertain = isImage
        } else {
            return nil
        }
        registryNode = [ImageFields.Key.registry, .imageRegistry, .hub].lazy.compactMap { fields[$0] }
            .first { table.isScalar(table.resolved($0)) }
        let takesVersion =
            isImage || scope.saysImage || !more.isEmpty || registryNode != nil && fields[.repository] == nil
        func filled(_ keys: [ImageFields.Key]) -> Int? {
            keys.lazy.compactMap { fields[$0] }.first { table.filled($0) != nil }
        }
        let digest = filled([.digest, .imageDigest])
        take(
            tag: filled(takesVersion ? [.tag, .imageTag, .version] : [.tag, .imageTag]) ?? scope.tag,
            digest: digest, in: table)
    }

    /// An image whose tag is the value of another key.
    init(nameNode: Int, name: String, tag: Int, isCertain: Bool, in table: NodeTable) {
        (self.nameNode, self.name, self.isCertain) = (nameNode, name, isCertain)
        take(tag: tag, digest: nil, in: table)
    }

    private mutating func take(tag: Int?, digest: Int?, in table: NodeTable) {
        suffixNodes = [tag, digest].compactMap { $0 }
        let text = tag.flatMap(table.filled)
        if let tag, let number = text, table.scalarType(tag) != .string,
            !YAMLScalarType.isPrintedAsWritten(plain: number)
        {
            doubt = "its tag \(number) is no text, so programs may print it in another way: put it in quotes"
        }
        suffix = Self.suffix(tag: text, digest: digest.flatMap(table.filled))
    }

    /// Whether the parts have a tag or a digest.
    var isComplete: Bool { !suffix.isEmpty || ImageName.isTagged(name) }

    private static func suffix(tag: String?, digest: String?) -> String {
        var result = ""
        if let tag {
            result = tag.hasPrefix("sha256:") || tag.hasPrefix("@") ? "@" + tag.drop { $0 == "@" } : ":" + tag
        }
        // A commit is no digest.
        if let digest, digest.utf8.count >= 64 {
            let isBare = digest.utf8.count == 64 && digest.utf8.allSatisfy { ReferenceTokenizer.isPart($0) }
            result += "@" + (isBare ? "sha256:" : "") + digest
        }
        return result
    }

    private static func isComponent(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "._-/".utf8.contains($0)
        }
    }
}
