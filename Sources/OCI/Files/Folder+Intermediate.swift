// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Creates the folder `path` and those above it, mode 0755, where they are missing.
package func makeFolders(_ path: String) throws(Failure) {
    if mkdir(path, 0o755) == 0 {
        guard chmod(path, 0o755) == 0 else { throw Failure.system("set the mode of", path) }
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
        throw Failure.system("create", path, code: code)
    }
}

extension Folder {
    /// The bytes of everything below that is not a folder, as lstat tells them.
    package func sizeOfFiles() throws(Failure) -> Int64 {
        var sum: Int64 = 0
        for name in try names() {
            let status = try status(of: name)
            sum += status.kind == .directory ? try folder(name).sizeOfFiles() : status.size
        }
        return sum
    }
}
