// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What a file system takes, as it says itself.
struct MediumLimits {
    /// The bytes that are free for this user.
    let free: Int64
    /// The bytes of the largest file that this process can make: FAT32 has room for 4 GiB - 1.
    let largestFile: Int64

    /// Asks the file system that `file` is on.
    /// - Throws: a ``Failure`` where it cannot be asked.
    init(of file: File) throws(Failure) {
        var system = statvfs()
        guard fstatvfs(file.descriptor, &system) == 0 else {
            throw Failure.system("examine", artifact: file.path)
        }
        free = Int64(
            clamping: UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize))
                .partialValue)
        // A place beyond the largest file cannot be sought. Places are only asked for: reads and writes name their own.
        var (held, refused) = (Int64(0), Int64.max)
        while held < refused - 1 {
            let middle = held + (refused - held) / 2
            if lseek(file.descriptor, off_t(middle), SEEK_SET) >= 0 {
                held = middle
            } else {
                refused = middle
            }
        }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else {
            throw Failure.system("examine the limits of", artifact: file.path)
        }
        largestFile = min(held, Int64(clamping: UInt64(limit.rlim_cur)))
    }

    /// The bytes that `files` will take beyond those that they have, once each has its size.
    static func lacking(_ files: [File], sizes: [Int64]) throws(Failure) -> Int64 {
        var bytes: Int64 = 0
        for (file, size) in zip(files, sizes) { bytes += max(0, size - (try file.allocated())) }
        return bytes
    }

    /// A size of volumes that fit, as an option takes it: `4GB`.
    var volumeSize: String {
        for (unit, bytes) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", Int64(1000))]
        where largestFile >= bytes { return "\(largestFile / bytes)\(unit)" }
        return "\(largestFile)"
    }

    /// Refuses a file that is too large for the file system.
    /// - Parameters:
    ///   - size: its bytes.
    ///   - least: the least size that volumes of the bundle can have.
    func check(_ path: String, size: Int64, least: Int64) throws(Failure) {
        guard size > largestFile else { return }
        let other = "name a place on another file system"
        throw Failure(
            .space, "write", path,
            because: "it has \(size) bytes, and a file can have \(largestFile) at most there",
            remedy: least <= largestFile
                ? "split the bundle: --volume-size \(volumeSize); or \(other)" : other)
    }
}
