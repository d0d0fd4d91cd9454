// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

extension BuildImageScan {
    /// The regular files below `folder` in the merged tree, ordered by path.
    static func files(
        below folder: String, in roots: [FileNode]
    ) throws(Failure) -> [(path: String, file: FileNode)] {
        var found: [String: FileNode] = [:]
        for root in roots {
            // Not there, or a file or a link of that name: sealer has nothing to scan either.
            guard let top = root.children[Array(folder.utf8)], top.isFolder else { continue }
            let layer = Layer(of: top, at: folder)
            found = found.filter { path, _ in
                !layer.hidden.contains { path == $0 || path.hasPrefix("\($0)/") }
            }
            for (path, file) in layer.files { found[path] = file }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What a layer has below a folder, and which paths of the layers below it hides.
    private struct Layer {
        var files: [(String, FileNode)] = []
        var hidden: [String] = []

        init(of folder: FileNode, at path: String) {
            var pending = [(path, folder)]
            while let (path, folder) = pending.popLast() {
                if folder.isOpaque { hidden.append(path) }
                for (bytes, node) in folder.children {
                    guard let name = String(validating: bytes, as: UTF8.self) else { continue }
                    switch node.form {
                    case .folder: pending.append(("\(path)/\(name)", node))
                    case .file: files.append(("\(path)/\(name)", node))
                    default: hidden.append("\(path)/\(name)")
                    }
                }
            }
        }
    }
}
