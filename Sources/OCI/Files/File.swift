// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// An open file. Closed when the last reference to it goes. Positional reads and writes may come from
/// any thread at once.
package final class File: Sendable {
    /// The descriptor, for calls that this type does not wrap. Valid while the object lives.
    package let descriptor: Int32
    /// The path it was opened at, for errors.
    package let path: String

    /// Takes over an open descriptor.
    package init(taking descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens an existing file for reading.
    /// - Throws: a ``Failure`` of kind `input` when it is not there or is not a file: a pipe, a device, a socket or
    ///   a folder is refused at once, without waiting for another end; `denied` or `io` otherwise.
    package static func open(_ path: String) throws(Failure) -> File {
        let file = try File(opening: path, flags: O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, verb: "open")
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw Failure.system("examine", artifact: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw isNoFile(path, status.st_mode, verb: "open")
        }
        return file
    }

    private static func isNoFile(_ path: String, _ mode: mode_t, verb: String) -> Failure {
        Failure(
            .input, verb, path, because: "it is \(kind(of: mode)), and a file is expected",
            remedy: "name a file; copy into one what comes from elsewhere")
    }

    static func kind(of mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFDIR: "a folder"
        case S_IFIFO: "a named pipe"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }

    /// Opens a file for reading and writing and creates it, with `mode` less the umask, if need be.
    /// - Parameters:
    ///   - path: the file, in a folder that exists.
    ///   - exclusive: refuse a file that is there already.
    ///   - mode: the permission bits of a new file.
    /// - Throws: a ``Failure``, of kind `space` where something else than a file is there.
    package static func create(
        _ path: String, exclusive: Bool = false, mode: UInt32 = 0o644
    ) throws(Failure) -> File {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let file = try File(
            opening: path, flags: flags | (exclusive ? O_EXCL : 0), verb: "create", mode: mode)
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw Failure.system("examine", artifact: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                .space, "create", path, because: "\(kind(of: status.st_mode)) is there",
                remedy: "remove it, or name another place")
        }
        return file
    }

    /// Creates a file without a name in `folder`, whose space comes back when it is closed.
    /// - Throws: a ``Failure`` where the folder cannot be written.
    package static func unnamed(in folder: String) throws(Failure) -> File {
        var random = SystemRandomNumberGenerator()
        let name = String(random.next() as UInt64, radix: 16)
        let file = try create("\(folder)/.sealift-\(name)", exclusive: true, mode: 0o600)
        unlink(file.path)
        return file
    }

    /// The ends of a new pipe, for reading and for writing; no program inherits them.
    /// - Parameter artifact: what it is for, for errors.
    package static func pipe(for artifact: String) throws(Failure) -> (read: File, write: File) {
        var ends: [Int32] = [-1, -1]
        guard sealift_pipe(&ends) == 0 else { throw Failure.system("make a pipe for", artifact: artifact) }
        return (File(taking: ends[0], path: artifact), File(taking: ends[1], path: artifact))
    }

    private convenience init(
        opening path: String, flags: Int32, verb: String, mode: UInt32 = 0
    ) throws(Failure) {
        let descriptor = Glibc.open(path, flags, mode)
        guard descriptor >= 0 else {
            let code = errno
            // A socket, or a device that nothing is behind.
            var status = stat()
            if code == ENXIO || code == ENODEV, stat(path, &status) == 0 {
                throw Self.isNoFile(path, status.st_mode, verb: verb)
            }
            throw Failure.system(verb, artifact: path, code: code)
        }
        self.init(taking: descriptor, path: path)
    }

    /// The size in bytes.
    package func size() throws(Failure) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure.system("examine", artifact: path) }
        return Int64(status.st_size)
    }

    /// The bytes that it takes of the medium.
    package func allocated() throws(Failure) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure.system("examine", artifact: path) }
        return Int64(status.st_blocks) * 512
    }

    /// Reads at `offset` until `buffer` is full or the file ends; returns the count.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Failure) -> Int {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let count = pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure.system("read", artifact: path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all of `bytes` at `offset`.
    /// - Throws: a ``Failure`` of kind `space` when there is none left.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure.system("write", artifact: path) }
            done += count
        }
    }

    /// Writes all of `bytes` at the descriptor's offset; it may be a pipe.
    /// - Throws: a ``Failure`` of kind `space` when there is none left.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = Glibc.write(descriptor, base + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // Standard output may be a pipe that somebody has set not to block.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wanted, 1, -1)
                continue
            }
            guard count >= 0 else { throw Failure.system("write", artifact: path) }
            done += count
        }
    }

    /// Waits until all that was written is on the medium.
    package func synchronize() throws(Failure) {
        guard fsync(descriptor) == 0 else { throw Failure.system("flush", artifact: path) }
    }

    /// Waits until all that was written is on the medium, then drops what the system keeps of the file in memory, so that
    /// the next reads come from the medium.
    /// - Returns: whether the system took all of it; pages that others have locked or mapped stay.
    package func dropCachedPages() -> Bool {
        // Only clean pages can be dropped.
        fsync(descriptor) == 0 && posix_fadvise(descriptor, 0, 0, Int32(POSIX_FADV_DONTNEED)) == 0
    }

    /// A stream of `count` bytes from `offset`; it throws where the file ends before.
    package func stream(at offset: Int64 = 0, count: Int64) -> FileStream {
        FileStream(file: self, offset: offset, left: count)
    }

    /// All bytes of a small file.
    /// - Throws: a ``Failure`` of kind `data` when it has more than `limit` bytes; none of them is read then.
    package func bytes(limit: Int) throws(Failure) -> [UInt8] {
        let size = try size()
        guard size <= limit else {
            throw Failure(
                .data, "read", path, because: "it has \(size) bytes, and at most \(limit) are expected",
                remedy: "check that this is the file that is meant")
        }
        var stream = stream(count: size)
        var failure: Failure?
        // Of its size from the start: an array that grows takes half as much again.
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, filled in
            do throws(Failure) {
                while filled < Int(size) {
                    filled += try stream.read(
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...]))
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// Bytes of a part of a file, in order.
package struct FileStream: ByteStream {
    let file: File
    var offset: Int64
    var left: Int64

    /// Reads on.
    /// - Throws: a ``Failure`` of kind `data` where the file is shorter than the part.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let wanted = Int(min(Int64(buffer.count), left))
        if wanted == 0 { return 0 }
        let count = try file.read(
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset)
        guard count > 0 else {
            throw Failure(
                .data, "read", file.path, because: "it ends \(left) bytes too early",
                remedy: "copy the file again and compare its size")
        }
        offset += Int64(count)
        left -= Int64(count)
        return count
    }

    /// Continues further behind; whether the file is long enough shows when bytes are read there.
    package mutating func skip(_ count: Int64) throws(Failure) -> Int64 {
        let step = min(max(0, count), left)
        offset += step
        left -= step
        return step
    }
}

extension Failure {
    /// The failure that `errno` reports, its kind chosen by the number. Call it before anything else
    /// can change `errno`.
    package static func system(_ operation: String, artifact: String) -> Failure {
        system(operation, artifact: artifact, code: errno)
    }

    /// The failure that the error number `code` reports.
    package static func system(_ operation: String, artifact: String, code: Int32) -> Failure {
        let (kind, remedy): (Kind, String) =
            switch code {
            case ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG: (.input, "check the path")
            case EACCES, EPERM: (.denied, "check its owner and mode, or run as a user that may")
            case EROFS: (.denied, "the file system is read-only: name another place")
            case ENOSPC, EDQUOT:
                (.space, "free some space, or name a place on another file system; then run it again")
            case EADDRNOTAVAIL: (.configuration, "choose an address of this host, or 0.0.0.0 for all of them")
            case EEXIST, EISDIR, EFBIG: (.space, "name another place")
            case EIO: (.io, "the medium fails to read or write: copy it to another one")
            case EBUSY, ETXTBSY, EAGAIN: (.busy, "wait for the process that uses it, then run it again")
            default: (.io, "check the system's log (dmesg), then run it again")
            }
        if code == ENOENT, operation == "create", let slash = artifact.lastIndex(of: "/") {
            let folder = String(artifact[..<slash])
            return Failure(
                kind, operation, artifact, because: "the folder \(folder) does not exist",
                remedy: "make the folder first, or name another one")
        }
        return Failure(kind, operation, artifact, because: String(cString: strerror(code)), remedy: remedy)
    }
}
