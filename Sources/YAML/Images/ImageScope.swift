// SPDX-License-Identifier: Apache-2.0

/// What the place of a node says about its scalars.
struct ImageScope {
    enum Place {
        /// The value of `image`.
        case image
        /// The value of another key that ends in `image`.
        case namedImage
        /// The schema of a property that names an image.
        case imageSchema
        /// A list or a mapping of images.
        case images
        /// One of a list or a mapping of images.
        case imageEntry
        /// A list of containers.
        case containers
        /// The value of a key that ends in `Repository`.
        case repository
        /// A list of env entries.
        case environment
        /// An item of `args` or `command`, or an env's `value`.
        case argument
        /// A value of a ConfigMap, or an annotation.
        case text
        /// A description, written for people.
        case prose
        /// Anything else.
        case other
    }

    /// A kind of object that has rules of its own.
    enum Object { case other, kustomization, imageSet, ociRepository, kubeadm, crossplane, sealerCluster }

    var place = Place.other
    var object = Object.other
    /// Whether the keys around say that it is about an image.
    var saysImage = false
    /// Whether it is a container, whose `image` is never put together from parts.
    var isContainer = false
    /// Whether it is the root of a document.
    var isRoot = false
    /// The value above that decides on the registry of names without one, never empty.
    var registry: Int?
    /// The value that holds the tag beside it, as istio's charts have it.
    var tag: Int?
    /// Whether that registry is one of `global`, which some charts put before, and some behind, one of the image itself.
    var isRegistryGlobal = false
    /// Whether a mapping of images is around it.
    var isBelowImage = false
    /// Whether a kustomization takes files from elsewhere, which a rewrite does not reach.
    var hasRemoteBases = false

    init(isRoot: Bool = false) { self.isRoot = isRoot }

    /// The place of an item of a list that is here.
    var item: ImageScope {
        var inner = self
        inner.isRoot = false
        switch place {
        case .image, .namedImage, .imageSchema: inner.place = .imageEntry
        case .images: inner.place = .imageEntry
        case .containers: (inner.place, inner.isContainer) = (.other, true)
        default: break
        }
        return inner
    }

    /// Takes in what the keys of a mapping say of all that is below it.
    mutating func enter(_ fields: ImageFields, in table: NodeTable) {
        func text(_ key: ImageFields.Key) -> String? { fields[key].flatMap(table.filled) }
        if let kind = text(.kind), let version = text(.apiVersion) {
            object = Self.object(kind, version: version)
        } else if isRoot, object == .other, fields[.resources] != nil, fields[.kind] == nil {
            object = .kustomization
        }
        if object == .kustomization {
            for case let list? in [fields[.resources], fields[.bases], fields[.components]] {
                guard table.nodes[list].kind == .sequence else { continue }
                hasRemoteBases =
                    hasRemoteBases
                    || table.children(list).contains { item in
                        table.text(item).map {
                            $0.contains("://") || $0.contains("?ref=") || $0.hasPrefix("github.com/")
                        }
                            ?? false
                    }
            }
        }
        if let global = fields[.global] { inherit(fromGlobal: global, in: table) }
        if let hub = fields[.hub], text(.hub) != nil {
            (registry, isRegistryGlobal) = (hub, false)
            if text(.tag) != nil { tag = fields[.tag] }
        }
        if isRoot, registry == nil, fields[.kind] == nil {
            for key in [ImageFields.Key.defaultImageRegistry, .imageRegistry, .defaultRegistry, .registry]
            where registry == nil && text(key) != nil { registry = fields[key] }
        }
    }

    private mutating func inherit(fromGlobal global: Int, in table: NodeTable) {
        let candidates = [
            table.value("imageRegistry", in: global), table.value("registry", in: global),
            table.value("registry", in: global).flatMap { table.value("address", in: $0) },
            table.value("image", in: global).flatMap { table.value("registry", in: $0) },
            table.value("hub", in: global),
        ]
        for case let node? in candidates where table.filled(node) != nil {
            registry = table.resolved(node)
            let isHub = candidates.last == node
            isRegistryGlobal = !isHub
            if isHub { tag = table.value("tag", in: global).flatMap { table.filled($0) == nil ? nil : $0 } }
            return
        }
    }

    private static func object(_ kind: String, version: String) -> Object {
        switch kind {
        case "Kustomization" where version.hasPrefix("kustomize.config.k8s.io"): .kustomization
        case "Component" where version.hasPrefix("kustomize.config.k8s.io"): .kustomization
        case "ImageSet": .imageSet
        case "OCIRepository": .ociRepository
        case "Cluster" where version.hasPrefix("sealer"): .sealerCluster
        case _ where version.hasPrefix("kubeadm.k8s.io/"): .kubeadm
        case _ where version.hasPrefix("pkg.crossplane.io/"): .crossplane
        default: .other
        }
    }

    /// The place of the value under `key`.
    func value(under key: KeyWords.Word, _ fields: ImageFields, in table: NodeTable) -> ImageScope {
        var inner = self
        inner.isRoot = false
        inner.isContainer = false
        inner.place = .other
        inner.saysImage = key.saysImage
        switch key.role {
        case .image:
            inner.place = object == .sealerCluster ? .prose : .image
            inner.isContainer = isContainer
        case .type: inner.place = place == .image || place == .namedImage ? .prose : .other
        case .description: inner.place = .prose
        case .schemaDefault where place == .image || place == .namedImage || place == .imageSchema:
            inner.place = .imageSchema
        case .value where place == .environment:
            inner.place = .argument
            inner.saysImage =
                fields[.name].map { table.resolved($0) }
                .map { table.isScalar($0) && Self.says(table.bytes($0)) } ?? false
        case .clusterConfiguration: inner.object = .kubeadm
        case .environment: inner.place = .environment
        case .arguments: inner.place = .argument
        case .text: inner.place = .text
        case .container: inner.isContainer = true
        case .steps: inner.place = .containers
        case .tags where place == .images: inner.place = .images
        case .package where object == .crossplane: inner.place = .namedImage
        default:
            inner.place = place == .text ? .text : key.place
            if place == .images, key.place == .other { inner.place = .imageEntry }
        }
        switch inner.place {
        case .image, .namedImage, .images: inner.isBelowImage = true
        default: break
        }
        return inner
    }

    /// The place that the end of a key makes.
    static func place(ofKeyEndingIn key: ArraySlice<UInt8>) -> Place {
        if ends(key, with: "image") { return .namedImage }
        if ends(key, with: "images") { return .images }
        if ends(key, with: "containers") { return .containers }
        if ends(key, with: "args") || ends(key, with: "command") { return .argument }
        return ends(key, with: "repository") ? .repository : .other
    }

    /// Whether a key ends in a word, upper or lower case; blanks and underscores before it do not matter.
    private static func ends(_ key: ArraySlice<UInt8>, with word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard key.count >= count else { return false }
        return zip(key.suffix(count), UnsafeBufferPointer(start: word.utf8Start, count: count))
            .allSatisfy { $0 | 0x20 == $1 }
    }

    /// Whether a name has the word `image` in it.
    static func says(_ name: ArraySlice<UInt8>) -> Bool {
        guard name.count >= 5 else { return false }
        let word: [UInt8] = Array("image".utf8)
        return (name.startIndex...name.endIndex - 5).contains { at in
            name[at] | 0x20 == word[0] && zip(name[at..<at + 5], word).allSatisfy { $0 | 0x20 == $1 }
        }
    }
}

extension NodeTable {
    /// The text of a scalar that is neither empty nor null, blanks around it taken off. Aliases are followed.
    func filled(_ node: Int) -> String? {
        let node = resolved(node)
        guard isScalar(node), scalarType(node) != .null else { return nil }
        var bytes = bytes(node)
        while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
