// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
internal import Sealer

extension Context {
    /// Time of modification of whatever a build makes anew: the same on every host and day.
    static let time = Folder.Time(seconds: 0)

    /// Puts a file of these bytes at `path`, owned by root, mode 0644, in the place of what is there.
    func put(_ path: String, _ bytes: [UInt8]) throws(Failure) {
        try create(path) { (file) throws(Failure) in try file.write(bytes) }
    }

    /// Puts the file that `body` writes at `path`, making folders that are missing.
    func create(_ path: String, _ body: (File) throws(Failure) -> Void) throws(Failure) {
        let parts = path.split(separator: "/").map { Array($0.utf8) }
        var parent = folder
        for part in parts.dropLast() {
            if try !parent.holds(part, kind: .directory) {
                try parent.createFolder(part)
                try parent.folder(part).set(uid: getuid(), gid: getgid(), mode: 0o755, time: Self.time)
            }
            parent = try parent.folder(part)
        }
        guard let name = parts.last else { throw Failure(.configuration, "put", path, because: "the path is empty") }
        try parent.remove(name)
        let file = try parent.createFile(name)
        try body(file)
        try file.set(uid: getuid(), gid: getgid(), mode: 0o644, time: Self.time)
    }

    /// Replaces the content of the file at `path` by what `body` makes of it; owner, mode and time stay.
    func change(_ path: String, _ body: ([UInt8]) throws(Failure) -> [UInt8]) throws(Failure) {
        var parts = path.split(separator: "/").map { Array($0.utf8) }
        guard let name = parts.popLast() else { return }
        let parent = try folder.folder(Array(parts.joined(separator: [UInt8(ascii: "/")])))
        guard try parent.holds(name) else {
            throw Failure(
                .input, "edit", path, because: "the context has no such file",
                remedy: "correct the path in the spec, or the layer and paths that it takes before")
        }
        let old = try parent.file(name)
        let status = try parent.status(of: name)
        var stream = old.stream(count: status.size)
        let bytes = try body(try stream.readAll(limit: 64 << 20, artifact: path))
        try parent.remove(name)
        let file = try parent.createFile(name)
        try file.write(bytes)
        try file.set(uid: status.uid, gid: status.gid, mode: status.mode, time: status.time)
    }
}

extension Folder {
    /// Whether the folder holds `path` as a thing of that kind; a link on the way counts as not there.
    func holds(_ path: [UInt8], kind: TarHeader.Kind = .file) throws(Failure) -> Bool {
        var parts = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        guard let name = parts.popLast() else { return kind == .directory }
        do throws(Failure) {
            let parent = try folder(Array(parts.joined(separator: [UInt8(ascii: "/")])))
            return try parent.status(of: name).kind == kind
        } catch {
            if error.kind == .input || error.kind == .data { return false }
            throw error
        }
    }

    /// Removes the file `name`; nothing there is no error.
    func remove(_ name: [UInt8]) throws(Failure) {
        let text = name.map { CChar(bitPattern: $0) } + [0]
        guard unlinkat(descriptor, text, 0) == 0 || errno == ENOENT else {
            throw Failure.system("replace", shown(name))
        }
    }
}

extension File {
    /// Writes all of `bytes` from the start.
    func write(_ bytes: [UInt8]) throws(Failure) {
        var stream = MemoryStream(bytes)
        var offset: Int64 = 0
        try stream.forEachChunk { (part) throws(Failure) in
            try write(part, at: offset)
            offset += Int64(part.count)
        }
    }
}
