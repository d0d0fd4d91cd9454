// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI
internal import Sealer

/// One RUN: a shell command in the merged tree of the layers so far, whose changes become a layer.
///
/// As with sealer the programs are the host's: the tree is the working folder, no root, and its `bin` the
/// last folder of PATH. Unlike with sealer nothing else is in reach: ``Confinement`` says what is there.
///
/// What changed gets ``LiteBuild/time``; a time that the command set itself, older than its start, stays. So
/// equal commands give equal layers, unless the content that they write contains a moment, a random number or
/// the host.
struct RunLayer {
    /// The folders of the layers below, the lowest first.
    var lower: [String]
    /// The command, its arguments replaced.
    var command: String
    /// Seconds since 1970.
    var time: Int64
    /// Names what runs in errors.
    var isolation: Namespaces
    /// What it may use.
    var limits = RunLimits()
    /// Folders of sealift, which it must not see.
    var hidden: [String] = []

    /// Where the command runs.
    static let folder = "/tmp/rootfs"
    /// The most of a failed command's output that is shown, in bytes.
    private static let mostOutput: Int64 = 2048

    /// Runs the command; what it changed is then in the empty folder `upper`, as overlayfs writes it.
    /// - Parameter scratch: an empty folder on the same file system.
    /// - Throws: a ``Failure`` of kind `configuration` with the end of its output where it fails; of kind `denied`
    ///   where this user or this kernel cannot confine it: then it is not started.
    func run(into upper: String, scratch: String) throws(Failure) {
        try makeFolders("\(scratch)/work")
        try makeFolders("\(scratch)/none")
        let output = try File.create("\(scratch)/output", exclusive: true)
        let environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:\(Self.folder)/bin",
            "HOME": "/tmp", "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": "\(time)",
        ]
        var started = timespec()
        // The clock that files get their times from.
        clock_gettime(CLOCK_REALTIME_COARSE, &started)
        let lower = lower.isEmpty ? ["\(scratch)/none"] : lower
        let words = ["/bin/sh", "-c", "cd \(Self.folder) && \(command)"]
        let (limits, hidden) = (limits, hidden)
        let status = try isolation.run { (isolation) throws(Failure) in
            let root = "\(scratch)/root"
            try isolation.check(mkdir(root, 0o755), step: "make \(root)")
            let confinement = Confinement(isolation: isolation, root: root, hidden: hidden)
            try confinement.assemble()
            let tree = root + Self.folder
            try isolation.check(mkdir(tree, 0o755), step: "make \(Self.folder)")
            try isolation.mountOverlay(
                lower, upper: upper, work: "\(scratch)/work", on: tree, links: scratch)
            try isolation.check(
                sealift_disarm(tree), step: "take devices and setuid programs out of the tree")
            try isolation.check(chdir("/"), step: "leave \(scratch)")
            let status = try confinement.run(
                words, environment: environment, output: output, limits: limits, storage: scratch)
            try isolation.check(sealift_unmount(tree), step: "unmount the overlay")
            return status
        }
        guard status == 0 else { throw failed(status, output: try Self.end(of: output)) }
        try settle(
            Folder.open(upper),
            since: .init(seconds: Int64(started.tv_sec), nanoseconds: Int32(started.tv_nsec)))
    }

    private func failed(_ status: Int32, output: String) -> Failure {
        let said = output.isEmpty ? "it said nothing" : "its output ends:\n    " + output
        return Failure(
            .configuration, isolation.operation, isolation.artifact,
            because: (status > 128 ? "signal \(status - 128) ended it" : "it ended with status \(status)")
                + "; " + said,
            remedy:
                "fix the command: it has the host's programs in /usr and /bin, no network, and writes only below its folder"
        )
    }

    /// The last lines of a command's output, their control characters left out.
    static func end(of output: File) throws(Failure) -> String {
        let size = try output.size()
        let count = min(size, mostOutput)
        var stream = output.stream(at: size - count, count: count)
        let text = String(
            decoding: try stream.readAll(limit: Int(count), artifact: output.path), as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).suffix(12)
        return lines.map { $0.filter { !$0.unicodeScalars.contains { $0.value < 0x20 } } }.joined(
            separator: "\n    ")
    }

    /// Takes off the marks that overlayfs keeps for itself, and gives what changed its time.
    private func settle(_ top: Folder, since start: Folder.Time) throws(Failure) {
        var size: Int64 = 0
        try top.forEachFolder { (folder, _) throws(Failure) in
            for name in try folder.names() {
                let status = try folder.status(of: name)
                // A hole takes no room, and as long to read as any content.
                size = size.addingReportingOverflow(status.size).partialValue
                guard size <= limits.largestTree, size >= 0 else {
                    throw Failure(
                        .configuration, isolation.operation, isolation.artifact,
                        because:
                            "its files have more than \(limits.largestTree) bytes together, holes included",
                        remedy: "write less, or carry the content as files of the bundle")
                }
                let path = Array("/proc/self/fd/\(folder.descriptor)/".utf8) + name
                for mark in ["trusted.overlay.origin", "trusted.overlay.impure"] {
                    (path + [0]).withUnsafeBytes {
                        _ = lremovexattr($0.baseAddress!.assumingMemoryBound(to: CChar.self), mark)
                    }
                }
                let isNew =
                    (status.time.seconds, status.time.nanoseconds) >= (start.seconds, start.nanoseconds)
                guard isNew else { continue }
                try folder.set(name, uid: status.uid, gid: status.gid, mode: nil, time: .init(seconds: time))
            }
        }
    }
}
