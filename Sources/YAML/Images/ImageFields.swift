// SPDX-License-Identifier: Apache-2.0

/// The keys of a mapping that say something about images, and where their values are.
struct ImageFields {
    /// The keys. Of two in one mapping that mean the same, the first is taken.
    enum Key: Int, CaseIterable {
        case image, repository, name, registry, hub, tag, version, digest, reference
        case imageRepository, imageRegistry, imageTag, imageDigest, defaultRegistry, defaultImageRegistry,
            baseImage
        case kind, apiVersion, newName, newTag, url, ref, global, resources, bases, components, package,
            repo, pullPolicy

        /// The keys as they are written.
        static let named: [String: Key] = [
            "image": .image, "repository": .repository, "name": .name, "registry": .registry, "hub": .hub,
            "tag": .tag, "version": .version, "digest": .digest, "reference": .reference,
            "imageRepository": .imageRepository, "imageRepo": .imageRepository,
            "imageRegistry": .imageRegistry, "imageTag": .imageTag,
            "imageDigest": .imageDigest, "defaultRegistry": .defaultRegistry,
            "defaultImageRegistry": .defaultImageRegistry, "baseImage": .baseImage, "kind": .kind,
            "apiVersion": .apiVersion, "newName": .newName, "newTag": .newTag, "url": .url, "ref": .ref,
            "global": .global, "resources": .resources, "bases": .bases, "components": .components,
            "package": .package, "repo": .repo, "sha": .digest,
            "pullPolicy": .pullPolicy, "imagePullPolicy": .pullPolicy,
        ]
    }

    private var nodes = SIMD32<UInt32>(repeating: .max)
    private(set) var isEmpty = true

    /// The fields of a mapping, and those that `<<` merges into it.
    init(_ mapping: Int, in table: NodeTable, keys: KeyWords) {
        var merged: Int?
        var children = table.children(mapping)
        while let key = children.next(), let value = children.next() {
            guard table.isScalar(key) else { continue }
            let name = table.bytes(key)
            if let field = keys.word(name).field {
                take(field, value)
            } else if name.count == 2, name.elementsEqual("<<".utf8) {
                merged = value
            }
        }
        if let merged { merge(merged, in: table, keys: keys) }
    }

    /// Takes over what the mapping has not from those under `<<`. Those of those are not followed.
    private mutating func merge(_ value: Int, in table: NodeTable, keys: KeyWords) {
        let list = table.nodes[value].kind == .sequence ? Array(table.children(value)) : [value]
        for node in list.map(table.resolved) where table.nodes[node].kind == .mapping {
            var children = table.children(node)
            while let key = children.next(), let value = children.next() {
                guard table.isScalar(key), let field = keys.word(table.bytes(key)).field else { continue }
                take(field, value)
            }
        }
    }

    private mutating func take(_ field: Key, _ value: Int) {
        guard nodes[field.rawValue] == .max else { return }
        nodes[field.rawValue] = UInt32(value)
        isEmpty = false
    }

    /// The value under a key.
    subscript(key: Key) -> Int? {
        let node = nodes[key.rawValue]
        return node == .max ? nil : Int(node)
    }
}
