// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI
internal import Spec

/// The names that the format fixes. `Format.md` explains each.
enum FormatName {
    static let artifact = "application/vnd.sealift.bundle.v1+json"
    static let config = "application/vnd.sealift.bundle.config.v1+json"
    static let imageName = "io.containerd.image.name"
    static let refName = "org.opencontainers.image.ref.name"
    static let title = "org.opencontainers.image.title"
    static let size = "io.sealift.bundle.size"
    static let volumeSize = "io.sealift.volume.size"
    static let toolPrefix = "io.sealift.tool."

    static let layoutMember = "oci-layout"
    static let indexMember = "index.json"
    static let layout = Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8)
}

/// The config of the bundle document: what is carried, and what is left to be had elsewhere.
struct BundleDocument: Codable, Equatable {
    // In the order of their keys, so that no part of a long document is moved when it is written.
    var lock: Lock
    /// What apply must produce; absent where no rehearsal has derived it.
    var outcome: BuildOutcome?
    /// The blobs that are not carried, because the isolated host has them; in order of first use.
    var required: [Digest]
    var spec: Spec
    /// The executables that travel with the bundle, in order of name; absent where there is none.
    var tools: [CarriedTool]?
    /// 3 with tools; 2 without; 1 in bundles without room for an outcome.
    var version: Int
    /// Bytes in each volume; absent where the bundle is one file.
    var volumeSize: Int64?

    /// The newest version that is read.
    static let newest = 3

    /// The version that is written: the oldest that says all, so that an older sealift reads what it can.
    static func version(with tools: [CarriedTool]) -> Int { tools.isEmpty ? 2 : 3 }

    /// The document's bytes. From version 2 on, spaces at the end fill the room that the longest outcome would take,
    /// so that an outcome, which is derived last, moves no blob.
    func bytes(images: [BundleImage]) throws(Failure) -> [UInt8] {
        let room = try room(images: images)
        return try StrictJSON.compact(self) + [UInt8](repeating: UInt8(ascii: " "), count: room)
    }

    /// How many spaces end the bytes.
    func room(images: [BundleImage]) throws(Failure) -> Int {
        guard version >= 2, spec.base != nil || !spec.builds.isEmpty else { return 0 }
        let key = ",\"outcome\":".utf8.count
        let longest = try StrictJSON.compact(BuildOutcome.longest(of: spec, images: images)).count + key
        let room =
            longest
            - (try outcome.map { (outcome) throws(Failure) in try StrictJSON.compact(outcome).count + key }
                ?? 0)
        guard room >= 0 else {
            throw Failure(
                .data, "write the outcome of", spec.name,
                because: "it has more layers than its builds can make")
        }
        return room
    }

    /// The largest document that is read: 64 MiB.
    static let largestSize = 64 << 20

    /// Reads a document.
    /// - Returns: the document, and whether `bytes` are its ``bytes(images:)`` up to the spaces at the end.
    static func decode(
        _ bytes: [UInt8], artifact: String
    ) throws(Failure) -> (document: BundleDocument, isAsWritten: Bool) {
        let remedy = "use a sealift that knows this form, or collect the bundle again"
        let written = asWritten(bytes)
        var document =
            if let written { written } else {
                try StrictJSON.decode(
                    BundleDocument.self, from: bytes, kind: .data, verb: "read the bundle document of",
                    artifact: artifact, remedy: remedy, limit: largestSize)
            }
        func refuse(_ reason: String) -> Failure {
            Failure(
                .data, "read the bundle document of", artifact, because: reason,
                remedy: remedy)
        }
        guard (1...newest).contains(document.version), document.spec.version == 1 else {
            throw refuse("its version is \(document.version), and 1 to \(newest) are known")
        }
        if document.version == 1, document.outcome != nil { throw refuse("version 1 has no outcome") }
        guard (document.version >= 3) == (document.tools != nil) else {
            throw refuse("tools are what version 3 has, and no other")
        }
        if let fault = document.tools.flatMap(CarriedTool.fault) { throw refuse(fault) }
        if let fault = document.outcome?.fault(of: document.spec) { throw refuse(fault) }
        if let fault = document.lock.fault { throw refuse(fault) }
        guard document.lock.isInOrder else { throw refuse("its lock is not in order") }
        // Equal, and smaller: its media types are shared.
        if written == nil { document.lock = document.lock.ordered }
        return (document, written != nil)
    }

    /// The document whose ``bytes(images:)`` these are up to the spaces at the end; `nil` for any other text. The lists of
    /// images, which may be tens of thousands, are read in one pass, and what is around them is decoded without them.
    private static func asWritten(_ bytes: [UInt8]) -> BundleDocument? {
        guard bytes.count <= largestSize, let end = bytes.lastIndex(where: { $0 != UInt8(ascii: " ") }) else {
            return nil
        }
        do {
            var text = CompactReader(bytes)
            try text.enter("lock")
            try text.enter("images")
            let locked = (start: text.offset, images: try text.list(Lock.Image.init), end: text.offset)
            try text.leave()
            try text.enter("spec")
            try text.enter("images")
            let named = (
                start: text.offset,
                images: try text.list { (text) throws(CompactReader.OtherForm) in try text.reference() },
                end: text.offset
            )
            let none = Array("[]".utf8)
            let rest: [UInt8] =
                bytes[..<locked.start] + none + bytes[locked.end..<named.start] + none
                + bytes[named.end...end]
            var document = try JSONText.decode(BundleDocument.self, from: rest)
            guard try StrictJSON.compact(document) == rest else { return nil }
            document.lock.images = locked.images
            document.spec.images = named.images
            return document
        } catch { return nil }
    }
}

extension Lock {
    /// The same, its entries sorted and its media types shared.
    fileprivate var ordered: Lock { Lock(images: images, files: files, charts: charts ?? []) }

    /// Whether its entries are sorted.
    fileprivate var isInOrder: Bool {
        guard zip(images, images.dropFirst()).allSatisfy({ $0.reference < $1.reference }) else {
            return false
        }
        var rest = self
        rest.images = []
        return rest == rest.ordered
    }
}

/// The artifact manifest that points to the document and to the files.
struct ArtifactManifest: Codable {
    var schemaVersion = 2
    var mediaType = MediaType.manifest
    var artifactType = FormatName.artifact
    var config: Descriptor
    var layers: [Descriptor]
}

/// An OCI image index as it is written.
struct ImageIndex: Codable {
    // In the order of their keys: see ``BundleDocument``.
    var annotations: [String: String]?
    var manifests: [Descriptor]
    var mediaType = MediaType.index
    var schemaVersion = 2
}
