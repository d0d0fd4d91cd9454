// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

/// The root that the program of a RUN sees, and what it may use.
///
/// The root is assembled from nothing: the tree of the image, writable; the host's programs, read only; a few files
/// of `/etc` that programs need and that hold no secret; an empty `/tmp`, a fresh `/proc`, six devices. Whatever is
/// not named here does not exist for it. The order follows what such sandboxes do: namespaces, mounts, root, session,
/// limits, capabilities, no_new_privs, system calls.
struct Confinement {
    /// For the steps and their errors.
    let isolation: Namespaces
    /// An empty folder, on which the root is mounted.
    let root: String
    /// Folders of sealift that are hidden where they are below a folder of programs.
    let hidden: [String]

    /// The host's folders of programs.
    static let programs = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
    /// What programs need of `/etc`.
    static let settings = [
        "alternatives", "ca-certificates", "crypto-policies", "debian_version", "group", "host.conf", "hosts",
        "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "login.defs", "magic", "mime.types",
        "nsswitch.conf", "os-release", "passwd", "perl", "pki/ca-trust", "pki/tls/certs", "protocols",
        "python3",
        "redhat-release", "rpc", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo",
    ]
    /// The host's devices that it has.
    static let devices = ["null", "zero", "full", "random", "urandom"]

    /// Assembles the root in the mount namespace of this thread.
    func assemble() throws(Failure) {
        try isolation.mount(
            "tmpfs", on: root, type: "tmpfs", flags: UInt(sealift_mount_disarmed),
            options: "mode=755,size=16m")
        for folder in Self.programs { try expose(folder) }
        for name in Self.settings { try expose("/etc/\(name)") }
        for folder in ["proc", "dev/shm", "tmp"] { try makeFolders("\(root)/\(folder)") }
        for name in Self.devices {
            try makeFile("\(root)/dev/\(name)")
            try isolation.check(
                sealift_show_device("/dev/\(name)", "\(root)/dev/\(name)"), step: "show /dev/\(name)")
        }
        for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
            try isolation.check(
                symlink("/proc/self/fd\(target)", "\(root)/dev/\(name)"), step: "link /dev/\(name)")
        }
        for (folder, size) in [("tmp", "size=50%"), ("dev/shm", "size=64m")] {
            try isolation.mount(
                "tmpfs", on: "\(root)/\(folder)", type: "tmpfs", flags: UInt(sealift_mount_disarmed),
                options: "mode=1777,\(size)")
        }
        for path in hidden where Self.programs.contains(where: { path.hasPrefix($0 + "/") }) {
            try isolation.mount(
                "tmpfs", on: root + path, type: "tmpfs", flags: UInt(sealift_mount_disarmed),
                options: "mode=700")
        }
    }

    /// Shows a file or folder of the host read only, or the same symbolic link; nothing where there is none.
    private func expose(_ path: String) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let target = root + path
        try makeFolders(String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)]))
        switch status.st_mode & S_IFMT {
        case S_IFLNK:
            var link = [CChar](repeating: 0, count: Int(PATH_MAX))
            try isolation.check(
                readlink(path, &link, link.count - 1) < 0 ? -1 : 0, step: "read the link \(path)")
            try isolation.check(symlink(link, target), step: "link \(path)")
            return
        case S_IFDIR: try makeFolders(target)
        case S_IFREG: try makeFile(target)
        default: return
        }
        try isolation.check(sealift_bind_read_only(path, target), step: "show \(path) read only")
    }

    private func makeFile(_ path: String) throws(Failure) {
        _ = try File.create(path, exclusive: true)
    }

    /// Runs a program in the root and waits for its end; then nothing that it started runs any more.
    /// - Parameter storage: a folder on the file system that it writes to.
    /// - Returns: its exit status; 128 and the signal's number where a signal ended it.
    /// - Throws: a ``Failure`` of kind `configuration` where it went beyond a limit of `RunLimits`.
    func run(
        _ arguments: [String], environment: [String: String], output: File, limits: RunLimits, storage: String
    ) throws(Failure) -> Int32 {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] =
            environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (words + settings).forEach { free($0) } }
        var ends: [Int32] = [-1, -1]
        try isolation.check(sealift_pipe(&ends), step: "make a pipe")
        let report = File(taking: ends[0], path: "the pipe of a RUN")
        var watch = RunWatch(limits, storage: storage)
        let child = sealift_start_confined(
            root, arguments[0], &words, &settings, output.descriptor, ends[1], UInt64(limits.largestFile))
        let code = errno
        close(ends[1])
        guard child > 0 else { throw isolation.failure("start \(arguments[0])", code: code) }
        let overrun = watch.wait(for: child)
        if overrun != nil { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        var failed: [Int32] = [0, 0]
        let count = failed.withUnsafeMutableBytes { read(report.descriptor, $0.baseAddress, $0.count) }
        if count == 8 { throw isolation.failure(Self.step(failed[0]), code: failed[1]) }
        if let overrun { throw self.overrun(overrun) }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    private func overrun(_ reason: String) -> Failure {
        Failure(
            .configuration, isolation.operation, isolation.artifact, because: "it was ended: \(reason)",
            remedy: "split the command into smaller ones, or build on a larger host")
    }

    private static func step(_ number: Int32) -> String {
        switch Int(number) {
        case sealift_step_mounts: "make a mount namespace"
        case sealift_step_proc: "mount a /proc of its own"
        case sealift_step_root: "enter its root"
        case sealift_step_session: "leave the session of the terminal"
        case sealift_step_limits: "set its limits"
        case sealift_step_capabilities: "give up its capabilities"
        case sealift_step_filter: "filter its system calls"
        default: "start its shell"
        }
    }
}
