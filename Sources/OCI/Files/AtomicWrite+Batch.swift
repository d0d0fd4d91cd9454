// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension File {
    /// The absolute path of what `path` resolves to, without symbolic links.
    package static func resolve(_ path: String) throws(Failure) -> String {
        guard let resolved = realpath(path, nil) else { throw Failure.system("open", artifact: path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

extension AtomicWrite {
    /// Gives several existing files new content, each with the mode and the owner that it has; a symbolic
    /// link stays one. All of it is written and flushed before the first file is exchanged, and where an
    /// exchange fails, those before it are taken back: after a failure every file is as it was. A kill
    /// between two exchanges leaves each file whole, old or new.
    /// - Throws: a ``Failure`` that names the file that could not be written.
    package static func replace(_ files: [(path: String, bytes: [UInt8])]) throws(Failure) {
        var staged: [Exchange] = []
        defer { for exchange in staged { exchange.clean() } }
        for (path, bytes) in files {
            let exchange = try Exchange(path)
            staged.append(exchange)
            try exchange.stage(bytes)
        }
        for (index, exchange) in staged.enumerated() {
            do throws(Failure) { try exchange.commit() } catch {
                for done in staged[..<index].reversed() { done.takeBack() }
                throw error
            }
        }
    }

    /// One file, its new content and its old one.
    private struct Exchange {
        private let target: String
        private let owner: (user: uid_t, group: gid_t)
        private let mode: mode_t
        private var new: String { AtomicWrite.temporaryPath(for: target) }
        private var old: String { "\(target).\(AtomicWrite.token).old" }

        init(_ path: String) throws(Failure) {
            target = try File.resolve(path)
            var status = stat()
            guard lstat(target, &status) == 0 else { throw Failure.system("examine", artifact: path) }
            owner = (status.st_uid, status.st_gid)
            mode = status.st_mode & 0o7777
        }

        func stage(_ bytes: [UInt8]) throws(Failure) {
            clean()
            let file = try File.create(new, exclusive: true)
            try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
                try file.write(UnsafeRawBufferPointer(bytes), at: 0)
            }
            // Another's file that may only be written through its folder becomes the writer's own.
            _ = fchown(file.descriptor, owner.user, owner.group)
            guard fchmod(file.descriptor, mode) == 0 else {
                throw Failure.system("set the mode of", artifact: new)
            }
            try file.synchronize()
            // Some file systems have no links: there, a failure of the last step cannot be taken back.
            _ = link(target, old)
        }

        func commit() throws(Failure) { try AtomicWrite.rename(new, to: target) }
        func takeBack() { _ = Glibc.rename(old, target) }

        func clean() {
            unlink(new)
            unlink(old)
        }
    }
}
