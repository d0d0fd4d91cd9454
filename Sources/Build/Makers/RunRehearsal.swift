// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Sealer

/// Executes RUN on the connected host, as confined as on the isolated one, over layers that are written below a scratch
/// folder for it.
package final class RunRehearsal {
    private let scratch: String
    private var written: [Digest: String] = [:]
    private var count = 0

    /// - Parameter scratch: an absolute path below which layers are written; the caller removes it.
    package init(in scratch: String) { self.scratch = scratch }

    /// What `command` changes over the layers `lower`, the lowest first; `nil` where it changes nothing.
    /// - Parameter tree: gives the tree of a layer.
    /// - Throws: a ``Failure``, as an apply's RUN; of kind `denied` where this user may not confine it.
    func changes(
        by command: RunCommand, over lower: [Digest], _ tree: (Digest) throws(Failure) -> FileNode
    ) throws(Failure) -> FileNode? {
        var folders: [String] = []
        for id in lower {
            if written[id] == nil {
                let folder = try self.folder()
                try Layer.write(tree(id), into: folder)
                written[id] = folder
            }
            folders.append(written[id]!)
        }
        let (upper, work) = (try folder(), try folder())
        let run = RunLayer(
            lower: folders, command: command.command, time: command.time,
            isolation: Namespaces(
                operation: "run \(command.instruction.value) for", artifact: command.image.description),
            hidden: [scratch])
        try run.run(into: upper, scratch: work)
        let changed = try FileNode.scanned(upper)
        return changed.children.isEmpty ? nil : changed
    }

    private func folder() throws(Failure) -> String {
        count += 1
        let path = "\(scratch)/\(count)"
        try makeFolders(path)
        // A layer's root belongs to the store, with this mode.
        guard chmod(path, 0o755) == 0 else { throw Failure.system("set the mode of", artifact: path) }
        return path
    }
}
