// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where a member of a bundle's tar has its content.
struct MemberPlace: Equatable {
    var offset: Int64
    var size: Int64
}

/// The members that a bundle's tar holds.
///
/// A bundle as it was written begins with `oci-layout` and `index.json`, has the size that its index states, and then its
/// layout says where everything is: the small blobs are read one after another, and no header is looked for. Any other
/// tar is scanned header by header.
final class MemberTable {
    /// `oci-layout`, `index.json` and the tools.
    private(set) var documents: [String: MemberPlace] = [:]
    /// The blobs. Of a bundle as it was written all of them only after ``check(against:)``.
    private(set) var blobs: [Digest: MemberPlace] = [:]
    /// Whether the places follow from the layout. Then the headers of blobs are still to be looked at.
    let isLaidOut: Bool
    /// The descriptor that the index leads with, where it is known already.
    let leader: Descriptor?
    private let set: VolumeDiscovery
    /// Where the header of the next small blob begins.
    private var next: Int64 = 0
    /// What a scan found whose header is not the writer's, and whether any is.
    private var altered: [Member] = []
    private var isCanonical = false

    /// Finds the first members, or all of them by a scan.
    /// - Throws: a `Failure` of kind `data` for what is not a bundle's tar, or a member that is there twice.
    init(_ set: VolumeDiscovery) throws(Failure) {
        self.set = set
        let size = set.volumes.size
        guard let leading = set.leading, leading.layout.isCanonical, leading.index.isCanonical,
            let leader = leading.leader, leading.stated[FormatName.size] == "\(size)"
        else {
            (isLaidOut, leader) = (false, nil)
            try scan()
            return
        }
        let start = leading.index.offset + TarOffsets.padded(leading.index.size)
        let header = Member.header(leader.digest.layoutPath, size: leader.size)
        guard start + Int64(header.count) <= size,
            try set.volumes.bytes(at: start, count: header.count) == header
        else {
            (isLaidOut, self.leader) = (false, nil)
            try scan()
            return
        }
        (isLaidOut, self.leader, next) = (true, leader, start)
        for member in [leading.layout, leading.index] {
            documents[member.name] = MemberPlace(offset: member.offset, size: member.size)
        }
    }

    private func scan() throws(Failure) {
        var scan = MemberScanner(set.volumes)
        while let member = try scan.next() {
            let place = MemberPlace(offset: member.offset, size: member.size)
            let before =
                member.digest.map { blobs.updateValue(place, forKey: $0) }
                ?? documents.updateValue(place, forKey: member.name)
            guard before == nil else { throw refuse("\(member.name) is there twice") }
            if member.isCanonical { isCanonical = true } else { altered.append(member) }
        }
    }

    /// The bytes of `oci-layout` or `index.json`.
    func document(_ name: String, limit: Int64) throws(Failure) -> [UInt8] {
        if isLaidOut, name == FormatName.indexMember, let leading = set.leading { return leading.bytes }
        guard let member = documents[name] else { throw refuse("it has no \(name)") }
        guard member.size <= limit else { throw refuse("\(name) has more than \(limit) bytes") }
        return try set.volumes.bytes(at: member.offset, count: Int(member.size))
    }

    /// Steps over a small blob that is not read: where it is known already, over nothing.
    func pass(over descriptor: Descriptor) { _ = place(of: descriptor) }

    /// The verified bytes of a small blob. In a bundle as it was written they are asked for in the order of the layout.
    func bytes(of descriptor: Descriptor, limit: Int64) throws(Failure) -> [UInt8] {
        var reader = reader
        return try reader.bytes(of: descriptor, at: try member(descriptor), limit: limit)
    }

    /// Where a small blob is. In a bundle as it was written they are asked for in the order of the layout.
    func member(_ descriptor: Descriptor) throws(Failure) -> MemberPlace {
        guard let member = isLaidOut ? place(of: descriptor) : blobs[descriptor.digest] else {
            throw refuse("\(descriptor.digest) is not in it")
        }
        return member
    }

    /// Reads what this table has the places of; each thread has its own.
    var reader: MemberReader { MemberReader(volumes: set.volumes, base: set.base, isLaidOut: isLaidOut) }

    /// Where the layout has a small blob: where it was, or next.
    private func place(of descriptor: Descriptor) -> MemberPlace? {
        if let known = blobs[descriptor.digest] { return known }
        let header = Member.headerSize(of: descriptor)
        let place = MemberPlace(offset: next + Int64(header), size: descriptor.size)
        let size = set.volumes.size
        guard place.offset <= size, place.size <= size - place.offset else { return nil }
        next = place.offset + TarOffsets.padded(place.size)
        blobs[descriptor.digest] = place
        return place
    }

    private func altered(_ name: String, at offset: Int64) -> Failure {
        reader.altered(name, at: offset)
    }

    /// Holds the members to the plan that the bundle's own document gives.
    ///
    /// In a bundle as it was written every header and every place is the plan's, to the byte; those of blobs are looked at
    /// when the blob is read. In a tar that others have made of the same members, none of the headers is; then names and
    /// sizes count.
    func check(against plan: BundlePlan) throws(Failure) {
        if isLaidOut { return try takePlaces(of: plan) }
        for blob in plan.blobs {
            let descriptor = blob.descriptor
            guard let member = blobs[descriptor.digest] else {
                throw refuse("\(descriptor.digest) of \(blob.owner) is not in it")
            }
            guard member.size == descriptor.size else {
                throw refuse(
                    "\(descriptor.digest) of \(blob.owner) has \(member.size) bytes, not \(descriptor.size)")
            }
        }
        guard blobs.count == plan.blobs.count else {
            let known = Set(plan.blobs.map(\.descriptor.digest))
            let foreign = blobs.keys.filter { !known.contains($0) }.min()
            throw refuse("\(foreign.map { "\($0)" } ?? "a blob") belongs to nothing that its index names")
        }
        try checkTools(against: plan)
        guard isCanonical || set.isSplit else { return }
        guard set.volumes.size == plan.size else { throw wrongSize(plan) }
        if let first = altered.min(by: { $0.offset < $1.offset }) {
            throw altered(first.name, at: first.offset)
        }
        for blob in plan.blobs where blobs[blob.descriptor.digest]?.offset != blob.offset {
            throw refuse("\(blob.descriptor.digest.layoutPath) is not in its place", at: blob.offset)
        }
        for tool in plan.tools where documents[tool.tool.name]?.offset != tool.offset {
            throw refuse("\(tool.tool.name) is not in its place", at: tool.offset)
        }
    }

    private func wrongSize(_ plan: BundlePlan) -> Failure {
        refuse("it has \(set.volumes.size) bytes, and its index states \(plan.size)")
    }

    /// Takes over where the plan has everything, and checks what takes a few reads however large the bundle is: the
    /// headers of the tools, the end, and one header in each further volume.
    private func takePlaces(of plan: BundlePlan) throws(Failure) {
        guard set.volumes.size == plan.size else { throw wrongSize(plan) }
        let read = blobs
        blobs = Dictionary(minimumCapacity: plan.blobs.count)
        for blob in plan.blobs {
            let place = MemberPlace(offset: blob.offset, size: blob.descriptor.size)
            blobs[blob.descriptor.digest] = place
            if let found = read[blob.descriptor.digest], found != place {
                throw refuse("\(blob.descriptor.digest.layoutPath) is not in its place", at: found.offset)
            }
        }
        for placed in plan.tools {
            documents[placed.tool.name] = MemberPlace(offset: placed.offset, size: placed.tool.size)
        }
        let headers = PlannedHeader.all(of: plan, volumeSize: set.volumes.volumeSize)
        for header in headers where CarriedTool.isName(header.name) { try check(header) }
        if set.isSplit { for header in set.volumes.firstHeaders(of: headers) { try check(header) } }
        let end = try set.volumes.bytes(at: plan.size - TarOffsets.trailer, count: Int(TarOffsets.trailer))
        guard end.allSatisfy({ $0 == 0 }) else {
            throw refuse("its last 1024 bytes are not the zeros that end a tar", at: plan.size - 1)
        }
    }

    private func check(_ header: PlannedHeader) throws(Failure) {
        let wanted = Member.header(header.name, size: header.size)
        guard try set.volumes.bytes(at: header.start, count: wanted.count) == wanted else {
            throw altered(header.name, at: header.start)
        }
    }

    private func checkTools(against plan: BundlePlan) throws(Failure) {
        for tool in plan.tools.map(\.tool) {
            guard let member = documents[tool.name] else { throw refuse("\(tool.owner) is not in it") }
            guard member.size == tool.size else {
                throw refuse("\(tool.owner) has \(member.size) bytes, not \(tool.size)")
            }
        }
        let known = Set(plan.tools.map(\.tool.name) + [FormatName.layoutMember, FormatName.indexMember])
        if let foreign = documents.keys.filter({ !known.contains($0) }).min() {
            throw refuse("\(foreign) is in it, and its document does not name it")
        }
    }

    /// The trusted keys that have signed `index.json`, wherever in the tar it is, and its bytes.
    func signed(_ trust: Trust) throws(Failure) -> (signers: [Signer], index: [UInt8]) {
        let index = try document(FormatName.indexMember, limit: BundleIndexReader.largestIndex)
        guard trust.isConfigured else { return ([], index) }
        return (try trust.signers(of: index, signatures: set.base + ".sig", bundle: set.base), index)
    }

    func refuse(_ reason: String, at offset: Int64? = nil) -> Failure { reader.refuse(reason, at: offset) }
}
