// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import OCI

/// Where a store is: that the folder is one or may become one, and that its file system keeps what layers need.
extension Store {
    /// What sealer and sealift have at the top of a store, and the folder that every ext file system has.
    private static let ownNames: Set<String> = [
        ".sealift", "data", "log", "lost+found", "metadata", "sealift", "tmp",
    ]

    /// An absolute spelling of `path`.
    static func absolute(_ path: String) throws(Failure) -> String {
        guard !path.isEmpty else {
            throw Failure(
                .usage, "open the store", "", because: "its path is empty",
                remedy: "name a folder with --store")
        }
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else {
            throw Failure.system("find the working folder for", artifact: path)
        }
        defer { free(folder) }
        let start = String(cString: folder)
        return start == "/" ? "/\(path)" : "\(start)/\(path)"
    }

    /// Refuses a folder that holds something else than a store, so that a wrong path is not filled with layers.
    /// - Throws: a ``Failure`` of kind `usage` that names what is there.
    package func refuseForeignFolder() throws(Failure) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Failure.system("open the store", artifact: path)
        }
        let names = try Folder.open(path).names().map { String(displaying: $0) }
        guard let foreign = names.first(where: { !Self.ownNames.contains($0) }) else { return }
        let marks = ["\(path)/metadata/images_metadata.json", "\(path)/data/overlay2"]
        if marks.contains(where: { access($0, F_OK) == 0 }) { return }
        throw Failure(
            .usage, "use as a store", path,
            because: "the folder is not empty and is no store of sealer: it has '\(foreign)'",
            remedy: "name the store, or a new or empty folder, with --store")
    }

    /// Makes the folders of a store that are missing; the ones of sealift are for their owner only.
    /// - Returns: the folders that were made, each after the one that holds it.
    func makePlaces() throws(Failure) -> [String] {
        var made: [String] = []
        do throws(Failure) {
            let own = "\(path)/.sealift"
            try Self.makePlace(path, mode: 0o755, noting: &made)
            try Self.makePlace(own, mode: 0o700, noting: &made)
            guard chmod(own, 0o700) == 0 else { throw Failure.system("set the mode of", artifact: own) }
            // The layers' own folders are closed; so is the one that holds them, where sealer has not made it.
            try Self.makePlace("\(path)/data", mode: 0o755, noting: &made)
            try Self.makePlace("\(path)/data/overlay2", mode: 0o700, noting: &made)
            for folder in ["/metadata", "/metadata/layerdb", "/metadata/layerdb/sha256", "/metadata/imagedb"]
            {
                try Self.makePlace(path + folder, mode: 0o755, noting: &made)
            }
            return made
        } catch {
            Self.removePlaces(made)
            throw error
        }
    }

    private static func makePlace(
        _ path: String, mode: mode_t, noting made: inout [String]
    ) throws(Failure) {
        if mkdir(path, mode) == 0 {
            made.append(path)
            guard chmod(path, mode) == 0 else { throw Failure.system("set the mode of", artifact: path) }
            return
        }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makePlace(String(path[..<slash]), mode: 0o755, noting: &made)
            return try makePlace(path, mode: mode, noting: &made)
        }
        try makeFolders(path)
    }

    /// Removes folders that were made and are empty; `.sealift` goes with its lock where it was made, too.
    static func removePlaces(_ made: [String]) {
        for path in made.reversed() {
            if path.hasSuffix("/.sealift") {
                rmdir("\(path)/staging")
                unlink("\(path)/lock")
            }
            rmdir(path)
        }
    }

    /// Proves that the store's file system keeps modes, owners, times, links and names: where it does not, layers would
    /// get other ids than theirs.
    /// - Parameter staging: where it is tried: what a kill leaves there is gone with the next writer.
    /// - Throws: a ``Failure`` of kind `configuration` that names what it does not keep.
    func proveFileSystem(in staging: String) throws(Failure) {
        var name = Array("\(staging)/probe-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            throw Failure.system("create", artifact: "\(staging)/probe-XXXXXX")
        }
        let probe = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? removeTree(at: probe) }
        let missing = Self.missing(in: try Folder.open(probe))
        guard !missing.isEmpty else { return }
        throw Failure(
            .configuration, "use as a store", path,
            because: "its file system does not keep \(missing.joined(separator: ", nor "))",
            remedy: "name a store on ext4, xfs, btrfs or another file system of Linux with --store")
    }

    /// What the file system of `folder` does not keep, in words.
    private static func missing(in folder: Folder) -> [String] {
        let probe = FileSystemProbe(folder: folder)
        guard probe.keepsNames else { return ["names of all bytes, upper and lower case apart"] }
        let kept = [
            ("owners", probe.keepsOwners), ("modes", probe.keepsModes),
            ("times to the second", probe.keepsTimes), ("symbolic links", probe.keepsLinks),
        ]
        return kept.filter { !$0.1 }.map(\.0)
    }
}

/// What a file system keeps, tried in an empty folder. The questions are asked in the order in which they are declared.
private struct FileSystemProbe {
    let folder: Folder
    private let plain = Array("a\\b:c".utf8)
    private let capital = Array("A\\B:C".utf8)
    private let link = Array("link".utf8)
    /// An odd second, which file systems that count in pairs do not have.
    private let time = Folder.Time(seconds: 1_234_567_891)

    init(folder: Folder) { self.folder = folder }

    private func keeps(_ body: () throws(Failure) -> Bool) -> Bool { (try? body()) ?? false }

    var keepsNames: Bool {
        keeps { () throws(Failure) in
            _ = try folder.createFile(plain)
            _ = try folder.createFile(capital)
            return try folder.names() == [capital, plain]
        }
    }

    var keepsOwners: Bool {
        let isRoot = geteuid() == 0
        let (uid, gid) = isRoot ? (UInt32(1), UInt32(1)) : (UInt32(geteuid()), UInt32(getegid()))
        return keeps { () throws(Failure) in
            do throws(Failure) {
                try folder.set(plain, uid: uid, gid: gid, mode: 0o640, time: time)
            } catch  where isRoot && error.kind != .denied {
                // A root that maps no other account cannot tell.
                return true
            }
            let status = try folder.status(of: plain)
            return status.uid == uid && status.gid == gid
        }
    }

    var keepsModes: Bool {
        keeps { () throws(Failure) in
            for mode: UInt32 in [0o4751, 0o640, 0o000] {
                let own = try folder.status(of: capital)
                try folder.set(capital, uid: own.uid, gid: own.gid, mode: mode, time: time)
                guard try folder.status(of: capital).mode == mode else { return false }
            }
            return true
        }
    }

    /// Of the file whose modes were tried.
    var keepsTimes: Bool { keeps { () throws(Failure) in try folder.status(of: capital).time == time } }

    var keepsLinks: Bool {
        keeps { () throws(Failure) in
            try folder.createLink(link, to: Array("a/b".utf8))
            return try folder.linkTarget(of: link) == Array("a/b".utf8)
        }
    }
}
