// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Creates the folder `path` and those above it, mode 0755, where they are missing.
package func makeFolders(_ path: String) throws(Failure) {
    if mkdir(path, 0o755) == 0 {
        guard chmod(path, 0o755) == 0 else { throw Failure.system("set the mode of", artifact: path) }
        return
    }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
        try makeFolders(String(path[..<slash]))
        try makeFolders(path)
        return
    }
    let code = errno
    var status = stat()
    guard code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw Failure.system("create", artifact: path, code: code)
    }
}

extension Folder {
    /// The bytes of everything below that is not a folder, as lstat reports them.
    /// - Throws: a ``Failure`` also for a tree deeper than ``deepest`` folders.
    package func sizeOfFiles() throws(Failure) -> Int64 {
        var sum = ByteTotal()
        try forEachFolder { (folder, _) throws(Failure) in
            for name in try folder.names() {
                let status = try folder.status(of: name)
                if status.kind != .directory { try sum.add(status.size, artifact: folder.shown(name)) }
            }
        }
        return sum.bytes
    }

    /// Calls `body` with this folder and each one below it, links not followed, one open at a time.
    /// - Throws: what `body` throws, and a ``Failure`` of kind `data` for a tree deeper than ``deepest`` folders.
    package func forEachFolder(
        _ body: (_ folder: Folder, _ path: [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var pending: [[UInt8]] = [[]]
        while let path = pending.popLast() {
            let folder = path.isEmpty ? self : try folder(path)
            for name in try folder.names() where try folder.status(of: name).kind == .directory {
                pending.append(path.isEmpty ? name : path + [UInt8(ascii: "/")] + name)
            }
            try body(folder, path)
        }
    }
}
