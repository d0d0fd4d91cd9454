// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import OCI

/// The right to write one bundle: from before anything is asked of the network until the bundle is there, no other run
/// works at its path.
///
/// The scratch folder beside it is what is locked, and it is for its owner only.
final class OutputHold: Sendable {
    /// Where the bundle goes: the file that a symbolic link points to, where the user named one.
    let path: String
    private let lock: FileLock

    /// Takes the right to write at `output`.
    /// - Throws: a ``Failure`` of kind `space` where a folder, a device or another special file is there, `busy` while
    ///   another run works there, `denied` where the scratch folder belongs to another user.
    init(_ output: String) throws(Failure) {
        path = try AtomicWrite.target(of: output)
        let scratch = ScratchFolder(beside: path).path
        while true {
            guard mkdir(scratch, 0o700) == 0 || errno == EEXIST else {
                throw Failure.system("create", artifact: path)
            }
            let opened = try Folder.open(scratch)
            var (held, there) = (stat(), stat())
            guard fstat(opened.descriptor, &held) == 0 else {
                throw Failure.system("examine", artifact: scratch)
            }
            guard held.st_uid == geteuid() else {
                throw Failure(
                    .denied, "write", path, because: "\(scratch) belongs to another user",
                    remedy: "name a file in a folder that only you can write")
            }
            guard let lock = try FileLock(of: opened) else {
                throw Failure(
                    .busy, "write", path, because: "another process is writing it",
                    remedy: "wait until it has ended, or name another file")
            }
            // The last run removes the folder when it ends: a lock on a removed folder guards nothing.
            guard lstat(scratch, &there) == 0, held.st_ino == there.st_ino, held.st_dev == there.st_dev else {
                continue
            }
            _ = fchmod(opened.descriptor, 0o700)
            self.lock = lock
            return
        }
    }
}
