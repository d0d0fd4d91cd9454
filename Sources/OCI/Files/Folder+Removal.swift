// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Removes `path` and everything below it, links not followed. Nothing there is no error.
package func removeTree(at path: String) throws(Failure) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw Failure.system("remove", artifact: path) }
    try Folder.open(path).removeContent()
    guard rmdir(path) == 0 else { throw Failure.system("remove", artifact: path) }
}

extension Folder {
    /// How many folders below one another are open at once.
    private static let openAtOnce = 64

    /// Removes everything in this folder, however deep: what is further down is first moved up to this folder.
    package func removeContent() throws(Failure) {
        var lifted = 0
        try removeContent(below: self, depth: 0, &lifted)
        var next = 0
        while next < lifted {
            let name = Self.liftedName(next)
            next += 1
            guard let deep = try? folder(name) else { continue }
            try deep.removeContent(below: self, depth: 0, &lifted)
            try removeFolder(name)
        }
    }

    private static func liftedName(_ number: Int) -> [UInt8] { Array(".sealift-removed-\(number)".utf8) }

    private func removeFolder(_ name: [UInt8]) throws(Failure) {
        let code = withName(name) { unlinkat(descriptor, $0, AT_REMOVEDIR) }
        guard code == 0 || errno == ENOENT else { throw Failure.system("remove", artifact: shown(name)) }
    }

    private func removeContent(below top: Folder, depth: Int, _ lifted: inout Int) throws(Failure) {
        // A folder of a layer may forbid its owner, where that is not root, to change it.
        _ = fchmod(descriptor, 0o700)
        for name in try names() {
            if withName(name, body: { unlinkat(descriptor, $0, 0) }) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM else {
                throw Failure.system("remove", artifact: shown(name))
            }
            if depth < Self.openAtOnce {
                try folder(name).removeContent(below: top, depth: depth + 1, &lifted)
                try removeFolder(name)
            } else {
                try lift(name, to: top, as: Self.liftedName(lifted))
                lifted += 1
            }
        }
    }

    private func lift(_ name: [UInt8], to top: Folder, as new: [UInt8]) throws(Failure) {
        // A folder that is moved must be writable for who moves it.
        _ = withName(name) { fchmodat(descriptor, $0, 0o700, 0) }
        let code = withName(name) { old in top.withName(new) { renameat(descriptor, old, top.descriptor, $0) }
        }
        guard code == 0 else { throw Failure.system("remove", artifact: shown(name)) }
    }
}
