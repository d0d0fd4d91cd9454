// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The manifests of a bundle: they are found in the order of the layout, then each is read, verified and parsed once, on
/// all cores.
struct CarriedManifests {
    private struct Found: Sendable {
        let descriptor: Descriptor
        let place: MemberPlace
        /// The first image that names it.
        let owner: Reference
    }

    private var places: [Descriptor: Int] = [:]
    private var all: [Found] = []
    private let reader: MemberReader
    /// What the lock's images are wrapped in, image by image.
    private let wrappers: [Manifest?]

    /// How many one thread reads at a time: of common manifests what a reader reads at once.
    private static let step = 512

    /// Finds the manifests that `lock` names.
    /// - Throws: a `Failure` of kind `data` where one is not there.
    init(of lock: Lock, in members: MemberTable) throws(Failure) {
        reader = members.reader
        wrappers = try Self.inParts(lock.images) { (images) throws(Failure) in
            var wrappers: [Manifest?] = []
            for image in images { wrappers.append(try image.wrapper()) }
            return wrappers
        }
        places.reserveCapacity(lock.images.count)
        for (image, wrapper) in zip(lock.images, wrappers) {
            try find(image.descriptor, of: image, in: members)
            if members.isLaidOut, let wrapper { members.pass(over: wrapper.descriptor) }
            for instance in image.platforms { try find(instance.descriptor, of: image, in: members) }
            for part in image.others ?? [] { try find(part.descriptor, of: image, in: members) }
        }
    }

    private mutating func find(
        _ descriptor: Descriptor, of image: Lock.Image, in members: MemberTable
    ) throws(Failure) {
        guard places[descriptor] == nil else { return }
        places[descriptor] = all.count
        all.append(
            Found(descriptor: descriptor, place: try members.member(descriptor), owner: image.reference))
    }

    /// The images of `lock` over their manifests.
    /// - Throws: a `Failure` of kind `data` for the first manifest whose bytes are not those of its digest, or that is
    ///   none, and for an image that does not agree with it.
    func images(of lock: Lock) throws(Failure) -> [BundleImage] {
        let parsed = try Self.inParts(all) { (part) throws(Failure) in try parse(part) }
        func manifest(_ descriptor: Descriptor) throws(Failure) -> Manifest {
            guard let place = places[descriptor] else {
                throw Failure(.fault, "read", "\(descriptor.digest)", because: "it was not asked for")
            }
            return parsed[place]
        }
        var images: [BundleImage] = []
        images.reserveCapacity(lock.images.count)
        for (locked, wrapper) in zip(lock.images, wrappers) {
            var (instances, others): ([Manifest], [Manifest]) = ([], [])
            for instance in locked.platforms { instances.append(try manifest(instance.descriptor)) }
            for part in locked.others ?? [] { others.append(try manifest(part.descriptor)) }
            images.append(
                try BundleImage(
                    locked, top: try manifest(locked.descriptor), instances: instances, others: others,
                    wrapper: wrapper))
        }
        return images
    }

    private func parse(_ part: ArraySlice<Found>) throws(Failure) -> [Manifest] {
        var reader = reader
        var parsed: [Manifest] = []
        for found in part {
            let bytes = try reader.bytes(
                of: found.descriptor, at: found.place, limit: Manifest.largestSize)
            parsed.append(
                try Manifest(
                    parsing: bytes, type: found.descriptor.mediaType, artifact: "\(found.owner)",
                    verified: found.descriptor.digest))
        }
        return parsed
    }

    /// What `body` makes of parts of `items`, in the order of the items.
    /// - Throws: what the first part throws that fails.
    private static func inParts<Item: Sendable, Made: Sendable>(
        _ items: [Item], _ body: @Sendable (ArraySlice<Item>) throws(Failure) -> [Made]
    ) throws(Failure) -> [Made] {
        let parts = stride(from: 0, to: items.count, by: step).map { start in
            items[start..<min(items.count, start + step)]
        }
        var made: [Made] = []
        made.reserveCapacity(items.count)
        for result in onAllCores(parts, { part in Result { () throws(Failure) in try body(part) } }) {
            made += try result.get()
        }
        return made
    }
}
