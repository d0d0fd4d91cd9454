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
        let image = name(.image).flatMap { ImageName.untagged($0) == $0 ? $0 : nil }

        if let repository = name(.repository), let image, has(.version) || hasTag || has(.digest) {
            // NVIDIA's operators: repository, image, version.
            (nameNode, self.name) = (fields[.repository]!, repository + "/" + image)
            (more, isCertain) = ([fields[.image]!], true)
        } else if isImage, let repository = name(.repository), let last = name(.name) {
            let isJoined = !("/" + repository).hasSuffix("/" + last) && Self.isComponent(last)
            (nameNode, self.name) = (fields[.repository]!, isJoined ? repository + "/" + last : repository)
            (more, isCertain) = ([fields[.name]!], true)
        } else if let node = fields[.repository] ?? fields[.repo],
            let repository = name(.repository) ?? name(.repo)
        {
            guard isImage || scope.place == .imageEntry || hasRegistry || hasTag || has(.digest) else {
                return nil
            }
            (nameNode, self.name) = (node, repository)
            let isSure = isImage || scope.place == .imageEntry && ImageName.domain(ofName: repository) != nil
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
        } else if isImage, fields[.repository] == nil, let only = name(.name),
            hasTag || has(.digest) || hasRegistry || only.contains("/")
        {
            (nameNode, self.name) = (fields[.name]!, only)
            isCertain = true
        } else {
            return nil
        }
        registryNode = [ImageFields.Key.registry, .imageRegistry, .hub].lazy.compactMap { fields[$0] }
            .first { table.isScalar(table.resolved($0)) }
        let isVersioned = !more.isEmpty || registryNode != nil && fields[.repository] == nil
        let tag = text(.tag) ?? text(.imageTag) ?? (isVersioned ? text(.version) : nil)
        suffix = Self.suffix(tag: tag ?? scope.tag, digest: text(.digest) ?? text(.imageDigest))
    }

    /// An image whose tag is the value of another key.
    init(nameNode: Int, name: String, tag: String?, isCertain: Bool) {
        (self.nameNode, self.name, self.isCertain) = (nameNode, name, isCertain)
        suffix = Self.suffix(tag: tag, digest: nil)
    }

    /// Whether the parts have a tag or a digest.
    var isComplete: Bool { !suffix.isEmpty || ImageName.untagged(name) != name }

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
