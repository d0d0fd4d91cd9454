// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

/// How files get their names in the store: each step is noted, so that ``StoreWriter/rollBack()`` can undo it.
extension StoreWriter {
    /// Gives what is in staging its place in the store, and flushes the folder.
    func putInPlace(_ new: String, at path: String) throws(Failure) {
        try move(new, to: path)
        changes.withLock { $0.steps.append(.placed(path)) }
        try AtomicWrite.flushFolder(of: path)
    }

    /// Takes what is at `paths` out of the store; it is kept in staging until the writer commits. Nothing there is
    /// no error.
    func takeAway(_ paths: [String]) throws(Failure) {
        for path in paths {
            var status = stat()
            guard lstat(path, &status) == 0 else {
                if errno == ENOENT { continue }
                throw Failure.system("examine", artifact: path)
            }
            let kept = "\(try stagingFolder())/kept"
            try move(path, to: kept)
            changes.withLock { $0.steps.append(.takenAway(path, kept: kept)) }
        }
    }

    /// Gives `new`, in staging, the name `old`, in one step; what was there is kept in staging until the writer commits.
    func exchange(_ new: String, with old: String) throws(Failure) {
        if sealift_exchange(new, old) == 0 {
            changes.withLock { $0.steps.append(.exchanged(old, kept: new)) }
            return try AtomicWrite.flushFolder(of: old)
        }
        // Not every file system can; then what is there goes first. Nothing there is the usual case.
        try takeAway([old])
        try putInPlace(new, at: old)
    }

    /// Waits until all content on the store's file system is on the medium.
    func flush() throws(Failure) {
        let root = try Folder.open(store.path)
        guard sealift_syncfs(root.descriptor) == 0 else {
            throw Failure.system("flush", artifact: store.path)
        }
    }

    /// Gives what is at `source` the name `target`; with `optional`, nothing there is no error.
    func move(_ source: String, to target: String, optional: Bool = false) throws(Failure) {
        guard rename(source, target) != 0 else { return }
        if optional && errno == ENOENT { return }
        guard errno == EXDEV else { throw Failure.system("put in place", artifact: target) }
        throw Failure(
            .configuration, "put in place", target,
            because: "data and metadata of the store are not on the file system of \(store.path)",
            remedy: "mount one file system on the whole store")
    }

    /// Writes a file in staging and gives it its name: sealer takes any other name in its folders for data.
    func put(_ bytes: [UInt8], at path: String) throws(Failure) {
        let temporary = "\(staging)/\(nextName.add(1, ordering: .relaxed).newValue)"
        try AtomicWrite.write(bytes, to: temporary)
        try AtomicWrite.rename(temporary, to: path)
    }
}
