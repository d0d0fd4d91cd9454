// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import NIOCore
package import OCI

/// Several shelves, overlaid: every name, tag, manifest and blob that they hold together.
///
/// An image is found under its full name (`docker.io/calico/node`), under the name without the domain
/// (`calico/node`), and Docker's own images also without `library/`. Of two shelves that have one full name and
/// tag the earlier counts. Where several domains share a short name, it means `docker.io`'s first, then those of
/// the others, in the order in which the shelves name them: a tag is that of the first domain that has it.
package struct Catalog: Sendable {
    /// A manifest, verified when the catalog was made.
    struct Stored: Sendable {
        var descriptor: Descriptor
        /// Where its bytes are kept; `nil` once ``memory`` is used up, then they are read again when asked for.
        var kept: KeptBytes.Place?
        /// The type of its config; `nil` for an index, and for what is neither.
        var configType: String?
        /// The platforms of the instances that are here, or none where it is not known.
        var platforms: [Platform] = []
        /// Bytes of all that it points to and that is here, itself included, each blob once.
        var total: Int64 = 0
    }

    /// A short name that means images of several domains.
    package struct SharedName: Sendable {
        /// The name without a domain: `calico/node`.
        package let name: String
        /// The domains, the one that the short name means first.
        package let domains: [String]
    }

    /// The images and files, as people see them: the first of each name.
    let images: [NamedImage]
    let files: [NamedFile]
    let filesByName: [String: NamedFile]
    let manifests: [Digest: Stored]
    /// Short names, and full ones where several domains share the short one; sorted.
    let names: [String]
    /// Short names that several domains share.
    package let shared: [SharedName]
    /// Bytes of all manifests and blobs of images, each counted once.
    let total: Int64
    /// Blobs that manifests here name and that no shelf has: a delta without what it builds on.
    package let missing: [Digest]

    private let kept: KeptBytes
    private let repositories: [String: Repository]
    private let shelves: [any ServedContent]

    /// How many bytes of manifests are kept in memory.
    static let memory = 16 << 20

    /// Reads and verifies every manifest of `shelves`, of which an earlier one hides a later one.
    /// - Throws: a `Failure` of kind `data` that names a manifest whose bytes are not what its digest
    ///   says, or of kind `io` when it cannot be read.
    package init(_ shelves: [any ServedContent]) throws(Failure) {
        var builder = CatalogBuilder(shelves)
        for shelf in shelves {
            for image in shelf.images { try builder.add(image) }
        }
        self.shelves = shelves
        images = builder.images
        manifests = builder.manifests
        kept = builder.kept
        missing = builder.missing.sorted()
        total = builder.total
        let (repositories, names, shared) = builder.named()
        self.repositories = repositories
        self.names = names
        self.shared = shared
        var byName: [String: NamedFile] = [:]
        var files: [NamedFile] = []
        for file in shelves.flatMap(\.files) where byName[file.name] == nil {
            byName[file.name] = file
            files.append(file)
        }
        self.files = files
        filesByName = byName
    }

    /// The repository that `name` means.
    /// - Parameter domain: the registry that the client meant to ask (`?ns=`); `nil` where it meant this one.
    func repository(_ name: String, domain: String?) -> Repository? {
        if let domain {
            let real = ["registry-1.docker.io", "index.docker.io"].contains(domain) ? "docker.io" : domain
            return find(real + "/" + name)
        }
        return find(name)
    }

    private func find(_ name: String) -> Repository? {
        if let found = repositories[name] { return found }
        if !name.contains("/") { return repositories["library/" + name] }
        if name.hasPrefix("docker.io/"), !name.dropFirst(10).contains("/") {
            return repositories["docker.io/library/" + name.dropFirst(10)]
        }
        return nil
    }

    /// The bytes of a manifest, where they are kept in memory.
    func bytes(of stored: Stored) -> ByteBuffer? { stored.kept.map(kept.bytes) }

    /// Every place where the blob is, in the order of the shelves.
    func copies(of digest: Digest) -> [[Region]] {
        shelves.map { $0.regions(of: digest) }.filter { !$0.isEmpty }
    }

    /// The blob's size in bytes; `nil` when no shelf has it.
    func size(of digest: Digest) -> Int64? {
        shelves.lazy.map { $0.regions(of: digest) }.first { !$0.isEmpty }.map(Self.size)
    }

    static func size(_ regions: [Region]) -> Int64 { regions.reduce(0) { $0 + $1.count } }
}
