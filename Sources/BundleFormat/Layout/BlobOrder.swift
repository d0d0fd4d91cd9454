// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Spec

/// The blobs of a bundle, each once, in the order that it keeps: the small ones, then the large ones in
/// order of first use.
struct BlobOrder {
    struct Item {
        var descriptor: Descriptor
        /// What it belongs to, for people: a reference, or the title of a file.
        var owner: String
        /// The content, where it is known before anything is fetched.
        var bytes: [UInt8]?
    }
    private(set) var small: [Item] = []
    private(set) var large: [Item] = []
    /// The large blobs that were left out because they are had already.
    private(set) var required: [BundlePlan.Item] = []
    private var sizes: [Digest: Int64] = [:]
    private let have: Set<Digest>

    /// Collects all blobs of `images` and of the lock's files but the document itself.
    /// - Throws: a `Failure` of kind `data` where two descriptors disagree on the size of a digest.
    init(spec: Spec, lock: Lock, images: [BundleImage], have: Set<Digest>) throws(Failure) {
        self.have = have
        var owners: [String] = []
        owners.reserveCapacity(images.count)
        sizes.reserveCapacity(2 * images.count)
        for image in images {
            owners.append("\(image.reference)")
            let owner = owners[owners.count - 1]
            try add(image.top, owner: owner)
            if let wrapper = image.wrapper { try add(wrapper, owner: owner) }
            if image.isOneManifest { continue }
            for manifest in image.manifests.dropFirst() { try add(manifest, owner: owner) }
        }
        for (image, owner) in zip(images, owners) {
            for case .image(let config, _) in image.manifests.map(\.content) {
                try addSmall(Item(descriptor: config, owner: owner))
            }
        }
        let use = Use(spec: spec, lock: lock, images: images, owners: owners)
        for (descriptor, owner) in use.order { try addLarge(descriptor, owner: owner) }
    }

    private mutating func add(_ manifest: Manifest, owner: String) throws(Failure) {
        try addSmall(Item(descriptor: manifest.descriptor, owner: owner, bytes: manifest.raw))
    }

    private mutating func addSmall(_ item: Item) throws(Failure) {
        if try isNew(item.descriptor, owner: item.owner) { small.append(item) }
    }

    /// Puts the bundle document before all others; what it holds is known only when they are.
    mutating func lead(with items: [Item]) throws(Failure) {
        var leading: [Item] = []
        for item in items where try isNew(item.descriptor, owner: item.owner) { leading.append(item) }
        small = leading + small
    }

    private mutating func addLarge(_ descriptor: Descriptor, owner: String) throws(Failure) {
        guard try isNew(descriptor, owner: owner) else { return }
        if have.contains(descriptor.digest) {
            required.append(.init(descriptor: descriptor, owner: owner))
        } else {
            large.append(Item(descriptor: descriptor, owner: owner))
        }
    }

    private mutating func isNew(_ descriptor: Descriptor, owner: String) throws(Failure) -> Bool {
        guard let known = sizes.updateValue(descriptor.size, forKey: descriptor.digest) else { return true }
        guard known == descriptor.size else {
            throw Failure(
                .data, "carry", "\(descriptor.digest) of \(owner)",
                because: "it is said to have \(known) and \(descriptor.size) bytes",
                remedy: "one of the images that name it is broken upstream; ask its publisher")
        }
        return false
    }
}

/// The order in which `apply` first reads the large blobs: the base, what the builds' steps put, the rest.
private struct Use {
    var order: [(Descriptor, String)] = []
    private let images: [BundleImage]
    private let owners: [String]
    /// The images that were added as those of the spec.
    private var isAdded: [Bool]

    /// - Parameter owners: what each image is called.
    init(spec: Spec, lock: Lock, images: [BundleImage], owners: [String]) {
        (self.images, self.owners) = (images, owners)
        isAdded = [Bool](repeating: false, count: images.count)
        var byReference: [Reference: Int] = Dictionary(minimumCapacity: images.count)
        for (place, image) in images.enumerated() where byReference[image.reference] == nil {
            byReference[image.reference] = place
        }
        if let base = spec.base.flatMap({ byReference[$0.image] }) { add(imageAt: base) }
        for step in spec.builds.flatMap(\.context) {
            switch step {
            case .putFile(_, let name, _), .putRepacked(_, let name, _), .unpack(_, let name, _, _):
                for file in lock.files where file.name == name { add(file) }
            case .putSaved(_, let reference, _):
                if let image = byReference.keys.sorted().meant(by: reference).flatMap({ byReference[$0] }) {
                    add(imageAt: image)
                }
            case .layer, .remove, .edit, .rewrite, .imageList: break
            }
        }
        for file in lock.files { add(file) }
        for place in spec.images.compactMap({ byReference[$0] }) where !isAdded[place] {
            isAdded[place] = true
            add(imageAt: place)
        }
        for place in images.indices where !isAdded[place] { add(imageAt: place) }
    }

    private mutating func add(imageAt place: Int) {
        let (image, owner) = (images[place], owners[place])
        let rest = image.manifests.filter { manifest in
            !image.instances.contains { $0.descriptor == manifest.descriptor }
        }
        for manifest in image.instances + rest {
            if case .image(_, let layers) = manifest.content {
                for layer in layers { order.append((layer, owner)) }
            } else {
                for blob in manifest.blobs { order.append((blob, owner)) }
            }
        }
    }

    private mutating func add(_ file: Lock.File) { order.append((file.descriptor, file.title)) }
}
