// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// `metadata/images_metadata.json`: the images of a store by name, which makes them visible to sealer.
///
/// Entries that are not touched keep every key and value that they had, also those not known here.
package struct ImageList: Sendable {
    private var tree: Tree

    /// An empty list.
    package init() { tree = .object([]) }

    /// Parses the file.
    /// - Throws: a ``Failure`` of kind `data` for anything but sealer 0.8's form; the older one is named.
    init(parsing bytes: [UInt8], artifact: String) throws(Failure) {
        tree = try Tree(json: bytes, artifact: artifact)
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(.data, "read the image list", artifact, because: reason, remedy: remedy)
        }
        guard case .object = tree else {
            throw refuse("it is not an object", remedy: "restore the file from a backup")
        }
        for member in tree.members {
            guard case .object = member.value else {
                throw refuse(
                    "the entry '\(member.key)' is not an object", remedy: "restore the file from a backup")
            }
            if member.value["manifests"] == nil, member.value["id"] != nil || member.value["name"] != nil {
                throw refuse(
                    "it has the form of sealer 0.7 or older ('\(member.key)' has an id, but no manifests)",
                    remedy:
                        "name another store, or upgrade this one with sealer 0.8: pull or load its images again"
                )
            }
        }
        // Two spellings of one thing would be written back as two: the last one wins, as in sealer.
        var last: [String: Tree] = [:]
        for member in tree.members { last[member.key] = member.value }
        tree = Self.sorted(last)
    }

    /// The file's bytes: keys sorted, a tab a level, no newline at the end.
    package var bytes: [UInt8] { tree.json(indented: true) }

    /// All images, ordered by name.
    package var images: [StoredImage] {
        tree.members.flatMap { member in
            (member.value["manifests"]?.elements ?? []).map { StoredImage(name: member.key, $0) }
        }
    }

    /// Puts `image` in the place of the one that has its name and platform, or beside the others of its name.
    package mutating func set(_ image: StoredImage) {
        var entries: [String: Tree] = [:]
        for member in tree.members { entries[member.key] = member.value }
        var manifests = entries[image.name]?["manifests"]?.elements ?? []
        let new = image.tree
        if let at = manifests.firstIndex(where: {
            StoredImage(name: image.name, $0).platform.value == image.platform.value
        }) {
            manifests[at] = new
        } else {
            manifests.append(new)
        }
        entries[image.name] = .object([.init(key: "manifests", value: .array(manifests))])
        tree = Self.sorted(entries)
    }

    /// Takes the image of that name and platform out; the others of its name stay.
    mutating func remove(_ image: StoredImage) {
        var entries: [String: Tree] = [:]
        for member in tree.members { entries[member.key] = member.value }
        let manifests = (entries[image.name]?["manifests"]?.elements ?? []).filter {
            StoredImage(name: image.name, $0).platform.value != image.platform.value
        }
        entries[image.name] =
            manifests.isEmpty
            ? nil : .object([.init(key: "manifests", value: .array(manifests))])
        tree = Self.sorted(entries)
    }

    private static func sorted(_ entries: [String: Tree]) -> Tree {
        let keys = entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return .object(keys.map { .init(key: $0, value: entries[$0]!) })
    }
}

/// What a store's list says of one image.
package struct StoredImage: Sendable, Equatable, Codable {
    /// The full name with its tag.
    package var name: String
    /// The image id, 64 hexadecimal digits: the stem of its file in the image database.
    package var id: String
    /// When it came into the store, as RFC 3339.
    package var created: String
    /// The bytes of all files of all layers.
    package var size: Int64
    /// What it runs on.
    package var platform: SealerImage.PlatformText

    package init(name: String, id: String, created: String, size: Int64, platform: SealerImage.PlatformText) {
        self.name = name
        self.id = id
        self.created = created
        self.size = size
        self.platform = platform
    }

    fileprivate init(name: String, _ tree: Tree) {
        self.name = name
        id = tree["id"]?.string ?? ""
        created = tree["created"]?.string ?? ""
        size = if case .number(let digits)? = tree["size"] { Int64(digits) ?? 0 } else { 0 }
        platform = .init(tree["platform"])
    }

    fileprivate var tree: Tree {
        .fields([
            "id": .text(id), "created": .string(created), "size": size == 0 ? nil : .number("\(size)"),
            "platform": platform.tree,
        ])
    }
}
