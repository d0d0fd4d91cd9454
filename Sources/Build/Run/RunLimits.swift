// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

/// What one RUN may use of the host.
package struct RunLimits: Sendable {
    /// How long it may run, in seconds: an hour.
    package var seconds = 3600
    /// The most threads that the host may have beyond those at its start.
    package var threads = 4096
    /// The largest file that it may write, in bytes: 64 GiB.
    package var largestFile: Int64 = 64 << 30
    /// How much memory must stay available on the host, as a part of what was available at its start.
    package var memoryPart = 0.1
    /// How many bytes must stay free on the file system of the store.
    package var freeSpace: Int64 = 64 << 20
    /// How many files there must be room for on the file system of the store, where it counts them.
    package var freeFiles: UInt64 = 4096
    /// The most files that it may make, where the file system counts them.
    package var mostFiles: UInt64 = 1 << 20
    /// The most bytes that the files may have together that it leaves, holes included: 256 GiB.
    package var largestTree: Int64 = 256 << 30

    /// The standard limits.
    package init() {}
}

/// Looks after a running RUN.
struct RunWatch {
    private let limits: RunLimits
    private let storage: String
    private let end: ContinuousClock.Instant
    private let threads: Int
    private let memory: Int
    private let files: UInt64

    init(_ limits: RunLimits, storage: String) {
        self.limits = limits
        self.storage = storage
        end = .now + .seconds(limits.seconds)
        threads = Self.threads() ?? 0
        memory = Self.availableMemory() ?? 0
        var status = statvfs()
        files = statvfs(storage, &status) == 0 && status.f_files > 0 ? UInt64(status.f_favail) : 0
    }

    /// Waits until the process ends, or goes beyond a limit.
    /// - Returns: the limit in words; `nil` where it ended by itself.
    mutating func wait(for process: Int32) -> String? {
        let descriptor = sealift_process_descriptor(process)
        defer { if descriptor >= 0 { close(descriptor) } }
        while true {
            if descriptor >= 0 {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                if poll(&wanted, 1, 20) > 0 { return nil }
            } else {
                // Before Linux 5.3: look whether it can be waited for, and leave that to the caller.
                var info = siginfo_t()
                if waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT) != 0 { return nil }
                if info.si_signo != 0 { return nil }
                usleep(20_000)
            }
            if let overrun { return overrun }
        }
    }

    private var overrun: String? {
        if ContinuousClock.now > end { return "it ran for more than \(limits.seconds) seconds" }
        if let now = Self.threads(), now - threads > limits.threads {
            return "it had more than \(limits.threads) processes"
        }
        if let now = Self.availableMemory(), memory > 0, Double(now) < Double(memory) * limits.memoryPart {
            return "it took nearly all memory of the host"
        }
        var status = statvfs()
        if statvfs(storage, &status) == 0 {
            if status.f_files > 0, UInt64(status.f_favail) < limits.freeFiles {
                return "it left room for less than \(limits.freeFiles) files on the file system of the store"
            }
            if status.f_files > 0, files > limits.mostFiles,
                files - limits.mostFiles > UInt64(status.f_favail)
            {
                return "it made more than \(limits.mostFiles) files"
            }
            let free = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
            if !free.overflow, free.partialValue < UInt64(limits.freeSpace) {
                return "it left less than \(limits.freeSpace) bytes free on the file system of the store"
            }
        }
        return nil
    }

    /// The threads of the host: the second number of the fourth field.
    private static func threads() -> Int? {
        let fields = text(of: "/proc/loadavg").split(separator: " ")
        return fields.count > 3 ? fields[3].split(separator: "/").last.flatMap { Int($0) } : nil
    }

    /// KiB that programs can still have.
    private static func availableMemory() -> Int? {
        text(of: "/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
            .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
    }

    /// Files of proc state no size.
    private static func text(of path: String) -> String {
        guard let file = try? File.open(path) else { return "" }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { (try? file.read(into: $0, at: 0)) ?? 0 }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
