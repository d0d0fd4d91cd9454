// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI
internal import Sealer

/// A thread with namespaces of its own: what is mounted there is seen by no other process, and gone with it,
/// also when the process is killed; and so are the programs that it starts.
struct Namespaces {
    /// What runs there, for errors: `run the RUN of line 4`.
    var operation: String
    /// The image that it is for.
    var artifact: String

    /// Runs `body` on such a thread, with no network but a loopback, and waits for it.
    /// - Throws: a ``Failure`` of kind `denied` where this user may not do that, or what `body` throws.
    func run<Result: Sendable>(
        _ body: @escaping @Sendable (Namespaces) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try onOwnThread { [self] () throws(Failure) in
            try check(
                sealift_unshare(
                    Int32(
                        sealift_new_mounts | sealift_new_network | sealift_new_ipc | sealift_new_processes
                            | sealift_new_names)),
                step: "make namespaces")
            try check(
                sealift_mount(nil, "/", nil, UInt(sealift_mount_private), nil), step: "make mounts private")
            try check(sealift_raise_loopback(), step: "bring up the loopback")
            return try body(self)
        }
    }

    /// Mounts an overlay of `lower`, the lowest first, and the empty folders `upper` and `work`, on `target`.
    ///
    /// Layers are named by short links in the folder `links`: the kernel takes 4096 bytes of options, and a
    /// colon in a path would end it.
    func mountOverlay(
        _ lower: [String], upper: String, work: String, on target: String, links: String
    ) throws(Failure) {
        try check(chdir(links), step: "enter \(links)")
        var names: [String] = []
        for (number, path) in lower.reversed().enumerated() {
            try check(symlink(path, "\(number)"), step: "link \(path)")
            names.append("\(number)")
        }
        try check(symlink(upper, "u"), step: "link \(upper)")
        try check(symlink(work, "w"), step: "link \(work)")
        let folders = "lowerdir=\(names.joined(separator: ":")),upperdir=u,workdir=w"
        // These would leave marks in the layer that only this very file system understands. A kernel that does
        // not know them does not leave any.
        for options in [",redirect_dir=off,metacopy=off,index=off,xino=off", ",index=off", ""] {
            if sealift_mount("overlay", target, "overlay", 0, folders + options) == 0 { return }
            guard errno == EINVAL, !options.isEmpty else { break }
        }
        throw failure("mount an overlay", code: errno)
    }

    /// Mounts `source`.
    func mount(
        _ source: String, on target: String, type: String? = nil, flags: UInt = 0, options: String? = nil
    ) throws(Failure) {
        try check(sealift_mount(source, target, type, flags, options), step: "mount \(target)")
    }

    /// Makes all mounts read only but `writable`.
    /// - Returns: whether the kernel can do that; Linux can from 5.12 on.
    func protect(except writable: [String]) throws(Failure) -> Bool {
        guard sealift_mount_protect("/", 1, 1) == 0 else {
            if errno == ENOSYS { return false }
            throw failure("make the host's files read only", code: errno)
        }
        for path in writable {
            try check(sealift_mount_protect(path, 0, 0), step: "make \(path) writable")
        }
        return true
    }

    /// Runs a program to its end, its output and errors in `output`; and ends what it left running.
    /// - Returns: its exit status; 128 and the signal's number where a signal ended it.
    func start(
        _ arguments: [String], environment: [String: String], output: File
    ) throws(Failure) -> Int32 {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] =
            environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (words + settings).forEach { free($0) } }
        let child = sealift_start(arguments[0], &words, &settings, output.descriptor)
        guard child > 0 else { throw failure("start \(arguments[0])", code: errno) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    func check(_ code: Int32, step: String) throws(Failure) {
        if code != 0 { throw failure(step, code: errno) }
    }

    func failure(_ step: String, code: Int32) -> Failure {
        let denied = code == EPERM || code == EACCES
        return Failure(
            denied ? .denied : .configuration, operation, artifact,
            because: "it could not \(step): \(String(cString: strerror(code)))",
            remedy: denied
                ? "run it as root, outside of containers that may not mount"
                : "use a host whose kernel has overlayfs, and a store on a file system that supports it")
    }
}
