// SPDX-License-Identifier: Apache-2.0
internal import CArchive
internal import Glibc

/// Decompresses zstd, xz or bzip2 with libarchive's filters over its raw format.
final class LibarchiveFilterReader: ByteStream {
    private static let inputSize = 1 << 17

    private let archive: OpaquePointer
    private let feed: Feed
    private let artifact: String
    private var ended = false

    init(_ upstream: CountedStream, form: Compression, artifact: String) throws(Failure) {
        guard let archive = archive_read_new() else { fatalError("libarchive has no memory") }
        self.archive = archive
        self.artifact = artifact
        feed = Feed(upstream, windows: WindowWatch(form, artifact: artifact))
        let code =
            switch form {
            case .zstd: archive_read_support_filter_zstd(archive)
            case .xz: archive_read_support_filter_xz(archive)
            case .bzip2: archive_read_support_filter_bzip2(archive)
            case .gzip: ARCHIVE_FATAL
            }
        try check(code)
        try check(archive_read_support_format_raw(archive))
        // The raw format wants at least one byte.
        try check(archive_read_support_format_empty(archive))
        let opened = archive_read_open(
            archive, Unmanaged.passUnretained(feed).toOpaque(), nil,
            { _, context, bytes in Unmanaged<Feed>.fromOpaque(context!).takeUnretainedValue().next(bytes!) },
            nil)
        try check(opened)
        var entry: OpaquePointer?
        let first = archive_read_next_header(archive, &entry)
        if first == ARCHIVE_EOF { ended = true } else { try check(first) }
        // A head that libarchive does not take for the form would be passed on as it is.
        guard archive_filter_count(archive) == 2 else { throw refuse("its compressed data is damaged") }
    }

    deinit { archive_read_free(archive) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        if ended || buffer.isEmpty { return 0 }
        let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
        guard count >= 0 else { throw failure }
        guard count == 0 else { return count }
        ended = true
        // What the filter left unread follows the end of the compressed data.
        let left = try feed.total() - archive_filter_bytes(archive, -1)
        if left > 0 { throw refuse("something else follows its compressed data") }
        return 0
    }

    private func check(_ code: Int32) throws(Failure) {
        if code != ARCHIVE_OK, code != ARCHIVE_WARN { throw failure }
    }

    /// What went wrong last, in the source or in libarchive.
    private var failure: Failure {
        if let failure = feed.failure { return failure }
        return refuse(archive_error_string(archive).map { String(cString: $0) } ?? "it is damaged")
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "unpack", artifact, because: reason,
            remedy: "fetch or copy it again; if it stays so, the source itself is damaged")
    }

    /// What libarchive's read callback draws from.
    private final class Feed {
        private let upstream: CountedStream
        private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: inputSize, alignment: 64)
        private var windows: WindowWatch
        private(set) var failure: Failure?
        private var ended = false

        init(_ upstream: CountedStream, windows: WindowWatch) {
            self.upstream = upstream
            self.windows = windows
        }
        deinit { buffer.deallocate() }

        func next(_ bytes: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
            do throws(Failure) {
                let count = ended ? 0 : try upstream.read(into: buffer)
                ended = count == 0
                try windows.take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                bytes.pointee = UnsafeRawPointer(buffer.baseAddress)
                return count
            } catch {
                failure = error
                return -1
            }
        }

        /// Size of the whole input, which is read to its end; libarchive must be done with the buffer.
        func total() throws(Failure) -> Int64 {
            while !ended { ended = try upstream.read(into: buffer) == 0 }
            return upstream.count
        }
    }
}
