// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A working folder that one process has for itself: made if need be, for its owner only, and locked until the object goes.
package final class HeldFolder: Sendable {
    /// Where it is.
    package let path: String
    private let lock: FileLock

    /// Makes and locks the folder at `path`.
    /// - Parameter target: what is made in it, for errors.
    /// - Throws: a ``Failure`` of kind `busy` while another process has it, `denied` where it belongs to another user.
    package init(at path: String, for target: String) throws(Failure) {
        self.path = path
        while true {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw Failure.system("create", artifact: target)
            }
            let opened = try Folder.open(path)
            var (held, there) = (stat(), stat())
            guard fstat(opened.descriptor, &held) == 0 else {
                throw Failure.system("examine", artifact: path)
            }
            guard held.st_uid == geteuid() || held.st_uid == Self.ownerOfFiles(in: path) else {
                throw Failure(
                    .denied, "write", target, because: "\(path) belongs to another user",
                    remedy: "name a file in a folder that only you can write")
            }
            guard let lock = try FileLock(of: opened) else {
                throw Failure(
                    .busy, "write", target, because: "another process is writing it",
                    remedy: "wait until it has ended, or name another file")
            }
            // The last holder removes the folder when it ends: a lock on a removed folder guards nothing.
            guard lstat(path, &there) == 0, held.st_ino == there.st_ino, held.st_dev == there.st_dev else {
                continue
            }
            _ = fchmod(opened.descriptor, 0o700)
            self.lock = lock
            return
        }
    }

    /// Who owns what this process makes in `folder`: on file systems without owners, such as FAT, all belongs to whom the
    /// mount names.
    private static func ownerOfFiles(in folder: String) -> uid_t? {
        var status = stat()
        guard let file = try? File.unnamed(in: folder), fstat(file.descriptor, &status) == 0 else {
            return nil
        }
        return status.st_uid
    }

    /// Removes the folder with all that is in it. The lock is held until the object goes.
    package func remove() { try? removeTree(at: path) }
}
