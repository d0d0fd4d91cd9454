// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Writes that are whole or not there: a temporary file beside the target, flushed, then renamed.
package enum AtomicWrite {
    /// Puts `bytes` at `path`: after return they are on the medium under that name; after a failure or a
    /// kill the old file, if there was one, is unchanged.
    /// - Parameters:
    ///   - bytes: the whole content.
    ///   - path: the target, in a folder that exists.
    ///   - mode: the permission bits, exactly (the umask is not applied).
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(Failure) {
        try write(to: path, mode: mode) { (file) throws(Failure) in
            try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
                try file.write(UnsafeRawBufferPointer(bytes), at: 0)
            }
        }
    }

    /// Puts at `path` what `body` writes into the file that it is given, under the same promise.
    package static func write(
        to path: String, mode: UInt32 = 0o644, _ body: (File) throws(Failure) -> Void
    ) throws(Failure) {
        let path = try target(of: path)
        let temporary = temporaryPath(for: path)
        unlink(temporary)
        do throws(Failure) {
            // No one else can open it until all is in it: a key is never readable by others, not for a moment.
            let file = try File.create(temporary, exclusive: true, mode: 0o600)
            try body(file)
            guard fchmod(file.descriptor, mode) == 0 else {
                throw Failure.system("set the mode of", artifact: temporary)
            }
            try file.synchronize()
            try rename(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Creates `path` with `bytes` in it, `mode` from the first byte on.
    /// - Throws: a ``Failure`` of kind `space` where something is there already, which then stays as it is.
    package static func create(_ bytes: [UInt8], at path: String, mode: UInt32) throws(Failure) {
        let file = try File.create(path, exclusive: true, mode: mode)
        do throws(Failure) {
            try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
                try file.write(UnsafeRawBufferPointer(bytes), at: 0)
            }
            try file.synchronize()
            try flushFolder(of: path)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Where this process prepares what goes to `path`: a name that no other user can foresee.
    package static func temporaryPath(for path: String) -> String { "\(path).\(token).tmp" }

    /// 64 random bits, the same for the whole process.
    static let token: String = {
        var random = SystemRandomNumberGenerator()
        return String(random.next() as UInt64, radix: 16)
    }()

    /// The path that content for `path` is written to: `path` itself, or the file that it is a symbolic link to.
    /// - Throws: a ``Failure`` of kind `space` where a folder, a device or another special file is there: a file must
    ///   not take its place.
    package static func target(of path: String) throws(Failure) -> String {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .space, "write", path, because: reason, remedy: "name a file that is there, or a new one")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT, !path.isEmpty, path.last != "/" { return path }
            throw errno == ENOENT ? refuse("it names a folder") : Failure.system("write", artifact: path)
        }
        let isLink = status.st_mode & S_IFMT == S_IFLNK
        if isLink, stat(path, &status) != 0 { throw refuse("it is a symbolic link to nothing") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw refuse("\(File.kind(of: status.st_mode)) is there")
        }
        return isLink ? try File.resolve(path) : path
    }

    /// Gives what is at `source` the name `target`, replacing a file there, and flushes the folder.
    package static func rename(_ source: String, to target: String) throws(Failure) {
        guard Glibc.rename(source, target) == 0 else {
            throw Failure.system("put in place", artifact: target)
        }
        try flushFolder(of: target)
    }

    /// Waits until the folder that holds `path` is on the medium, names included.
    package static func flushFolder(of path: String) throws(Failure) {
        let folder = folder(of: path)
        let descriptor = try Folder.open(folder)
        guard fsync(descriptor.descriptor) == 0 else { throw Failure.system("flush", artifact: folder) }
    }
    /// The folder that holds `path`.
    package static func folder(of path: String) -> String {
        let slash = path.lastIndex(of: "/")
        return slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }
}
