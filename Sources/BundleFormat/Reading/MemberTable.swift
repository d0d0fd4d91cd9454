// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The members that a bundle's tar holds, found by its headers.
struct MemberTable {
    /// `oci-layout`, `index.json` and the tools.
    private(set) var documents: [String: Member] = [:]
    /// The blobs.
    private(set) var blobs: [Digest: Member] = [:]
    private let set: VolumeSet

    /// Scans all headers.
    /// - Throws: a `Failure` of kind `data` for what is not a bundle's tar, or a member that is there twice.
    init(_ set: VolumeSet) throws(Failure) {
        self.set = set
        var scan = MemberScan(set.volumes)
        while let member = try scan.next() {
            let before =
                member.digest.map { blobs.updateValue(member, forKey: $0) }
                ?? documents.updateValue(member, forKey: member.name)
            guard before == nil else { throw refuse("\(member.name) is there twice") }
        }
    }

    /// The bytes of `oci-layout` or `index.json`.
    func document(_ name: String, limit: Int64) throws(Failure) -> [UInt8] {
        guard let member = documents[name] else { throw refuse("it has no \(name)") }
        guard member.size <= limit else { throw refuse("\(name) has more than \(limit) bytes") }
        return try set.volumes.bytes(at: member.offset, count: Int(member.size))
    }

    /// The verified bytes of a small blob.
    func bytes(of descriptor: Descriptor, limit: Int64) throws(Failure) -> [UInt8] {
        guard let member = blobs[descriptor.digest] else {
            throw refuse("\(descriptor.digest) is not in it")
        }
        guard member.size <= limit else {
            throw refuse("\(descriptor.digest) has \(member.size) bytes, more than \(limit)")
        }
        var stream = VerifyingStream(
            set.volumes.stream(at: member.offset, count: member.size), descriptor: descriptor,
            artifact: "\(descriptor.digest) in \(set.volumes.paths(at: member.offset, count: member.size))")
        return try stream.readAll(limit: Int(limit), artifact: "\(descriptor.digest)")
    }

    /// Holds the members to the plan that the bundle's own document gives.
    ///
    /// In a bundle as it was written every header and every place is the plan's, to the byte. In a tar
    /// that others have made of the same members, none of the headers is; then names and sizes count.
    func check(against plan: BundlePlan) throws(Failure) {
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
        let all = Array(blobs.values) + documents.values
        guard all.contains(where: \.isCanonical) || set.isSplit else { return }
        guard set.volumes.size == plan.size else {
            throw refuse("it has \(set.volumes.size) bytes, and its index states \(plan.size)")
        }
        if let altered = all.filter({ !$0.isCanonical }).min(by: { $0.offset < $1.offset }) {
            throw refuse("the header of \(altered.name) was altered", at: altered.offset)
        }
        for blob in plan.blobs {
            if let member = blobs[blob.descriptor.digest], member.offset != blob.offset {
                throw refuse("\(member.name) is not in its place", at: member.offset)
            }
        }
        for tool in plan.tools {
            if let member = documents[tool.tool.name], member.offset != tool.offset {
                throw refuse("\(member.name) is not in its place", at: member.offset)
            }
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
        let index = try document(FormatName.indexMember, limit: BundleContents.largestIndex)
        guard trust.isConfigured else { return ([], index) }
        return (try trust.signers(of: index, signatures: set.base + ".sig", bundle: set.base), index)
    }

    func refuse(_ reason: String, at offset: Int64? = nil) -> Failure {
        let paths = offset.map { set.volumes.paths(at: $0, count: 1) }
        return Failure(
            .data, "read the bundle", paths ?? set.base, because: reason,
            remedy: "copy it again from where it was made; if that does not help, collect it again")
    }
}
