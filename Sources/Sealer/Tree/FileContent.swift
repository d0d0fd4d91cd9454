// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Synchronization

/// Where the bytes of a file come from. Kept small, since a tree has one for each file.
package enum FileContent: Sendable {
    /// Memory.
    case bytes([UInt8])
    /// So many bytes as the file has, from the offset on, of a file that is open.
    case part(of: File, at: Int64)
    /// So many bytes as the file has, from the offset on, of a tar of which only what is needed is decompressed.
    case spooled(SpooledTar, at: Int64)
    /// A file below a layer's folder of a store.
    case stored(StoredFiles, StoredFiles.Number)
    /// A blob, verified as it is read.
    indirect case blob(Descriptor, any ContentSource)
    /// A whole file that was made for this build: a writer on the same file system may link it into place.
    case made(File)
    /// Not known yet: the content follows from blobs that have not been fetched.
    case pending

    /// The bytes, from the first to the last.
    /// - Throws: a ``Failure`` of kind `data` where the source has another size.
    package func open(size: Int64) throws(Failure) -> any ByteStream {
        switch self {
        case .bytes(let bytes): return MemoryStream(bytes)
        case .part(let file, let offset): return file.stream(at: offset, count: size)
        case .spooled(let tar, let offset): return try tar.stream(at: offset, count: size)
        case .stored(let files, let number):
            let file = try files.open(number)
            guard try file.size() == size else {
                throw Failure(
                    .data, "read", file.path,
                    because: "it has \(try file.size()) bytes, and its layer says \(size)",
                    remedy: "the store is damaged: run `sealift store check`, then `store repair`")
            }
            return LayerContentStream(LayerContent(file, size: size))
        case .blob(let descriptor, let source): return try source.open(descriptor)
        case .made(let file): return file.stream(count: size)
        case .pending:
            throw Failure(.fault, "read", "a file", because: "its content has not been fetched yet")
        }
    }
}

extension FileContent {
    /// What equal contents at the same place have in common while the objects that hold them live; `nil` for what is not
    /// known yet, or may change.
    var place: [UInt8]? {
        func place(_ object: AnyObject, _ offset: Int64, _ kind: UInt8) -> [UInt8] {
            var bytes = [kind]
            withUnsafeBytes(of: UInt(bitPattern: ObjectIdentifier(object))) { bytes += $0 }
            withUnsafeBytes(of: offset) { bytes += $0 }
            return bytes
        }
        switch self {
        case .bytes(let bytes): return [0] + Array(Digest(of: bytes).description.utf8)
        case .part(let file, let offset): return place(file, offset, 1)
        case .spooled(let tar, let offset): return place(tar, offset, 2)
        case .blob(let blob, _): return [3] + Array(blob.digest.description.utf8)
        case .made(let file): return place(file, 0, 4)
        case .stored, .pending: return nil
        }
    }
}

/// The files below a layer's folder of a store, by numbers: a path is put together only when its file is opened.
package final class StoredFiles: Sendable {
    /// The number of a file.
    package typealias Number = UInt32

    private struct Paths {
        var folders: [[UInt8]] = []
        /// The names, one after another.
        var names: [UInt8] = []
        var entries: [(folder: UInt32, end: UInt64)] = []
    }

    private let top: Folder
    private let paths = Mutex(Paths())

    /// Files below `top`.
    init(below top: Folder) { self.top = top }

    /// Takes in a file; those of one folder should come one after another.
    func add(_ path: [UInt8]) -> Number {
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let folder = path[..<(slash ?? 0)]
        return paths.withLock { paths in
            if paths.folders.last.map({ !$0.elementsEqual(folder) }) ?? true {
                paths.folders.append(Array(folder))
            }
            paths.names += path[(slash.map { $0 + 1 } ?? 0)...]
            paths.entries.append((UInt32(paths.folders.count - 1), UInt64(paths.names.count)))
            return Number(paths.entries.count - 1)
        }
    }

    /// Opens a file that was taken in.
    /// - Throws: a ``Failure`` of kind `input` where it is gone, `data` where it is not a regular file any more.
    func open(_ number: Number) throws(Failure) -> File { try top.file(path(of: number)) }

    private func path(of number: Number) -> [UInt8] {
        paths.withLock { paths in
            let start = number == 0 ? 0 : Int(paths.entries[Int(number) - 1].end)
            let (folder, end) = paths.entries[Int(number)]
            let name = paths.names[start..<Int(end)]
            let above = paths.folders[Int(folder)]
            return above.isEmpty ? Array(name) : above + [UInt8(ascii: "/")] + name
        }
    }
}

/// The content of a file of a layer as a stream; holes are not read.
private struct LayerContentStream: ByteStream {
    var content: LayerContent

    init(_ content: LayerContent) { self.content = content }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        content.left == 0 ? 0 : try content.read(into: buffer)
    }
}
