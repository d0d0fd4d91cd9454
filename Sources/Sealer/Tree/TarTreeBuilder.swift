// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Makes the tree of a layer from the entries of its tar, and refuses what cannot be unpacked safely: names that
/// are absolute, lead out or are there twice, links to nothing, whiteouts that are no whiteouts.
package struct TarTreeBuilder {
    /// More entries than any image has: a bound on inodes and on memory.
    private static let mostEntries = 1 << 22

    /// The tree so far.
    package let root = FileNode.root()
    private let artifact: String
    private var implied: Set<ObjectIdentifier> = []
    private var owners: Set<OwnerNames> = []
    private var count = 0

    /// A builder whose errors name `artifact`, a layer.
    package init(artifact: String) { self.artifact = artifact }

    /// Reads all entries of `tar`.
    /// - Parameter content: where the content of the file at a path is; given the offset of its first byte in the
    ///   tar, and its path.
    /// - Throws: a ``Failure`` of kind `data` for a tar that is not well formed or not to be unpacked.
    package static func tree(
        of tar: inout TarReader, artifact: String,
        _ content: (_ offset: Int64, _ size: Int64, _ path: [UInt8]) -> FileContent
    ) throws(Failure) -> FileNode {
        var builder = TarTreeBuilder(artifact: artifact)
        while let entry = try tar.next() {
            try builder.add(entry.header) { content(entry.offset, entry.header.size, $0) }
        }
        return builder.root
    }

    /// Takes the next entry.
    package mutating func add(
        _ header: TarHeader, content: ([UInt8]) -> FileContent
    ) throws(Failure) {
        count += 1
        guard count <= Self.mostEntries else { throw refuse(header, reason: "there are too many entries") }
        let path = try LayerEntryName.path(of: header) { refuse(header, reason: $0) }
        guard !path.isEmpty else { return }
        if let fault = LayerEntryName.faultOfNumbers(in: header) { throw refuse(header, reason: fault) }
        var components = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        let name = components.removeLast()
        let folder = try enter(components, header: header)
        if name.starts(with: LayerWalker.whiteoutPrefix) { return try hide(name, in: folder, header: header) }
        let attributes = attributes(header)
        let node: FileNode
        switch header.kind {
        case .directory:
            if let there = folder.children[name], implied.remove(ObjectIdentifier(there)) != nil {
                there.attributes = attributes
                return
            }
            node = FileNode(.folder, attributes: attributes)
        case .file: node = FileNode(.file(content(path), size: header.size), attributes: attributes)
        case .symlink:
            guard !header.linkName.isEmpty, !header.linkName.contains(0), header.linkName.count < 4096 else {
                throw refuse(header, reason: "the target of the link is not well formed")
            }
            node = FileNode(.symlink(target: header.linkName), attributes: attributes)
        case .hardLink: node = try linked(header)
        case .characterDevice, .blockDevice:
            node = FileNode(
                .device(header.kind, major: header.deviceMajor, minor: header.deviceMinor),
                attributes: attributes)
        case .fifo: return
        }
        guard folder.children[name] == nil else { throw refuse(header, reason: "the name is there twice") }
        folder.put(node, as: name)
    }

    /// The folder at `path`, made with all above it where the tar did not name it yet.
    private mutating func enter(_ path: [[UInt8]], header: TarHeader) throws(Failure) -> FileNode {
        var folder = root
        for name in path {
            if let next = folder.children[name] {
                guard next.isFolder else { throw refuse(header, reason: "what it is below is not a folder") }
                folder = next
            } else {
                let made = FileNode(.folder, attributes: .init(mode: 0o755))
                implied.insert(ObjectIdentifier(made))
                folder.put(made, as: name)
                folder = made
            }
        }
        return folder
    }

    private func linked(_ header: TarHeader) throws(Failure) -> FileNode {
        let target = try LayerEntryName.checked(header.linkName, isFolder: false) {
            refuse(header, reason: $0)
        }
        guard !target.isEmpty, let node = try? root.find(target), node.isFile else {
            throw refuse(header, reason: "it links to no regular file before it")
        }
        node.isLinked = true
        return node
    }

    private mutating func attributes(_ header: TarHeader) -> FileNode.Attributes {
        .init(header, names: OwnerNames.of(header, among: &owners))
    }

    private mutating func hide(_ name: [UInt8], in folder: FileNode, header: TarHeader) throws(Failure) {
        guard header.kind == .file, header.size == 0 else {
            throw refuse(header, reason: "a whiteout must be an empty regular file")
        }
        if name == LayerWalker.opaqueName {
            guard !folder.isOpaque else { throw refuse(header, reason: "the name is there twice") }
            folder.isOpaque = true
            return
        }
        let hidden = Array(name.dropFirst(LayerWalker.whiteoutPrefix.count))
        guard !hidden.isEmpty, hidden != [0x2E], hidden != [0x2E, 0x2E],
            !hidden.starts(with: LayerWalker.whiteoutPrefix)
        else { throw refuse(header, reason: "it is a whiteout of nothing") }
        guard folder.children[hidden] == nil else { throw refuse(header, reason: "the name is there twice") }
        var attributes = attributes(header)
        attributes.mode = 0o600
        folder.put(
            FileNode(.device(.characterDevice, major: 0, minor: 0), attributes: attributes), as: hidden)
    }

    private func refuse(_ header: TarHeader, reason: String) -> Failure {
        Failure(
            .data, "unpack", "'\(header.shownName)' of \(artifact)", because: reason,
            remedy: "do not trust this layer: an honest one holds nothing of the kind")
    }
}

/// The rules for names in a layer's tar.
enum LayerEntryName {
    /// The path of an entry below the layer's root; empty for the root itself, which belongs to the store.
    static func path(
        of header: TarHeader, _ refuse: (String) -> Failure
    ) throws(Failure) -> [UInt8] {
        let path = try checked(header.name, isFolder: header.kind == .directory, refuse: refuse)
        if path.isEmpty, header.kind != .directory { throw refuse("it takes the place of the root") }
        return path
    }

    /// A name without `./` before and, for folders, `/` after it, as many writers have them.
    static func checked(
        _ name: [UInt8], isFolder: Bool, refuse: (String) -> Failure
    ) throws(Failure) -> [UInt8] {
        var path = name[...]
        if path.elementsEqual([0x2E]) { path = path.dropFirst() }
        while path.starts(with: [0x2E, 0x2F]) { path = path.dropFirst(2) }
        if isFolder, path.last == UInt8(ascii: "/") { path = path.dropLast() }
        if name.isEmpty { throw refuse("its name is empty") }
        if path.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw refuse("its name holds a control character")
        }
        let clean = Array(path)
        if !clean.isEmpty, let fault = Folder.fault(in: clean) { throw refuse(fault) }
        return clean
    }

    /// Why the numbers of an entry are none that Linux keeps; `nil` where they are.
    static func faultOfNumbers(in header: TarHeader) -> String? {
        // The number -1 makes chown(2) change nothing.
        if header.uid == .max || header.gid == .max { return "its owner's number is none" }
        let isDevice = header.kind == .characterDevice || header.kind == .blockDevice
        guard isDevice, header.deviceMajor >= 1 << 12 || header.deviceMinor >= 1 << 20 else { return nil }
        return "its device number is beyond those of Linux"
    }
}
