// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// What a bundle says that it holds: the document that its index points to, and the plan that follows.
struct BundleIndexReader {
    let document: BundleDocument
    /// In the lock's order.
    let images: [BundleImage]
    let plan: BundlePlan

    /// The largest `index.json` that is read: 64 MiB.
    static let largestIndex: Int64 = 64 << 20

    /// Reads the index, the document and all manifests, each verified by its digest.
    /// - Throws: a `Failure` of kind `data` unless the index is, to the byte, what the document gives.
    init(_ set: VolumeDiscovery, members: MemberTable) throws(Failure) {
        guard try members.document(FormatName.layoutMember, limit: 4096) == FormatName.layout else {
            var failure = members.refuse("it is an OCI image layout that sealift has not made")
            failure.remedy =
                "to carry its images, add 'from: oci-archive:PATH' to them in a spec, and collect that"
            throw failure
        }
        let index = try members.document(FormatName.indexMember, limit: Self.largestIndex)
        let leader = if let known = members.leader { known } else { try Self.leader(of: index, members) }
        guard leader.artifactType == FormatName.artifact else {
            throw members.refuse("its index.json does not lead with a bundle document")
        }
        let raw = try members.bytes(of: leader, limit: Manifest.largestSize)
        let artifact = try Manifest(parsing: raw, type: leader.mediaType, artifact: set.base)
        guard case .image(let config, _) = artifact.content, config.mediaType == FormatName.config else {
            throw members.refuse("what its index leads with is not a bundle document")
        }
        let bytes = try members.bytes(of: config, limit: Int64(BundleDocument.largestSize))
        let (document, isAsWritten) = try BundleDocument.decode(bytes, artifact: set.base)
        self.document = document
        images = try CarriedManifests(of: document.lock, in: members).images(of: document.lock)
        // With this bound no sum of some of its sizes can overflow.
        var total = ByteTotal()
        for image in images {
            for blob in image.blobs { try total.add(blob.size, artifact: set.base) }
        }
        for file in document.lock.files { try total.add(file.size, artifact: set.base) }
        plan = try BundlePlan(
            spec: document.spec, lock: document.lock, images: images, have: Set(document.required),
            volumeSize: document.volumeSize, outcome: document.outcome, tools: document.tools ?? [],
            version: document.version, written: isAsWritten ? (bytes, config) : nil)
        guard plan.required.map(\.descriptor.digest) == document.required else {
            throw members.refuse("its document leaves out blobs that no image or file of it has")
        }
        guard plan.index == index else {
            let fault = JSONText.fault(in: index).map { "its index.json: \($0)" }
            throw members.refuse(fault ?? "its index.json is not the one that its document gives")
        }
    }

    /// The descriptor of the bundle document: the first of the index.
    private static func leader(of index: [UInt8], _ members: MemberTable) throws(Failure) -> Descriptor {
        let head: IndexHead
        do { head = try IndexHead(parsing: index) } catch {
            throw members.refuse("its index.json: \(JSONText.fault(in: index) ?? Manifest.explain(error))")
        }
        guard let leader = head.leader else {
            throw members.refuse("its index.json does not lead with a bundle document")
        }
        return leader
    }
}
