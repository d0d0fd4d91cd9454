// SPDX-License-Identifier: Apache-2.0
internal import CArchive
internal import Glibc

/// Reads the members of a zip archive one after another, in the order of its central directory. libarchive does the work.
package final class ZipReader {
    /// A member.
    package struct Member: Sendable {
        /// Its path as it is written.
        package let name: [UInt8]
        /// A file, a folder or a symbolic link; `nil` for anything else.
        package let kind: TarHeader.Kind?
        /// Permission bits.
        package let mode: UInt32
        /// The target of a symbolic link.
        package let linkName: [UInt8]
    }

    private let archive: OpaquePointer
    private let file: File
    private let artifact: String

    /// Begins to read the archive that is all of `file`.
    /// - Throws: a ``Failure`` of kind `data` where it is not a zip archive.
    package init(_ file: File, artifact: String) throws(Failure) {
        guard let archive = archive_read_new() else {
            throw Failure(.fault, "unpack", artifact, because: "libarchive has no memory")
        }
        self.archive = archive
        self.file = file
        self.artifact = artifact
        try check(archive_read_support_format_zip(archive))
        guard lseek(file.descriptor, 0, SEEK_SET) == 0 else {
            throw Failure.system("read", artifact: file.path)
        }
        try check(archive_read_open_fd(archive, file.descriptor, 1 << 16))
    }

    deinit { archive_read_free(archive) }

    /// The next member; `nil` after the last.
    /// - Throws: a ``Failure`` of kind `data` for an archive that is damaged or encrypted.
    package func next() throws(Failure) -> Member? {
        var found: OpaquePointer?
        let code = archive_read_next_header(archive, &found)
        if code == ARCHIVE_EOF { return nil }
        try check(code)
        guard let entry = found else { return nil }
        if archive_entry_is_encrypted(entry) != 0 { throw refuse("a member of it is encrypted") }
        let kind: TarHeader.Kind? =
            switch UInt32(archive_entry_filetype(entry)) & 0o170000 {
            case 0o100000: .file
            case 0o040000: .directory
            case 0o120000: .symlink
            default: nil
            }
        // Without a UTF-8 locale the first is missing for names beyond ASCII.
        return Member(
            name: Self.bytes(archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)), kind: kind,
            mode: UInt32(archive_entry_perm(entry)),
            linkName: Self.bytes(archive_entry_symlink(entry) ?? archive_entry_symlink_utf8(entry)))
    }

    /// The next bytes of the member's content; 0 at its end.
    /// - Throws: a ``Failure`` of kind `data` where it is damaged.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
        // A wrong size or checksum is only a warning to libarchive.
        guard count >= 0 else { throw refuse(said) }
        return count
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
        text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    }

    private func check(_ code: Int32) throws(Failure) {
        if code != ARCHIVE_OK, code != ARCHIVE_WARN { throw refuse(said) }
    }

    private var said: String {
        archive_error_string(archive).map { String(displaying: Self.bytes($0)[...]) } ?? "it is damaged"
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "unpack", artifact, because: reason,
            remedy: "check what its source sends; a zip archive without a password is expected")
    }
}
