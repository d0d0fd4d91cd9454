// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The list of what names one manifest as its subject, which a client keeps under a tag of the subject's digest in a
/// registry without the referrers API.
///
/// What others wrote stays, byte for byte. Source: OCI distribution specification 1.1, "Pushing Manifests with Subject" and
/// "Referrers Tag Schema".
struct ReferrersList {
    /// What comes before the entries, and after them.
    private let head: [UInt8]
    private let tail: [UInt8]
    private let type: String
    private var entries: [[UInt8]]
    private var known: Set<Digest>
    /// Whether an entry was added.
    private(set) var isChanged = false

    /// An empty list.
    init() {
        head = Array("{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.index)\",\"manifests\":[".utf8)
        tail = Array("]}".utf8)
        type = MediaType.index
        (entries, known) = ([], [])
    }

    /// The list that the tag points to.
    /// - Throws: a ``Failure`` of kind `data` for anything but an index that names its manifests.
    init(parsing bytes: [UInt8], type promised: String?, artifact: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "add to the list of referrers", artifact, because: reason,
                remedy: "delete or move that tag in the registry, then push again")
        }
        let manifest = try Manifest(parsing: bytes, type: promised, artifact: artifact)
        guard case .index(let children) = manifest.content else { throw refuse("the tag points to an image") }
        guard let root = try? JSONNode(bytes, within: JSONBounds(depth: JSONText.deepest)),
            case .object(let members) = root.content,
            let list = members.first(where: { $0.key == "manifests" })?.value
        else { throw refuse("the index under the tag does not list its manifests") }
        // `null` is an empty list to the tools that write it.
        let items: [JSONNode] = if case .array(let items) = list.content { items } else { [] }
        head = bytes[..<list.range.lowerBound] + Array("[".utf8)
        tail = Array("]".utf8) + bytes[list.range.upperBound...]
        type = manifest.descriptor.mediaType
        entries = items.map { Array(bytes[$0.range]) }
        known = Set(children.map(\.digest))
    }

    /// Adds `referrer` at the end, unless its digest is listed already.
    mutating func add(_ referrer: Descriptor) throws(Failure) {
        guard known.insert(referrer.digest).inserted else { return }
        entries.append(try CompactJSON.encode(referrer))
        isChanged = true
    }

    /// The list as an index; the same entries give the same bytes.
    /// - Throws: a ``Failure`` of kind `data` where it would be larger than registries take.
    func manifest(artifact: String) throws(Failure) -> Manifest {
        let bytes = head + entries.joined(separator: Array(",".utf8)) + tail
        return try Manifest(parsing: bytes, type: type, artifact: artifact)
    }
}
