// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Sealer
internal import Synchronization

/// The layers of a base for reading: each is inflated once, whichever builds and platforms have it, and several are at once.
///
/// Only the contents from the first file on that a role names are kept; others are inflated again when they are read.
// Unchecked: `trees` is guarded by `lock`; a tree is not changed once it is made.
package final class UnpackedLayers: @unchecked Sendable {
    /// A layer: the digest of its tar, and the blob that it is fetched as.
    package struct Layer: Sendable, Hashable {
        /// The digest of its tar.
        package let id: Digest
        /// What it is fetched as.
        package let blob: Descriptor

        /// A layer.
        package init(id: Digest, blob: Descriptor) { (self.id, self.blob) = (id, blob) }
    }

    private let content: any ContentSource
    private let scratch: String
    private let roles: [PathPattern]
    private let whole: Set<Digest>
    private let lock = Mutex(())
    private var trees: [Layer: FileNode] = [:]

    /// - Parameters:
    ///   - content: where their blobs are.
    ///   - scratch: an existing folder for files that have no name any more once they are made.
    ///   - roles: what the layers hold that builds take files of.
    ///   - whole: the ids of layers whose contents are needed, whatever they hold.
    package init(
        content: any ContentSource, scratch: String, roles: [PathPattern] = [], whole: Set<Digest> = []
    ) {
        self.content = content
        self.scratch = scratch
        self.roles = roles
        self.whole = whole
    }

    /// Unpacks and verifies `layers`, the largest first, on all cores.
    /// - Returns: what is wrong with them, in their order.
    package func unpack(_ layers: [Layer]) -> [Failure] {
        let order = Set(layers).sorted { ($0.blob.size, $0.id.hex) > ($1.blob.size, $1.id.hex) }
        let isOnePerCore = order.count >= processorCount
        let failures = onAllCores(order) { layer -> Failure? in
            do throws(Failure) {
                _ = try tree(of: layer, onTwoThreads: !isOnePerCore)
                return nil
            } catch { return error }
        }
        let found = Dictionary(uniqueKeysWithValues: zip(order, failures)).compactMapValues(\.self)
        var seen: Set<Layer> = []
        return layers.filter { seen.insert($0).inserted }.compactMap { found[$0] }
    }

    /// The tree of a layer.
    /// - Parameter onTwoThreads: whether one inflates while another hashes.
    /// - Throws: a ``Failure`` of kind `data` for a layer that no store takes, or whose tar has another digest.
    func tree(of layer: Layer, onTwoThreads: Bool = true) throws(Failure) -> FileNode {
        if let known = lock.withLock({ _ in trees[layer] }) { return known }
        let tree = try unpacked(layer, onTwoThreads)
        lock.withLock { _ in trees[layer] = tree }
        return tree
    }

    private func unpacked(_ layer: Layer, _ onTwoThreads: Bool) throws(Failure) -> FileNode {
        let (content, blob) = (content, layer.blob)
        let artifact = "the layer \(blob.digest) of the base"
        let open: @Sendable () throws(Failure) -> any ByteStream = { () throws(Failure) in
            try decompressed(content.open(blob), limit: nil, isPromised: true, artifact: artifact)
        }
        let spooled = SpooledTar(in: scratch, from: open)
        let plain = try open()
        let stream = SpoolingStream(onTwoThreads ? ReadAhead(plain) : plain, into: spooled)
        stream.isKept = whole.contains(layer.id)
        var tar = TarReader(stream, artifact: artifact)
        let tree = try TarTreeBuilder.tree(of: &tar, artifact: artifact) { offset, _, path in
            if !stream.isKept, roles.contains(where: { $0.matches(path) }) { stream.isKept = true }
            return .spooled(spooled, at: offset)
        }
        guard stream.digest == layer.id else {
            throw Failure(
                .data, "use", artifact,
                because: "its tar is \(stream.digest), and the image's config says \(layer.id)",
                remedy: "the image was damaged before it was pushed: collect it from another registry")
        }
        return tree
    }
}

/// Passes bytes on and hashes them; keeps them once they are wanted.
private final class SpoolingStream: ByteStream {
    private var upstream: any ByteStream
    private let target: SpooledTar
    private var hash = SHA256()
    private var count: Int64 = 0
    /// Whether what is read from now on is kept.
    var isKept = false

    init(_ upstream: any ByteStream, into target: SpooledTar) {
        self.upstream = upstream
        self.target = target
    }

    /// The digest of all bytes so far.
    var digest: Digest { hash.digest() }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let got = try upstream.read(into: buffer)
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
        hash.update(bytes)
        if isKept { try target.keep(bytes, at: count) }
        count += Int64(got)
        return got
    }
}
