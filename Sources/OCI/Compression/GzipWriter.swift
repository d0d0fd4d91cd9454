// SPDX-License-Identifier: Apache-2.0
internal import CArchive

/// Writes gzip (RFC 1952) whose bytes depend on the input and on zlib's version alone, not on the time, a
/// name, how the input was cut into pieces, or the processor.
///
/// zlib and not ISA-L: what ISA-L deflates differs between processors at every level, and a repacked tarball
/// is part of a layer, whose id must be the same on every host.
package final class GzipWriter {
    /// 1, the fastest of zlib: what is repacked is big, and read once on each node.
    private static let level = "1"

    private let archive: OpaquePointer
    private let drain: Drain

    /// Starts a gzip file whose bytes go to `sink`, in order, at most 64 KiB at a time.
    package init(to sink: @escaping (UnsafeRawBufferPointer) throws(Failure) -> Void) {
        guard let archive = archive_write_new(), let entry = archive_entry_new() else {
            fatalError("libarchive has no memory")
        }
        self.archive = archive
        drain = Drain(sink)
        defer { archive_entry_free(entry) }
        let regularFile: UInt32 = 0o100000
        archive_entry_set_filetype(entry, regularFile)
        let codes = [
            archive_write_add_filter_gzip(archive),
            archive_write_set_filter_option(archive, "gzip", "compression-level", Self.level),
            archive_write_set_filter_option(archive, "gzip", "timestamp", nil),
            archive_write_set_format_raw(archive),
            archive_write_set_bytes_per_block(archive, 1 << 16),
            archive_write_set_bytes_in_last_block(archive, 1),
            archive_write_open(
                archive, Unmanaged.passUnretained(drain).toOpaque(), nil,
                { Unmanaged<Drain>.fromOpaque($1!).takeUnretainedValue().take($2, $3) }, nil),
            archive_write_header(archive, entry),
        ]
        guard codes.allSatisfy({ $0 == ARCHIVE_OK }) else { fatalError("libarchive has no gzip writer") }
    }

    deinit {
        // A file that was not finished is given up: nothing more may reach the sink.
        drain.close()
        archive_write_free(archive)
    }

    /// Compresses `bytes`, in order.
    /// - Throws: what the sink throws.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard bytes.count > 0 else { return }
        let count = archive_write_data(archive, bytes.baseAddress, bytes.count)
        if let failure = drain.failure { throw failure }
        guard count == bytes.count else { fatalError("libarchive failed to deflate") }
    }

    /// Compresses `bytes`, in order.
    /// - Throws: what the sink throws.
    package func write(_ bytes: [UInt8]) throws(Failure) {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in try write(buffer) }
        }
        try outcome.get()
    }

    /// Ends the file: after return the sink has all bytes. Write no more.
    /// - Throws: what the sink throws.
    package func finish() throws(Failure) {
        let code = archive_write_close(archive)
        if let failure = drain.failure { throw failure }
        guard code == ARCHIVE_OK else { fatalError("libarchive failed to end a gzip file") }
        drain.close()
    }

    /// What libarchive's write callback hands its bytes to.
    private final class Drain {
        private var sink: ((UnsafeRawBufferPointer) throws(Failure) -> Void)?
        private(set) var failure: Failure?

        init(_ sink: @escaping (UnsafeRawBufferPointer) throws(Failure) -> Void) { self.sink = sink }

        func close() { sink = nil }

        func take(_ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
            do throws(Failure) {
                try sink?(UnsafeRawBufferPointer(start: bytes, count: count))
                return count
            } catch {
                failure = error
                return -1
            }
        }
    }
}
