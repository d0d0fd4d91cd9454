// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Removes `path` and everything below it, links not followed. Nothing there is no error.
package func removeTree(at path: String) throws(Failure) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw Failure.system("remove", path) }
    try Folder.open(path).removeContent()
    guard rmdir(path) == 0 else { throw Failure.system("remove", path) }
}

extension Folder {
    /// Removes everything in this folder.
    package func removeContent() throws(Failure) {
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
}
