// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// The files of a bundle at a path, all there and of the right size.
struct VolumeDiscovery {
    /// The path of the file, or the base of the volumes' names.
    let base: String
    let volumes: Volumes
    /// Whether the bundle is in volumes.
    let isSplit: Bool
    /// The trusted keys that have signed the index, and the bytes that they signed; `nil` where the index does
    /// not come second, as in a bundle that was written, and is still to be verified.
    let signed: (signers: [Signer], index: [UInt8])?
    /// The first two members, where they are `oci-layout` and `index.json`.
    let leading: LeadingMembers?

    /// Finds and opens the file or the volumes. With a trusted key, the signature over the raw index is verified
    /// before anything but tar headers is looked at.
    /// - Throws: a `Failure` of kind `input` naming a volume that is missing, of kind `data` naming one
    ///   of another size, one that is there twice, or one too many, or for a bundle that no trusted key signed.
    init(opening path: String, trusting trust: Trust) throws(Failure) {
        let stem = path.hasSuffix(".001") ? String(path.dropLast(4)) : path
        let isFile = access(path, F_OK) == 0
        guard isFile || access(Volumes.name(stem, number: 1), F_OK) == 0 else {
            throw Failure(
                .input, "open the bundle", path, because: "there is neither this file nor \(stem).001",
                remedy: "check the path; all volumes must be in one folder under their names")
        }
        let first = try File.open(isFile ? path : Volumes.name(stem, number: 1))
        let single = Volumes([first], size: try first.size(), volumeSize: nil)
        leading = try LeadingMembers(of: single)
        signed = try leading.map { (leading) throws(Failure) in
            let index = leading.bytes
            if !trust.isConfigured { return ([], index) }
            let places = isFile ? [path, stem] : [stem]
            let place = places.first { access($0 + ".sig", F_OK) == 0 } ?? places[0]
            return (try trust.signers(of: index, signatures: place + ".sig", bundle: path), index)
        }
        guard !isFile || stem != path, let stated = leading?.stated,
            let (size, volumeSize) = try Self.split(stated, base: stem, first: first)
        else {
            (base, volumes, isSplit) = (path, single, false)
            return
        }
        base = stem
        volumes = try Self.open(stem, size: size, volumeSize: volumeSize)
        isSplit = true
    }

    /// The size of the whole, which the index in the first volume states, and that of its volumes; `nil` where the index
    /// states none, or the first volume is the whole. They are compared with the document later; here they say which
    /// files to look for.
    private static func split(
        _ stated: [String: String], base: String, first: File
    ) throws(Failure) -> (size: Int64, volumeSize: Int64)? {
        let wanted = stated[FormatName.volumeSize].flatMap { Int64(sizeFromOutside: $0) }
        guard let size = stated[FormatName.size].flatMap({ Int64(sizeFromOutside: $0) }) else { return nil }
        if wanted == nil, try first.size() == size { return nil }
        let there = sizes(of: base)
        let limits = 1...Descriptor.largestSize
        let possible = [wanted, there.max()].compactMap(\.self).filter { volumeSize in
            limits.contains(size) && limits.contains(volumeSize)
                && (size - 1) / volumeSize < BundlePlan.mostVolumes
        }
        // A copy may be split in another way than the bundle was made: then what is there fits only that way.
        let volumeSize = possible.first { volumeSize in
            there.starts(with: Volumes.names(base, size: size, volumeSize: volumeSize).map(\.size))
        }
        guard let volumeSize = volumeSize ?? possible.first else {
            throw Failure(
                .data, "open the bundle", first.path, because: "its index states sizes that cannot be",
                remedy: "copy the volume again")
        }
        return (size, volumeSize)
    }

    /// The sizes of the volumes that are there, from the first to the last before one that is missing.
    private static func sizes(of base: String) -> [Int64] {
        var sizes: [Int64] = []
        var status = stat()
        while sizes.count <= BundlePlan.mostVolumes,
            stat(Volumes.name(base, number: sizes.count + 1), &status) == 0
        {
            sizes.append(Int64(status.st_size))
        }
        return sizes
    }

    private static func open(_ base: String, size: Int64, volumeSize: Int64) throws(Failure) -> Volumes {
        let names = Volumes.names(base, size: size, volumeSize: volumeSize)
        let count = names.count
        var files: [File] = []
        var seen: [String: String] = [:]
        for name in names {
            func refuse(_ kind: Failure.Kind, reason: String) -> Failure {
                Failure(
                    kind, "open the volume", name.path, because: reason,
                    remedy: "copy volume \(files.count + 1) of \(count) again from where it was made")
            }
            guard access(name.path, F_OK) == 0 else { throw refuse(.input, reason: "it is missing") }
            let file = try File.open(name.path)
            let found = try file.size()
            guard found == name.size else {
                throw refuse(.data, reason: "it has \(found) bytes, and \(name.size) belong to this bundle")
            }
            var status = stat()
            guard fstat(file.descriptor, &status) == 0 else {
                throw Failure.system("examine", artifact: name.path)
            }
            if let other = seen.updateValue(name.path, forKey: "\(status.st_dev) \(status.st_ino)") {
                throw refuse(.data, reason: "it is the same file as \(other)")
            }
            files.append(file)
        }
        let surplus = Volumes.name(base, number: count + 1)
        guard access(surplus, F_OK) != 0 else {
            throw Failure(
                .data, "open the volume", surplus, because: "the bundle has \(count) volumes",
                remedy: "it is left of another bundle: move it away")
        }
        return Volumes(files, size: size, volumeSize: volumeSize)
    }
}

/// The members that a bundle begins with as it was written: `oci-layout`, then `index.json`.
struct LeadingMembers {
    let layout: Member
    let index: Member
    /// The bytes of `index.json`.
    let bytes: [UInt8]
    /// The annotations of the index; none where it is not JSON.
    let stated: [String: String]
    /// The descriptor that the index leads with.
    let leader: Descriptor?

    /// Reads them; `nil` where others come first.
    init?(of first: Volumes) throws(Failure) {
        var scan = MemberScanner(first)
        guard let layout = try scan.next(), layout.name == FormatName.layoutMember,
            let index = try scan.next(), index.name == FormatName.indexMember,
            index.size <= BundleIndexReader.largestIndex
        else { return nil }
        self.layout = layout
        self.index = index
        bytes = try first.bytes(at: index.offset, count: Int(index.size))
        let head = try? IndexHead(parsing: bytes)
        stated = head?.annotations ?? [:]
        leader = head?.leader
    }
}

/// The beginning of an index: no more of it is built than is needed to find the bundle document.
struct IndexHead: Decodable {
    let annotations: [String: String]
    let leader: Descriptor?

    private enum CodingKeys: CodingKey {
        case annotations, manifests
    }

    /// Reads the beginning of an index. Of one as it is written, what follows is not looked at: it is compared later.
    init(parsing bytes: [UInt8]) throws {
        self = try JSONText.decode(IndexHead.self, from: Self.head(of: bytes) ?? bytes)
    }

    /// An index as it is written, without what follows its first manifest; `nil` for any other text.
    private static func head(of bytes: [UInt8]) -> [UInt8]? {
        do throws(CompactReader.OtherForm) {
            var text = CompactReader(bytes)
            try text.enter("manifests")
            try text.take("[")
            try text.skip()
            return bytes[..<text.offset] + Array("]}".utf8)
        } catch { return nil }
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        annotations = (try? fields.decodeIfPresent([String: String].self, forKey: .annotations)) ?? [:]
        guard fields.contains(.manifests) else {
            leader = nil
            return
        }
        var manifests = try fields.nestedUnkeyedContainer(forKey: .manifests)
        leader = manifests.isAtEnd ? nil : try manifests.decode(Descriptor.self)
    }
}
