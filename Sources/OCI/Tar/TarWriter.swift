// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Writes a tar whose bytes depend on nothing but its members: owner 0, mode 0644 or 0755, and the time
/// 0. Goes to a file or, member after member, to a pipe.
package struct TarWriter: ~Copyable {
    private let output: File
    /// Where the archive begins in a file that can be written at any place; `nil` for a pipe.
    private let origin: Int64?
    private var position: Int64 = 0
    private let progress: (Int64) -> Void

    /// Begins an archive at the offset of `output`.
    /// - Parameters:
    ///   - output: a file or a pipe.
    ///   - progress: given the archive's length so far, in bytes, after each piece.
    package init(_ output: File, progress: @escaping (Int64) -> Void = { _ in }) {
        self.output = output
        self.progress = progress
        var status = stat()
        let seekable = fstat(output.descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        // With O_APPEND every write goes to the end, whatever place it names.
        let appends = fcntl(output.descriptor, F_GETFL) & O_APPEND != 0
        let here = lseek(output.descriptor, 0, SEEK_CUR)
        origin = seekable && !appends && here >= 0 ? Int64(here) : nil
    }

    /// Adds a folder. `name` has no slash at its end.
    package mutating func folder(_ name: String) throws(Failure) {
        try append(Self.header(name, size: 0, folder: true))
    }

    /// Adds a file that holds `bytes`.
    package mutating func file(_ name: String, bytes: [UInt8]) throws(Failure) {
        try append(Self.header(name, size: Int64(bytes.count)))
        try append(bytes)
        try pad(after: Int64(bytes.count))
    }

    /// Adds a file of exactly `size` bytes.
    /// - Throws: a ``Failure`` of kind `data` when the stream has another length, or what it throws.
    package mutating func file(
        _ name: String, size: Int64, from stream: consuming any ByteStream
    ) throws(Failure) {
        try append(Self.header(name, size: size))
        let written = try copy(&stream)
        guard written == size else { throw Self.changed(name, from: size, to: written) }
        try pad(after: size)
    }

    /// Adds a file whose size shows only at the end of its bytes, as that of a compressed layer does.
    ///
    /// A file is written in one pass, and its header put in afterwards. Before a pipe the bytes are read
    /// twice: once to measure them, so that nothing of a member goes out that fails to verify.
    /// - Parameters:
    ///   - name: the member's name.
    ///   - open: opens the bytes from the first on; each call gives the same bytes.
    package mutating func file(
        _ name: String, open: () throws(Failure) -> any ByteStream
    ) throws(Failure) {
        var stream = try open()
        guard let origin else {
            var size: Int64 = 0
            try stream.forEachChunk { (bytes) throws(Failure) in size += Int64(bytes.count) }
            return try file(name, size: size, from: try open())
        }
        let start = position
        try append(Self.header(name, size: 0))
        let room = position - start
        let size = try copy(&stream)
        let header = Self.header(name, size: size)
        if header.count == Int(room) {
            try header.withUnsafeBufferPointer { (bytes) throws(Failure) in
                try output.write(UnsafeRawBufferPointer(bytes), at: origin + start)
            }
            return try pad(after: size)
        }
        // From 8 GiB on the header is longer than the room that was left for it.
        guard lseek(output.descriptor, off_t(origin + start), SEEK_SET) >= 0,
            ftruncate(output.descriptor, off_t(origin + start)) == 0
        else { throw Failure.system("write", artifact: output.path) }
        position = start
        try file(name, size: size, from: try open())
    }

    /// Ends the archive with its two empty blocks.
    package mutating func finish() throws(Failure) {
        try append([UInt8](repeating: 0, count: 1024))
    }

    private static func header(_ name: String, size: Int64, folder: Bool = false) -> [UInt8] {
        TarHeader(
            name: Array(name.utf8), kind: folder ? .directory : .file, mode: folder ? 0o755 : 0o644,
            size: size
        ).encoded()
    }

    private static func changed(_ name: String, from size: Int64, to written: Int64) -> Failure {
        Failure(
            .data, "archive", name, because: "it has \(written) bytes, not the promised \(size)",
            remedy: "verify what it is taken from")
    }

    private mutating func copy(_ stream: inout any ByteStream) throws(Failure) -> Int64 {
        let start = position
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = try stream.read(into: buffer)
            if count == 0 { return position - start }
            try append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    private mutating func pad(after size: Int64) throws(Failure) {
        let over = Int(size % 512)
        if over > 0 { try append([UInt8](repeating: 0, count: 512 - over)) }
    }

    private mutating func append(_ bytes: [UInt8]) throws(Failure) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try append(UnsafeRawBufferPointer(bytes))
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        try output.append(bytes)
        position += Int64(bytes.count)
        progress(position)
    }
}
