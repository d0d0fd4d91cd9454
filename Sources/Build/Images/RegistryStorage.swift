// SPDX-License-Identifier: Apache-2.0
package import OCI
package import Sealer

/// Container images as the storage of a docker registry, which sealer mounts on `/var/lib/registry` of the
/// registry that it runs: `docker/registry/v2` with `blobs` and `repositories`.
///
/// A tag points to what the reference resolved to, verbatim, so to the whole manifest list; only the chosen
/// platform's manifest, config and layers are there. Folders have mode 0750, files 0600, links 71 bytes. The
/// domain of a reference is dropped, since the cluster's registry replaces all of them. What a registry
/// would have besides is an empty `_uploads` folder in each repository: it makes that itself when it needs it.
///
/// Source: distribution's `registry/storage/paths.go`; sealer rules 5.5 and 5.6.
package struct RegistryTree: Sendable {
    private let images: [RegistryImage]

    /// Takes the images that the registry shall hold.
    /// - Throws: a ``Failure`` of kind `configuration` where two different ones have the same name once the domain
    ///   is dropped; it names both.
    package init(_ images: [RegistryImage]) throws(Failure) {
        var byPath: [String: RegistryImage] = [:]
        for image in images {
            let path = image.reference.unpinned.path
            if let other = byPath[path], other.manifests[0].descriptor != image.manifests[0].descriptor {
                throw Self.collision(other.reference, with: image.reference)
            }
            byPath[path] = image
        }
        self.images = byPath.sorted { $0.key < $1.key }.map(\.value)
    }

    static func collision(_ one: Reference, with other: Reference) -> Failure {
        Failure(
            .configuration, "save the images", "\(one) and \(other)",
            because: "both become \(one.path) in the cluster's registry, and their content differs",
            remedy: "keep one of them, or give one another tag")
    }

    /// Puts the storage as the folder `registry` into `root`, which has none.
    ///
    /// The same images give the same tree: all times are `time`, and every file belongs to `owner`.
    /// - Parameters:
    ///   - source: where the blobs come from when the tree is read; each is verified then.
    ///   - time: seconds since 1970.
    package func add(
        to root: FileNode, from source: any ContentSource, owner: FileOwner = FileOwner(), time: Int64
    ) {
        let storage = RegistryStorage(root: root, owner: owner, time: .init(seconds: time))
        for image in images { storage.add(image, from: source) }
    }
}

extension Digest {
    /// The two folders that the registry names after a digest.
    fileprivate var folder: String { "\(algorithm.rawValue)/\(hex)" }
}

/// Puts files below `docker/registry/v2`.
private struct RegistryStorage {
    let root: FileNode
    let owner: FileOwner
    let time: Folder.Time
    private static let prefix = "registry/docker/registry/v2"

    /// Adds manifests, tag and blobs of an image.
    func add(_ image: RegistryImage, from source: any ContentSource) {
        let repository = "repositories/\(image.reference.repository)"
        for manifest in image.manifests {
            let digest = manifest.descriptor.digest
            addBlob(manifest.descriptor, content: .bytes(manifest.raw))
            addLink("\(repository)/_manifests/revisions/\(digest.folder)", to: digest)
        }
        let top = image.manifests[0].descriptor.digest
        // An image without a tag is pulled by its digest, and has no tag in the registry either.
        if let name = image.reference.tag {
            let tag = "\(repository)/_manifests/tags/\(name)"
            addLink("\(tag)/current", to: top)
            addLink("\(tag)/index/\(top.folder)", to: top)
        }
        for blob in image.blobs {
            addBlob(blob, content: .blob(blob, source))
            addLink("\(repository)/_layers/\(blob.digest.folder)", to: blob.digest)
        }
    }

    func addBlob(_ blob: Descriptor, content: FileContent) {
        let hex = blob.digest.hex
        add(
            "data", in: "blobs/\(blob.digest.algorithm.rawValue)/\(hex.prefix(2))/\(hex)", content: content,
            size: blob.size)
    }

    /// Adds the file `link` in `folder`: the digest, no newline.
    func addLink(_ folder: String, to digest: Digest) {
        let bytes = Array(digest.description.utf8)
        add("link", in: folder, content: .bytes(bytes), size: Int64(bytes.count))
    }

    private func add(_ name: String, in path: String, content: FileContent, size: Int64) {
        var folder = root
        for part in "\(Self.prefix)/\(path)".split(separator: "/").map({ Array($0.utf8) }) {
            let next = folder.children[part] ?? FileNode(.folder, attributes: attributes(0o750))
            if folder.children[part] == nil { folder.put(next, as: part) }
            folder = next
        }
        let bytes = Array(name.utf8)
        if folder.children[bytes] != nil { return }
        folder.put(FileNode(.file(content, size: size), attributes: attributes(0o600)), as: bytes)
    }

    private func attributes(_ mode: UInt32) -> FileNode.Attributes {
        .init(mode: mode, uid: owner.uid, gid: owner.gid, time: time)
    }
}
