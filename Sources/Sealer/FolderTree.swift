// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Creates the folder `path` and those above it, mode 0755, where they are missing.
func makeFolders(_ path: String) throws(Failure) {
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

/// Removes `path` and everything below it, links not followed. Nothing there is no error.
func removeTree(at path: String) throws(Failure) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw Failure.system("remove", path) }
    try Folder.open(path).removeContent()
    guard rmdir(path) == 0 else { throw Failure.system("remove", path) }
}

extension Folder {
    /// Removes everything in this folder.
    func removeContent() throws(Failure) {
        // A folder of a layer may forbid its owner, where that is not root, to change it.
        _ = fchmod(descriptor, 0o700)
        for name in try names() {
            let path = name.map { CChar(bitPattern: $0) } + [0]
            if unlinkat(descriptor, path, 0) == 0 { continue }
            guard errno == EISDIR || errno == EPERM else { throw Failure.system("remove", shown(name)) }
            try folder(name).removeContent()
            guard unlinkat(descriptor, path, AT_REMOVEDIR) == 0 else {
                throw Failure.system("remove", shown(name))
            }
        }
    }

    /// The bytes of everything below that is not a folder, as lstat tells them.
    func sizeOfFiles() throws(Failure) -> Int64 {
        var sum: Int64 = 0
        for name in try names() {
            let status = try status(of: name)
            sum += status.kind == .directory ? try folder(name).sizeOfFiles() : status.size
        }
        return sum
    }
}
