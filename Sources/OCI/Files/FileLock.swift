// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A lock of an open file or folder against other openings of it, in this process or in another one (`flock`).
///
/// The lock ends with the object, even while a program that another thread is starting still has a copy of the descriptor:
/// a child has all of them until it runs its program.
package final class FileLock: Sendable {
    private let descriptor: Int32
    private let holder: any Sendable

    /// Locks `file` and keeps it open.
    /// - Parameters:
    ///   - file: what is locked; the lock is of this opening.
    ///   - isShared: whether others may hold a shared lock at the same time.
    /// - Returns: `nil` where another opening has a lock that excludes this one.
    /// - Throws: a ``Failure`` where the file system cannot lock.
    package convenience init?(of file: File, isShared: Bool = false) throws(Failure) {
        try self.init(descriptor: file.descriptor, of: file, path: file.path, isShared: isShared)
    }

    /// Locks `folder`, as a file.
    package convenience init?(of folder: Folder) throws(Failure) {
        try self.init(descriptor: folder.descriptor, of: folder, path: folder.path, isShared: false)
    }

    private init?(
        descriptor: Int32, of holder: any Sendable, path: String, isShared: Bool
    ) throws(Failure) {
        (self.descriptor, self.holder) = (descriptor, holder)
        while flock(descriptor, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else { throw Failure.system("lock", artifact: path) }
            return nil
        }
    }

    deinit { flock(descriptor, LOCK_UN) }
}
