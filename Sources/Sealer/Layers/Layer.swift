// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What is known of a layer once all of its bytes have been seen.
package struct LayerMeasure: Sendable, Hashable {
    /// The layer id: sha256 of the uncompressed tar.
    package var id: Digest
    /// Size of the tar in bytes: what sealer notes as the size of a layer it built.
    package var tarSize: Int64
    /// Sum of the sizes in the tar's headers: what sealer notes as the size of a layer it pulled.
    package var headerSizeSum: Int64
    /// The tar has no entry. sealer makes no layer of it.
    package var empty: Bool
}

/// A layer of a sealer image: a tree of files, the tar that represents it, and that tar's sha256, its id.
///
/// Source: sealer rules 3.1 to 3.13, in <doc:Rules>.
package enum Layer {
    /// Reads the tree at `folder` once and gives its id; reading and hashing overlap on two threads.
    /// - Parameters:
    ///   - tarSplit: where to write the tar-split file, mode 0600, flushed; nothing may be there yet.
    /// - Throws: a ``Failure``: of kind `busy` when a file changes while it is read. What was written at
    ///   `tarSplit` is then to be removed by the caller.
    package static func measure(folder: String, tarSplit: String?) throws(Failure) -> LayerMeasure {
        try measure(FileNode.scanned(folder), tarSplit: tarSplit)
    }

    /// The measure of the tree below `root`, whose contents are read once.
    /// - Parameter folder: the empty folder that the tree is written into in the same pass; `nil` to write nothing.
    /// - Throws: a ``Failure``, as ``measure(folder:tarSplit:)``; of kind `denied` when this user may not set an
    ///   owner or make a device.
    package static func measure(
        _ root: FileNode, tarSplit: String? = nil, writingInto folder: String? = nil
    ) throws(Failure) -> LayerMeasure {
        var writer: TreeWriter?
        if let folder { writer = try TreeWriter(into: folder) }
        let tree = try LayerTarStream(of: root, tarSplit: tarSplit, writer: writer)
        var tar = ReadAhead(tree)
        var hash = SHA256()
        var size: Int64 = 0
        while try tar.withNext({ (bytes) throws(Failure) in
            hash.update(bytes)
            size += Int64(bytes.count)
        }) {}
        return LayerMeasure(
            id: hash.digest(), tarSize: size, headerSizeSum: tree.headerSizeSum,
            empty: size == Int64(TarBlock.end.count))
    }

    /// Refuses a tree that no file system could take, without reading a content.
    package static func prove(_ root: FileNode) throws(Failure) {
        var walk = TreeWalk(root)
        while try walk.next() != nil {}
    }

    /// Writes the tree below `root` into the empty folder at `path`.
    /// - Throws: a ``Failure``, as ``measure(_:tarSplit:writingInto:)``.
    package static func write(_ root: FileNode, into path: String) throws(Failure) {
        var tar = try LayerTarStream(of: root, writer: TreeWriter(into: path))
        try tar.forEachChunk { _ in }
    }

    /// The tar of the tree at `folder`, as a stream that reads the tree while it is read: its sha256 is the
    /// layer's id.
    package static func tar(of folder: String) throws(Failure) -> any ByteStream {
        try LayerTarStream(of: FileNode.scanned(folder))
    }

    /// Unpacks the uncompressed tar `stream`, which anybody may have made, below `folder`, and gives its
    /// measure; inflating (when `stream` does), hashing and writing overlap on three threads.
    ///
    /// Kept are owners, modes with set-id bits, symbolic links, hard links, devices and times down to the
    /// nanosecond, so that a tree that sealer packed measures to the same id again. `.wh.NAME` becomes the
    /// whiteout that overlayfs knows, a character device 0/0; `.wh..wh..opq` makes its folder opaque.
    /// Folders that the tar does not name get mode 0755, time 0 and the current user.
    /// - Parameters:
    ///   - folder: created, mode 0755, if it is not there; else it must be empty. Nothing outside it is
    ///     touched. After a failure it holds what was written until then: the caller removes it.
    ///   - tarSplit: where to write the tar-split file, mode 0600, flushed; nothing may be there yet.
    /// - Throws: a ``Failure``: of kind `data` for a tar that is not well formed, names something twice or
    ///   leads out of the folder; `denied` when this user may not set an owner, make a device or make a
    ///   folder opaque, which in general is for root alone.
    package static func unpack(
        _ stream: any ByteStream, into folder: String, tarSplit: String?
    ) throws(Failure) -> LayerMeasure {
        let hashing = MeasuredStream(ReadAhead(stream))
        var tar = TarReader(ReadAhead(hashing), artifact: "of the layer for \(folder)")
        let tree = try LayerUnpacker(into: folder)
        var split: TarSplitWriter?
        if let tarSplit { split = try TarSplitWriter(creating: tarSplit) }
        var sizes: Int64 = 0
        var count = 0
        while let entry = try tar.next() {
            count += 1
            sizes += entry.header.size
            try split?.segment(entry.raw)
            let checksum = try tree.add(entry.header, content: &tar)
            try split?.entry(entry.header.name, size: entry.header.size, checksum: checksum)
        }
        try split?.finish(trailer: tar.trailer)
        try tree.finish()
        return LayerMeasure(
            id: hashing.digest, tarSize: hashing.count, headerSizeSum: sizes, empty: count == 0)
    }
}

/// Hashes and counts what passes. Code that has seen its end through ``ReadAhead`` may ask for the digest.
final class MeasuredStream: ByteStream {
    private var upstream: any ByteStream
    private var hash = SHA256()
    private(set) var count: Int64 = 0

    init(_ upstream: any ByteStream) { self.upstream = upstream }

    var digest: Digest { hash.digest() }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let got = try upstream.read(into: buffer)
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        count += Int64(got)
        return got
    }
}
