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
            "imageRepository": .imageRepository, "imageRegistry": .imageRegistry, "imageTag": .imageTag,
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
        var children = table.children(mapping)
        while let key = children.next(), let value = children.next() {
            guard table.isScalar(key),
                let field = keys.word(table.bytes(key)).field,
                nodes[field.rawValue] == .max
            else { continue }
            nodes[field.rawValue] = UInt32(value)
            isEmpty = false
        }
        merge(mapping, in: table, keys: keys)
    }

    /// Takes over what the mapping has not from those under `<<`. Those of those are not followed.
    private mutating func merge(_ mapping: Int, in table: NodeTable, keys: KeyWords) {
        var children = table.children(mapping)
        while let key = children.next(), let value = children.next() {
            guard table.isScalar(key), table.nodes[key].end - table.nodes[key].start == 2,
                table.bytes(key).elementsEqual("<<".utf8)
            else { continue }
            let list = table.nodes[value].kind == .sequence ? Array(table.children(value)) : [value]
            for node in list.map(table.resolved) where table.nodes[node].kind == .mapping {
                var merged = table.children(node)
                while let key = merged.next(), let value = merged.next() {
                    guard table.isScalar(key), let field = keys.word(table.bytes(key)).field,
                        nodes[field.rawValue] == .max
                    else { continue }
                    nodes[field.rawValue] = UInt32(value)
                    isEmpty = false
                }
            }
        }
    }

    /// The value under a key.
    subscript(key: Key) -> Int? {
        let node = nodes[key.rawValue]
        return node == .max ? nil : Int(node)
    }
}

/// What the name of a key says; the names of a file are few, and each is looked at once.
final class KeyWords {
    /// One name.
    struct Word {
        let text: String
        /// What it is in an image that several values make up.
        let field: ImageFields.Key?
        /// Whether it has the word `image` in it.
        let saysImage: Bool
        /// What it ends in.
        let place: ImageScope.Place
    }

    private var words: [String: Word] = [:]
    private static let most = 20_000

    func word(_ key: ArraySlice<UInt8>) -> Word {
        let text = String(decoding: key, as: UTF8.self)
        if let word = words[text] { return word }
        let word = Word(
            text: text, field: ImageFields.Key.named[text], saysImage: ImageScope.says(key),
            place: ImageScope.place(ofKeyEndingIn: key))
        if words.count < Self.most { words[text] = word }
        return word
    }
}
