// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// Copies files and folders from one tree into another: owners, modes, links and times stay. Contents are not
/// touched, since both trees name where they come from. No link is followed on either side.
struct TreeCopier {
    private let target: FileNode
    private let time: Folder.Time
    private let owner: FileOwner
    private let takes: ([[UInt8]]) -> Bool

    /// - Parameters:
    ///   - target: the root of the tree that is copied into.
    ///   - owner: of folders that no source has.
    ///   - time: of folders that no source has, seconds since 1970.
    ///   - takes: given the place that something would get, whether it is copied; what is below a folder that is not
    ///     is not either.
    init(
        into target: FileNode, owner: FileOwner = FileOwner(), time: Int64 = 0,
        takes: @escaping ([[UInt8]]) -> Bool = { _ in true }
    ) {
        self.target = target
        self.owner = owner
        self.time = .init(seconds: time)
        self.takes = takes
    }

    /// Copies what is at `path` below `context` as COPY does: the content of the context's root; anything
    /// else under its own name into the folder `destination`, which is made if need be; but a source that
    /// has the destination's own last name takes its place.
    /// - Throws: a ``Failure`` of kind `input` where nothing is at `path`.
    mutating func copy(_ path: [UInt8], of context: FileNode, to destination: String) throws(Failure) {
        var place = destination.split(separator: "/").map { Array($0.utf8) }
        if path.isEmpty { return try copyContent(of: context, to: makeFolders(place), at: place) }
        guard let node = try context.find(path) else {
            throw Failure(
                .input, "copy", FileNode.shown(path), because: "the context has no such file or folder",
                remedy: "check the Kubefile's COPY against the steps of the context")
        }
        let name = Self.lastName(of: path)
        if place.last == name { place.removeLast() }
        // sealer copies into a folder of the source's name that is there already, as `cp -a` does.
        if try makeFolders(place).children[name]?.isFolder == true { place.append(name) }
        try copy(name, node: node, to: makeFolders(place), at: place)
    }

    /// Copies what is at `path` below `source` to the same path, over what is there.
    /// - Precondition: something is there.
    mutating func copySame(_ path: [UInt8], of source: FileNode) throws(Failure) {
        guard let node = try source.find(path) else { return }
        let place = path.split(separator: UInt8(ascii: "/")).dropLast().map(Array.init)
        try copy(Self.lastName(of: path), node: node, to: makeFolders(place), at: place)
    }

    private static func lastName(of path: [UInt8]) -> [UInt8] {
        path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[($0 + 1)...]) } ?? path
    }

    /// The folder at `path` of the target; what is missing of it is made.
    /// - Throws: a ``Failure`` of kind `configuration` where something else is there.
    mutating func makeFolders(_ path: [[UInt8]]) throws(Failure) -> FileNode {
        var folder = target
        for (depth, name) in path.enumerated() {
            if let next = folder.children[name] {
                guard next.isFolder else { throw Self.notFolder(Array(path[...depth])) }
                folder = next
            } else {
                let made = FileNode(
                    .folder, attributes: .init(mode: 0o755, uid: owner.uid, gid: owner.gid, time: time))
                folder.put(made, as: name)
                folder = made
            }
        }
        return folder
    }

    private static func notFolder(_ path: [[UInt8]]) -> Failure {
        Failure(
            .configuration, "put something below", shown(path),
            because: "a file or a link is there already",
            remedy: "choose another place, or remove the file first")
    }

    private static func shown(_ place: [[UInt8]]) -> String {
        FileNode.shown(Array(place.joined(separator: [UInt8(ascii: "/")])))
    }

    /// Copies the children of a folder into another, over what is there.
    mutating func copyContent(
        of source: FileNode, to folder: FileNode, at place: [[UInt8]]
    ) throws(Failure) {
        var pending: [(source: FileNode, target: FileNode, place: [[UInt8]])] = [(source, folder, place)]
        while let (source, folder, place) = pending.popLast() {
            if folder.children.isEmpty, source.children.allSatisfy({ takes(place + [$0.name]) }) {
                // All of it at once: files are shared, and folders of its own replace those of the source.
                folder.share(childrenOf: source)
                for (name, node) in source.children.ordered where node.isFolder {
                    pending.append((node, makeFolder(like: node, as: name, in: folder), place + [name]))
                }
                continue
            }
            for (name, node) in source.children.ordered {
                if let inner = try put(node, as: name, in: folder, at: place) {
                    pending.append((node, inner, place + [name]))
                }
            }
        }
    }

    private mutating func copy(
        _ name: [UInt8], node: FileNode, to folder: FileNode, at place: [[UInt8]]
    ) throws(Failure) {
        guard let inner = try put(node, as: name, in: folder, at: place) else { return }
        try copyContent(of: node, to: inner, at: place + [name])
    }

    /// Gives `node` its place; a folder without its content.
    /// - Returns: the folder that takes the content of a folder; one that is there already keeps its own owner, mode
    ///   and time.
    private func put(
        _ node: FileNode, as name: [UInt8], in folder: FileNode, at place: [[UInt8]]
    ) throws(Failure) -> FileNode? {
        guard takes(place + [name]) else { return nil }
        guard node.isFolder else {
            try removeFile(name, in: folder, at: place)
            folder.put(node, as: name)
            return nil
        }
        if let there = folder.children[name] {
            guard there.isFolder else { throw Self.notFolder(place + [name]) }
            return there
        }
        return makeFolder(like: node, as: name, in: folder)
    }

    /// Puts an empty folder with the attributes of `node`, over what is there.
    private func makeFolder(like node: FileNode, as name: [UInt8], in folder: FileNode) -> FileNode {
        let made = FileNode(.folder, attributes: node.attributes)
        made.isOpaque = node.isOpaque
        folder.put(made, as: name)
        return made
    }

    /// Removes the file or link that has the name, so that a later source takes its place.
    func removeFile(_ name: [UInt8], in folder: FileNode, at place: [[UInt8]]) throws(Failure) {
        guard let there = folder.children[name] else { return }
        guard !there.isFolder else {
            throw Failure(
                .configuration, "copy over", Self.shown(place + [name]),
                because: "a folder is there already",
                remedy: "copy one of the two to another place")
        }
        folder.remove(name)
    }
}
