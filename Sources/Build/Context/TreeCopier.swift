// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI
internal import Sealer

/// Copies files and folders into a layer in the making: owners, modes, symbolic links and times to the
/// nanosecond stay; hard links stay links; what has no data stays without; pipes and sockets are left out.
///
/// Data is moved by copy_file_range, which shares it where the file system can. No link is followed on
/// either side.
final class CopyTree {
    private let target: Folder
    private let time: Folder.Time
    private let takes: ([[UInt8]]) -> Bool
    private let moves: Bool
    /// Where a file with several names was put first.
    private var placed: [Inode: [UInt8]] = [:]

    private struct Inode: Hashable {
        var device: UInt64
        var number: UInt64
    }

    /// - Parameters:
    ///   - target: the root of the layer.
    ///   - time: of folders that no source has, seconds since 1970.
    ///   - moves: take files away from where they are, so that their data is not written again.
    ///   - takes: told the place that something would get, whether it is copied; what lies below a folder that
    ///     is not is not either.
    init(
        into target: Folder, time: Int64, moves: Bool = false,
        takes: @escaping ([[UInt8]]) -> Bool = { _ in true }
    ) {
        self.target = target
        self.time = .init(seconds: time)
        self.moves = moves
        self.takes = takes
    }

    /// Copies what is at `path` below `context` as COPY does: the content of the context's root; anything
    /// else under its own name into the folder `destination`, which is made if need be; but a source that
    /// has the destination's own last name takes its place.
    func copy(_ path: [UInt8], of context: Folder, to destination: String) throws(Failure) {
        var place = destination.split(separator: "/").map { Array($0.utf8) }
        if path.isEmpty {
            return try copyContent(of: context, to: makeFolders(place), at: place)
        }
        let (parent, name) = try Self.parent(of: path, in: context)
        if place.last == name { place.removeLast() }
        _ = try parent.status(of: name)
        // sealer copies into a folder of the source's name that is there already, as `cp -a` does.
        if try kind(of: name, in: makeFolders(place)) == .directory { place.append(name) }
        try copy(name, of: parent, to: makeFolders(place), at: place)
    }

    /// Copies what is at `path` below `source` to the same path, over what is there.
    func copySame(_ path: [UInt8], of source: Folder) throws(Failure) {
        if path.isEmpty { return try copyContent(of: source, to: target, at: []) }
        let (parent, name) = try Self.parent(of: path, in: source)
        let place = path.split(separator: UInt8(ascii: "/")).dropLast().map(Array.init)
        try copy(name, of: parent, to: makeFolders(place), at: place)
    }

    /// The folder that holds what is at `path`, and its name there.
    static func parent(of path: [UInt8], in folder: Folder) throws(Failure) -> (Folder, [UInt8]) {
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return (folder, path) }
        return (try folder.folder(Array(path[..<slash])), Array(path[(slash + 1)...]))
    }

    /// Opens the folder `path` of the target and makes what is missing of it. What is put into it afterwards
    /// does not change its time.
    func makeFolders(_ path: [[UInt8]]) throws(Failure) -> Folder {
        var folder = target
        for (depth, name) in path.enumerated() {
            if try kind(of: name, in: folder) == nil {
                try folder.createFolder(name)
                try folder.set(name, uid: geteuid(), gid: getegid(), mode: 0o755, time: time)
            }
            folder = try folder.folder(name)
            try keepTime(of: folder, at: Array(path[...depth]))
        }
        return folder
    }

    /// The times of folders that get more content, as they shall be.
    private var times: [[[UInt8]]: Folder.Time] = [:]

    private func keepTime(of folder: Folder, at place: [[UInt8]]) throws(Failure) {
        if place.isEmpty || times[place] != nil { return }
        times[place] = try folder.status(of: []).time
    }

    /// Gives the folders their times again; nothing may be copied afterwards.
    func finish() throws(Failure) {
        for (place, time) in times.sorted(by: { $0.key.count > $1.key.count }) {
            let folder = try target.folder(Array(place.joined(separator: [UInt8(ascii: "/")])))
            let status = try folder.status(of: [])
            try folder.set(uid: status.uid, gid: status.gid, mode: status.mode, time: time)
        }
    }

    /// What stands at `name`; `nil` for nothing.
    private func kind(of name: [UInt8], in folder: Folder) throws(Failure) -> TarHeader.Kind? {
        do throws(Failure) { return try folder.status(of: name).kind } catch {
            if error.kind == .input { return nil }
            throw error
        }
    }

    private func copyContent(of source: Folder, to folder: Folder, at place: [[UInt8]]) throws(Failure) {
        for name in try source.names() { try copy(name, of: source, to: folder, at: place) }
    }

    private func copy(
        _ name: [UInt8], of source: Folder, to folder: Folder, at place: [[UInt8]]
    ) throws(Failure) {
        guard takes(place + [name]) else { return }
        let status = try source.status(of: name)
        if status.kind != .directory { try removeFile(name, in: folder, at: place) }
        if moves, status.kind == .file || status.kind == .symlink {
            return try move(name, of: source, to: folder)
        }
        switch status.kind {
        case .directory:
            if try kind(of: name, in: folder) == nil {
                try folder.createFolder(name)
            } else {
                // A folder that an earlier source brought keeps its own owner, mode and time.
                try keepTime(of: folder.folder(name), at: place + [name])
                return try copyContent(of: source.folder(name), to: folder.folder(name), at: place + [name])
            }
            let (inner, copy) = (try source.folder(name), try folder.folder(name))
            if let opaque = inner.attribute(LayerWalk.opaqueAttribute) {
                try copy.setAttribute(LayerWalk.opaqueAttribute, opaque)
            }
            try copyContent(of: inner, to: copy, at: place + [name])
        case .file:
            if try copyFile(name, of: source, to: folder, at: place) { return }
        case .symlink: try folder.createLink(name, to: source.linkTarget(of: name))
        case .characterDevice?, .blockDevice?:
            try folder.createNode(name, status.kind!, major: status.deviceMajor, minor: status.deviceMinor)
        default: return
        }
        try folder.set(name, uid: status.uid, gid: status.gid, mode: status.mode, time: status.time)
    }

    /// Removes the file or link that has the name, so that a later source takes its place.
    func removeFile(_ name: [UInt8], in folder: Folder, at place: [[UInt8]]) throws(Failure) {
        guard let kind = try kind(of: name, in: folder) else { return }
        guard kind != .directory else {
            throw Failure(
                .configuration, "copy over", folder.shown(name), because: "a folder is there already",
                remedy: "copy one of the two to another place")
        }
        let path = name.map { CChar(bitPattern: $0) } + [0]
        guard unlinkat(folder.descriptor, path, 0) == 0 else {
            throw Failure.system("replace", folder.shown(name))
        }
        let removed = Array((place + [name]).joined(separator: [UInt8(ascii: "/")]))
        placed = placed.filter { $0.value != removed }
    }

    private func move(_ name: [UInt8], of source: Folder, to folder: Folder) throws(Failure) {
        let path = name.map { CChar(bitPattern: $0) } + [0]
        guard renameat(source.descriptor, path, folder.descriptor, path) == 0 else {
            throw Failure.system("move", source.shown(name))
        }
    }

    /// Copies a regular file; true where it became one more name of a file that is there.
    private func copyFile(
        _ name: [UInt8], of source: Folder, to folder: Folder, at place: [[UInt8]]
    ) throws(Failure) -> Bool {
        let from = try source.file(name)
        var status = stat()
        guard fstat(from.descriptor, &status) == 0 else { throw Failure.system("examine", from.path) }
        if status.st_nlink > 1 {
            let inode = Inode(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
            if let first = placed[inode] {
                try link(name, in: folder, to: first)
                return true
            }
            placed[inode] = Array((place + [name]).joined(separator: [UInt8(ascii: "/")]))
        }
        try copyData(from: from, to: folder.createFile(name), size: Int64(status.st_size))
        return false
    }

    /// Gives the file at `first` one more name.
    private func link(_ name: [UInt8], in folder: Folder, to first: [UInt8]) throws(Failure) {
        let slash = first.lastIndex(of: UInt8(ascii: "/"))
        let holder = try target.folder(slash.map { Array(first[..<$0]) } ?? [])
        let stem = slash.map { Array(first[($0 + 1)...]) } ?? first
        try folder.createHardLink(name, to: stem, in: holder)
    }

    /// Copies the parts of a file that hold data; its holes stay holes.
    private func copyData(from source: File, to copy: File, size: Int64) throws(Failure) {
        guard ftruncate(copy.descriptor, off_t(size)) == 0 else { throw Failure.system("enlarge", copy.path) }
        var offset: Int64 = 0
        while offset < size {
            let data = lseek(source.descriptor, off_t(offset), Int32(sealift_seek_data))
            if data < 0, errno == ENXIO { return }
            // A file system that knows no holes has data everywhere.
            let start = data < 0 ? offset : Int64(data)
            let hole = lseek(source.descriptor, off_t(start), Int32(sealift_seek_hole))
            let end = hole < 0 ? size : Int64(hole)
            try copyRange(from: source, to: copy, start..<end)
            offset = end
        }
    }

    private func copyRange(from source: File, to copy: File, _ range: Range<Int64>) throws(Failure) {
        var from = range.lowerBound
        var to = range.lowerBound
        while from < range.upperBound {
            let count = sealift_copy_file_range(
                source.descriptor, &from, copy.descriptor, &to, UInt(range.upperBound - from))
            if count > 0 || count < 0 && errno == EINTR { continue }
            guard count < 0, [EXDEV, ENOSYS, EOPNOTSUPP, EINVAL, EPERM].contains(errno) else {
                if count < 0 { throw Failure.system("copy", source.path) }
                throw Failure(
                    .input, "copy", source.path, because: "it became shorter while it was copied",
                    remedy: "let nothing change the context during a build")
            }
            var stream = source.stream(at: from, count: range.upperBound - from)
            var offset = to
            try stream.forEachChunk { (bytes) throws(Failure) in
                try copy.write(bytes, at: offset)
                offset += Int64(bytes.count)
            }
            return
        }
    }
}
