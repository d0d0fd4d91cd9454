// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension Folder {
    /// What the system says of a file, links not followed.
    package struct Status: Sendable {
        /// Kind; `nil` for a socket.
        package var kind: TarHeader.Kind?
        /// The 07777 bits.
        package var mode: UInt32
        /// Owner.
        package var uid: UInt32
        /// Group.
        package var gid: UInt32
        /// Size in bytes, of regular files and links.
        package var size: Int64
        /// Time of modification.
        package var time: Time
        /// Major number of a device.
        package var deviceMajor: UInt32
        /// Minor number of a device.
        package var deviceMinor: UInt32
    }

    /// A moment: seconds since 1970 rounded down, and nanoseconds from there.
    package struct Time: Sendable, Hashable {
        /// Whole seconds, below 1970 negative.
        package var seconds: Int64
        /// 0 to 999 999 999.
        package var nanoseconds: Int32

        /// Creates a time.
        package init(seconds: Int64, nanoseconds: Int32 = 0) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }

        /// The nearest whole second; a half goes up.
        package var rounded: Int64 { nanoseconds >= 500_000_000 ? seconds + 1 : seconds }
    }

    /// Looks at `name` in this folder; the empty name is the folder itself.
    package func status(of name: [UInt8]) throws(Failure) -> Status {
        try checkName(name)
        var found = stat()
        let flags = AT_SYMLINK_NOFOLLOW | Int32(sealift_at_empty_path)
        guard withName(name, body: { fstatat(descriptor, $0, &found, flags) }) == 0 else {
            throw fault("examine", name: name)
        }
        return Status(found)
    }

    /// The target of the symbolic link `name`.
    package func linkTarget(of name: [UInt8]) throws(Failure) -> [UInt8] {
        try checkName(name)
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = withName(name) { name in
            buffer.withUnsafeMutableBytes {
                readlinkat(descriptor, name, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
        }
        guard count >= 0 else { throw fault("read the link", name: name) }
        return Array(buffer[..<count])
    }

    /// Creates a folder, mode 0700, and fails when the name is taken.
    package func createFolder(_ name: [UInt8]) throws(Failure) {
        try create(name) { mkdirat(descriptor, $0, 0o700) }
    }

    /// Creates an empty file, mode 0600, open for writing, and fails when the name is taken.
    package func createFile(_ name: [UInt8]) throws(Failure) -> File {
        var opened: Int32 = -1
        try create(name) {
            opened = openat(descriptor, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            return opened
        }
        return File(taking: opened, path: shown(name))
    }

    /// Creates a symbolic link; its target is written as it is and never looked at.
    package func createLink(_ name: [UInt8], to target: [UInt8]) throws(Failure) {
        guard !target.isEmpty, !target.contains(0), target.count < Int(PATH_MAX) else {
            throw Failure(.data, "create the link", shown(name), because: "its target is not well formed")
        }
        try create(name) { name in withName(target) { symlinkat($0, descriptor, name) } }
    }

    /// Gives the regular file `source` of `folder` the further name `name` here.
    package func createHardLink(_ name: [UInt8], to source: [UInt8], in folder: Folder) throws(Failure) {
        guard try folder.status(of: source).kind == .file else {
            throw Failure(
                .data, "create the hard link", shown(name), because: "what it links to is not a regular file")
        }
        try create(name) { name in
            withName(source) { linkat(folder.descriptor, $0, descriptor, name, 0) }
        }
    }

    /// Creates a device or a named pipe, mode 0600.
    package func createNode(
        _ name: [UInt8], kind: TarHeader.Kind, major: UInt32 = 0, minor: UInt32 = 0
    ) throws(Failure) {
        let type =
            switch kind {
            case .characterDevice: S_IFCHR
            case .blockDevice: S_IFBLK
            default: S_IFIFO
            }
        try create(name) { mknodat(descriptor, $0, type | 0o600, sealift_makedev(major, minor)) }
    }

    /// Sets owner, mode and time of the link or device `name`; a link has no mode.
    /// - Throws: a ``Failure`` of kind `denied` where the user may not give files away.
    package func set(_ name: [UInt8], uid: UInt32, gid: UInt32, mode: UInt32?, time: Time) throws(Failure) {
        let old = try status(of: name)
        if old.uid != uid || old.gid != gid,
            withName(name, body: { fchownat(descriptor, $0, uid, gid, AT_SYMLINK_NOFOLLOW) }) != 0
        {
            throw Failure.owner(of: shown(name), uid: uid, gid: gid)
        }
        // fchmodat follows links, so what is here was looked at; only we write in this folder.
        if let mode, old.kind != .symlink, withName(name, body: { fchmodat(descriptor, $0, mode, 0) }) != 0 {
            throw fault("set the mode of", name: name)
        }
        let times = [timespec(time), timespec(time)]
        guard withName(name, body: { utimensat(descriptor, $0, times, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw fault("set the time of", name: name)
        }
    }

    /// Sets owner, mode and time of the folder itself.
    /// - Throws: a ``Failure`` of kind `denied` where the user may not give files away.
    package func set(uid: UInt32, gid: UInt32, mode: UInt32, time: Time) throws(Failure) {
        try setOpen(descriptor, path: path, uid: uid, gid: gid, mode: mode, time: time)
    }

    /// The folder's extended attribute `key`; `nil` when it has none, or may not be read.
    package func attribute(_ key: String) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 256)
        let count = fgetxattr(descriptor, key, &value, value.count)
        return count < 0 ? nil : Array(value[..<count])
    }

    /// Sets the folder's extended attribute `key`.
    package func setAttribute(_ key: String, to value: [UInt8]) throws(Failure) {
        guard fsetxattr(descriptor, key, value, value.count, 0) == 0 else {
            throw fault("set the attribute \(key) of", name: [])
        }
    }

    private func create(_ name: [UInt8], body: (UnsafePointer<CChar>) -> Int32) throws(Failure) {
        try checkName(name)
        guard !name.isEmpty, withName(name, body: body) >= 0 else {
            if errno == EEXIST {
                throw Failure(.data, "create", shown(name), because: "the name is there twice")
            }
            throw fault("create", name: name)
        }
    }

    private func checkName(_ name: [UInt8]) throws(Failure) {
        let fault = name.isEmpty ? nil : name.contains(0x2F) ? "its name is a path" : Self.fault(in: name)
        if let fault { throw Failure(.data, "use", shown(name), because: fault) }
    }
}

extension File {
    /// Sets owner, mode and time, in the order that keeps set-id bits.
    /// - Throws: a ``Failure`` of kind `denied` where the user may not give files away.
    package func set(uid: UInt32, gid: UInt32, mode: UInt32, time: Folder.Time) throws(Failure) {
        try setOpen(descriptor, path: path, uid: uid, gid: gid, mode: mode, time: time)
    }
}

private func setOpen(
    _ descriptor: Int32, path: String, uid: UInt32, gid: UInt32, mode: UInt32, time: Folder.Time
) throws(Failure) {
    var old = stat()
    guard fstat(descriptor, &old) == 0 else { throw Failure.system("examine", artifact: path) }
    if old.st_uid != uid || old.st_gid != gid, fchown(descriptor, uid, gid) != 0 {
        throw Failure.owner(of: path, uid: uid, gid: gid)
    }
    guard fchmod(descriptor, mode) == 0 else { throw Failure.system("set the mode of", artifact: path) }
    let times = [timespec(time), timespec(time)]
    guard futimens(descriptor, times) == 0 else { throw Failure.system("set the time of", artifact: path) }
}

extension Failure {
    /// The failure of a chown, from `errno`.
    fileprivate static func owner(of path: String, uid: UInt32, gid: UInt32) -> Failure {
        guard errno == EPERM else { return Failure.system("set the owner of", artifact: path) }
        return Failure(
            .denied, "set the owner of", path, because: "only root may give it to \(uid):\(gid)",
            remedy: "run as root: the layer's id says who owns its files")
    }
}

extension Folder.Status {
    fileprivate init(_ found: stat) {
        kind =
            switch found.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            case S_IFIFO: .fifo
            default: nil
            }
        mode = found.st_mode & 0o7777
        uid = found.st_uid
        gid = found.st_gid
        size = Int64(found.st_size)
        time = .init(seconds: Int64(found.st_mtim.tv_sec), nanoseconds: Int32(found.st_mtim.tv_nsec))
        deviceMajor = sealift_major(found.st_rdev)
        deviceMinor = sealift_minor(found.st_rdev)
    }
}

extension timespec {
    fileprivate init(_ time: Folder.Time) {
        self.init(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
    }
}
