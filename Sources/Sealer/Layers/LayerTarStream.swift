// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Makes the tar of a tree as sealer does, while it is read; and writes the tree below a folder in the same pass,
/// where it is given a writer.
final class LayerTarStream: ByteStream {
    private var walk: TreeWalk
    private let writer: TreeWriter?
    private var tarSplit: TarSplitWriter?
    private var pending: ArraySlice<UInt8> = []
    private var sinceContent: [UInt8] = []
    private var content: (stream: any ByteStream, size: Int64, done: Int64)?
    private var checksum = CRC64()
    private var entry: TreeWalk.Entry?
    private var ended = false

    /// Sum of the file sizes so far; all of them once the stream has ended.
    private(set) var headerSizeSum: Int64 = 0

    init(of root: FileNode, tarSplit: String? = nil, writer: TreeWriter? = nil) throws(Failure) {
        walk = TreeWalk(root)
        self.writer = writer
        if let tarSplit { self.tarSplit = try TarSplitWriter(creating: tarSplit) }
    }

    /// Fills `buffer` as far as the tree goes.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            if !pending.isEmpty {
                let count = min(rest.count, pending.count)
                rest.copyBytes(from: pending.prefix(count))
                pending = pending.dropFirst(count)
                done += count
            } else if content != nil {
                done += try readContent(into: rest)
            } else if try !advance() {
                break
            }
        }
        return done
    }

    private func readContent(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        guard let size = content?.size, let done = content?.done else { return 0 }
        let wanted = Int(min(Int64(buffer.count), size - done))
        let count = try content!.stream.read(
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
        guard count > 0 else { throw changed("it has \(done) bytes, not \(size)") }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        checksum.update(bytes)
        try writer?.write(bytes, at: done)
        content!.done += Int64(count)
        if content!.done == size { try endContent() }
        return count
    }

    /// Ends a file: the stream must end with it, since a stream that verifies itself does so at its end.
    private func endContent() throws(Failure) {
        guard let entry else { return }
        var rest: UInt8 = 0
        let more = try withUnsafeMutableBytes(of: &rest) { (buffer) throws(Failure) in
            try content!.stream.read(into: buffer)
        }
        guard more == 0 else { throw changed("it has more than \(entry.header.size) bytes") }
        try writer?.end()
        try tarSplit?.entry(entry.header.name, size: entry.header.size, checksum: checksum)
        content = nil
        emit([UInt8](repeating: 0, count: TarBlock.padding(after: entry.header.size)))
    }

    private func changed(_ reason: String) -> Failure {
        Failure(
            .data, "read", entry.map { FileNode.shown($0.path) } ?? "", because: reason,
            remedy: "let nothing change the files during a build, then run it again")
    }

    private func emit(_ bytes: [UInt8]) {
        pending = bytes[...]
        if tarSplit != nil { sinceContent += bytes }
    }

    /// Goes to the next entry; false at the end.
    private func advance() throws(Failure) -> Bool {
        if ended { return false }
        guard let entry = try walk.next() else {
            emit(TarBlock.end)
            try tarSplit?.finish(trailer: sinceContent)
            try writer?.finish()
            ended = true
            return true
        }
        emit(entry.header.encoded())
        try tarSplit?.segment(sinceContent)
        sinceContent = []
        headerSizeSum += entry.header.size
        self.entry = entry
        checksum = CRC64()
        if let node = entry.node { try writer?.begin(entry.path, node: node) }
        if case .file(let source, let size)? = entry.node?.form, size > 0 {
            content = (try source.open(size: size), size, 0)
        } else {
            try tarSplit?.entry(entry.header.name, size: 0, checksum: checksum)
        }
        return true
    }
}

/// Reads one file's content; holes are filled in without being read.
struct LayerContent {
    private let file: File
    private let size: Int64
    private var dataEnd: Int64 = 0
    private var dataStart: Int64 = 0
    private(set) var left: Int64

    init(_ file: File, size: Int64) {
        self.file = file
        self.size = size
        left = size
    }

    /// Reads at least one byte, unless `buffer` is empty.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let offset = size - left
        if offset >= dataEnd { try findData(from: offset) }
        let inHole = offset < dataStart
        let end = inHole ? dataStart : dataEnd
        let wanted = Int(min(Int64(buffer.count), end - offset))
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        if inHole {
            part.initializeMemory(as: UInt8.self, repeating: 0)
        } else {
            guard try file.read(into: part, at: offset) == wanted else { throw changed() }
        }
        left -= Int64(wanted)
        if left == 0, try file.size() != size { throw changed() }
        return wanted
    }

    /// Where the next data begins and ends; where the file system cannot tell, all is data.
    private mutating func findData(from offset: Int64) throws(Failure) {
        let (seekData, seekHole): (Int32, Int32) = (3, 4)
        let start = lseek(file.descriptor, off_t(offset), seekData)
        if start < 0 {
            (dataStart, dataEnd) = errno == ENXIO ? (size, size) : (offset, size)
        } else {
            let end = lseek(file.descriptor, start, seekHole)
            (dataStart, dataEnd) = (min(Int64(start), size), end < 0 ? size : min(Int64(end), size))
        }
    }

    private func changed() -> Failure {
        Failure(
            .busy, "read", file.path, because: "it changed while it was read",
            remedy: "wait for the process that writes it, then run it again")
    }
}
