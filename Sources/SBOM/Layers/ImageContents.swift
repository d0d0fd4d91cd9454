// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// What an image of several layers says of packages: of each known path the topmost layer that has it counts, and what a
/// layer removes is gone.
struct ImageContents {
    /// A database, and the layer that it is in.
    struct Database: Hashable {
        let layer: Digest
        let path: String
    }

    /// The databases, by path.
    private(set) var databases: [(place: Database, manager: PackageManager, packages: [InstalledPackage])] =
        []
    /// The distribution.
    private(set) var release = OSRelease()
    /// What could not be looked into, in sentences.
    private(set) var notes: [String] = []

    /// Lays `layers` over one another, the lowest first.
    /// - Parameter isImage: whether it is one of files, of which packages are expected.
    init(_ layers: [(digest: Digest, contents: LayerContents)], isImage: Bool) {
        var found: [String: (Digest, LayerContents.Entry)] = [:]
        for (digest, contents) in layers {
            if let fault = contents.fault {
                notes.append("The layer \(digest) was not looked into: \(fault).")
            }
            found = found.filter { path, _ in !contents.hides(path) }
            for (path, entry) in contents.entries { found[path] = (digest, entry) }
        }
        for (path, (digest, entry)) in found.sorted(by: { $0.key < $1.key }) {
            switch entry {
            case .packages(let manager, let packages):
                databases.append((Database(layer: digest, path: path), manager, packages))
            case .unreadable(let reason): notes.append("In the layer \(digest), \(reason).")
            case .release(let release) where path == "etc/os-release" || self.release.id.isEmpty:
                self.release = release
            case .release: break
            }
        }
        if isImage, databases.isEmpty, notes.isEmpty {
            notes.append("Its layers hold no package database of dpkg, apk or rpm.")
        }
    }
}

extension LayerContents {
    /// Whether what the layers below have at `path` is not there any more.
    fileprivate func hides(_ path: String) -> Bool {
        if removed.isEmpty, emptied.isEmpty { return false }
        if removed.contains(path) || emptied.contains("") { return true }
        var folder = path.split(atLast: "/").0
        while !folder.isEmpty {
            if removed.contains(folder) || emptied.contains(folder) { return true }
            folder = folder.split(atLast: "/").0
        }
        return false
    }
}
