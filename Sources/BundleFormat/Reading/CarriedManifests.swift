// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import OCI
internal import Synchronization

/// The manifests of a bundle: each is read once, in the order of the layout, and then all are parsed on all cores.
struct CarriedManifests {
    private struct Raw: Sendable {
        let descriptor: Descriptor
        let bytes: [UInt8]
        /// The first image that names it.
        let owner: Reference
    }

    private var places: [Descriptor: Int] = [:]
    private var all: [Raw] = []

    /// How many are parsed at a time by one thread.
    private static let step = 128

    /// Reads the manifests that `lock` names.
    /// - Throws: a `Failure` of kind `data` where one is not there, or its bytes are not those of its digest.
    init(of lock: Lock, from members: MemberTable) throws(Failure) {
        for image in lock.images {
            try read(image.descriptor, of: image, from: members)
            if members.isLaidOut, let wrapper = try image.wrapper() { members.pass(over: wrapper.descriptor) }
            for instance in image.platforms { try read(instance.descriptor, of: image, from: members) }
            for part in image.others ?? [] { try read(part.descriptor, of: image, from: members) }
        }
    }

    private mutating func read(
        _ descriptor: Descriptor, of image: Lock.Image, from members: MemberTable
    ) throws(Failure) {
        guard places[descriptor] == nil else { return }
        places[descriptor] = all.count
        let bytes = try members.bytes(of: descriptor, limit: Manifest.largestSize)
        all.append(Raw(descriptor: descriptor, bytes: bytes, owner: image.reference))
    }

    /// The images of `lock` over their manifests.
    /// - Throws: a `Failure` of kind `data` for the first manifest that is none, or an image that does not agree with it.
    func images(of lock: Lock) throws(Failure) -> [BundleImage] {
        let parsed = try parsed()
        func manifest(_ descriptor: Descriptor) throws(Failure) -> Manifest {
            guard let place = places[descriptor] else {
                throw Failure(.fault, "read", "\(descriptor.digest)", because: "it was not asked for")
            }
            return parsed[place]
        }
        var images: [BundleImage] = []
        images.reserveCapacity(lock.images.count)
        for locked in lock.images {
            var (instances, others): ([Manifest], [Manifest]) = ([], [])
            for instance in locked.platforms { instances.append(try manifest(instance.descriptor)) }
            for part in locked.others ?? [] { others.append(try manifest(part.descriptor)) }
            images.append(
                try BundleImage(
                    locked, top: try manifest(locked.descriptor), instances: instances, others: others))
        }
        return images
    }

    /// All of them, parsed, in the order in which they were read.
    private func parsed() throws(Failure) -> [Manifest] {
        let results = Mutex([Int: Result<[Manifest], Failure>]())
        let count = (all.count + Self.step - 1) / Self.step
        DispatchQueue.concurrentPerform(iterations: count) { turn in
            let part = all[(turn * Self.step)..<min(all.count, (turn + 1) * Self.step)]
            let result = Self.parse(part)
            results.withLock { $0[turn] = result }
        }
        let found = results.withLock { $0 }
        var parsed: [Manifest] = []
        parsed.reserveCapacity(all.count)
        for turn in 0..<count { parsed += try found[turn]?.get() ?? [] }
        return parsed
    }

    private static func parse(_ part: ArraySlice<Raw>) -> Result<[Manifest], Failure> {
        do throws(Failure) {
            var parsed: [Manifest] = []
            for raw in part {
                parsed.append(
                    try Manifest(
                        parsing: raw.bytes, type: raw.descriptor.mediaType, artifact: "\(raw.owner)",
                        by: raw.descriptor.digest.algorithm))
            }
            return .success(parsed)
        } catch { return .failure(error) }
    }
}
