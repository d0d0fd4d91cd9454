// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Synchronization

/// The uncompressed tar of a layer as a file without a name, of which as much is there as was needed so far.
///
/// Most layers of a base are never read after they were verified: their bytes are written once one is read. Any thread
/// may read.
package final class SpooledTar: Sendable {
    private struct State {
        var file: File?
        /// From where on the bytes are in the file.
        var start: Int64 = .max
    }
    private let state = Mutex(State())
    private let folder: String
    private let open: @Sendable () throws(Failure) -> any ByteStream

    /// - Parameters:
    ///   - folder: an existing folder for the file.
    ///   - open: gives all bytes of the tar, each time it is called.
    package init(in folder: String, from open: @escaping @Sendable () throws(Failure) -> any ByteStream) {
        self.folder = folder
        self.open = open
    }

    /// Takes bytes of the tar that are at hand, because it is just being read: those at `offset`. Once some are given, all
    /// that follow must be.
    package func keep(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        let file = try state.withLock { (state) throws(Failure) in
            let file = try Self.file(&state, in: folder)
            state.start = min(state.start, offset)
            return file
        }
        try file.write(bytes, at: offset)
    }

    /// A stream of `count` bytes from `offset`. What is not in the file is written there first.
    package func stream(at offset: Int64, count: Int64) throws(Failure) -> any ByteStream {
        let file = try state.withLock { (state) throws(Failure) in
            let file = try Self.file(&state, in: folder)
            if offset < state.start {
                try fill(file, upTo: state.start)
                state.start = 0
            }
            return file
        }
        return file.stream(at: offset, count: count)
    }

    private static func file(_ state: inout State, in folder: String) throws(Failure) -> File {
        if let file = state.file { return file }
        let file = try File.unnamed(in: folder)
        state.file = file
        return file
    }

    /// Writes the bytes before `end`.
    private func fill(_ file: File, upTo end: Int64) throws(Failure) {
        var stream = try open()
        var count: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while count < end {
            let got = try stream.read(into: buffer)
            if got == 0 { return }
            try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<got]), at: count)
            count += Int64(got)
        }
    }
}
