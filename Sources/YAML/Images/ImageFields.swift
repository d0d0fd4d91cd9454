// SPDX-License-Identifier: Apache-2.0

/// The keys of a mapping that say something about images, and where their values are.
struct ImageFields {
    /// The keys. Of two in one mapping that mean the same, the first is taken.
    enum Key: Int, CaseIterable {
        case image, repository, name, registry, hub, tag, version, digest, reference
        case imageRepository, imageRegistry, imageTag, imageDigest, defaultRegistry, defaultImageRegistry,
            baseImage
        case kind, apiVersion, newName, newTag, url, ref, global, resources, bases, components, package,
            templating

        /// The keys as they are written.
        static let named: [String: Key] = [
            "image": .image, "repository": .repository, "name": .name, "registry": .registry, "hub": .hub,
            "tag": .tag, "version": .version, "digest": .digest, "reference": .reference,
            "imageRepository": .imageRepository, "imageRegistry": .imageRegistry, "imageTag": .imageTag,
            "imageDigest": .imageDigest, "defaultRegistry": .defaultRegistry,
            "defaultImageRegistry": .defaultImageRegistry, "baseImage": .baseImage, "kind": .kind,
            "apiVersion": .apiVersion, "newName": .newName, "newTag": .newTag, "url": .url, "ref": .ref,
            "global": .global, "resources": .resources, "bases": .bases, "components": .components,
            "package": .package,
        ]
    }

    private var nodes = SIMD32<UInt32>(repeating: .max)
    private(set) var isEmpty = true

    /// The fields of a mapping; aliases and what they stand for are not merged.
    init(_ mapping: Int, in table: NodeTable) {
        var children = table.children(mapping)
        while let key = children.next(), let value = children.next() {
            guard table.isScalar(key),
                let field = Key.named[String(decoding: table.bytes(key), as: UTF8.self)],
                nodes[field.rawValue] == .max
            else { continue }
            nodes[field.rawValue] = UInt32(value)
            isEmpty = false
        }
    }

    /// The value under a key.
    subscript(key: Key) -> Int? {
        let node = nodes[key.rawValue]
        return node == .max ? nil : Int(node)
    }
}
