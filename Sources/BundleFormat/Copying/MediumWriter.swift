// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

/// Writes a bundle's files in order. What a former run wrote is compared and passed over. What is new goes to the medium past
/// the system's cache; where the file system does not allow that, it is flushed while more is written. So little of it is in
/// memory at any time, and a copy that ends is soon flushed.
struct MediumWriter {
    private let volumes: Volumes
    /// Bytes of a former run that are still to be compared, from the first.
    private var there: Int64
    /// Where the next bytes go.
    private(set) var end: Int64 = 0
    /// The bytes that were there already.
    private(set) var found: Int64 = 0
    /// The file that is written now, and the same past the cache.
    private var current: (file: File, direct: File?)?
    private var pending: [Region] = []
    /// Regions that may be on their way to the medium.
    private static let mostPending = 4
    private static let block = 1 << 16

    /// Writes to `volumes`.
    /// - Throws: a ``Failure`` where their lengths cannot be read.
    init(_ volumes: Volumes) throws(Failure) {
        self.volumes = volumes
        there = 0
        for region in volumes.regions(at: 0, count: volumes.size) {
            let length = min(try region.file.size(), region.count)
            there += length
            if length < region.count { break }
        }
        // A file that a run has left is compared with what the medium has of it.
        if there > 0 { _ = volumes.dropCachedPages() }
    }

    /// Writes the next bytes, from the first block on that is not there.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        let same = try countOfSame(bytes)
        found += Int64(same)
        if same < bytes.count {
            try write(UnsafeRawBufferPointer(rebasing: bytes[same...]), at: end + Int64(same))
        }
        end += Int64(bytes.count)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        there = 0
        var done = 0
        for region in volumes.regions(at: offset, count: Int64(bytes.count)) {
            let part = UnsafeRawBufferPointer(rebasing: bytes[done..<(done + Int(region.count))])
            try write(part, to: region)
            done += part.count
        }
        while pending.count > Self.mostPending { try settle(pending.removeFirst()) }
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer, to region: Region) throws(Failure) {
        if current?.file !== region.file {
            current = (region.file, region.file.openedDirectly(writing: true))
        }
        if let direct = current?.direct, try direct.writeDirectly(bytes, at: region.offset) { return }
        try region.file.write(bytes, at: region.offset)
        try Self.writeBack(region, waiting: false)
        pending.append(region)
    }

    /// How many of the next bytes are there already, in whole blocks.
    private func countOfSame(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
        let known = Int(min(Int64(bytes.count), max(0, there - end)))
        if known == 0 { return 0 }
        let old = try volumes.bytes(at: end, count: known)
        return old.withUnsafeBytes { old in
            var same = 0
            while same < known {
                let count = min(Self.block, known - same)
                if memcmp(old.baseAddress! + same, bytes.baseAddress! + same, count) != 0 { break }
                same += count
            }
            // What follows begins where a write past the cache can.
            return same < bytes.count ? same - same % File.directAlignment : same
        }
    }

    /// Waits until all is on the medium, the files' lengths too.
    /// - Returns: whether nothing of it is left in memory.
    mutating func finish() throws(Failure) -> Bool {
        for region in pending { try settle(region) }
        pending = []
        for file in volumes.files { try file.synchronize() }
        return volumes.dropCachedPages()
    }

    private func settle(_ region: Region) throws(Failure) {
        try Self.writeBack(region, waiting: true)
        _ = posix_fadvise(
            region.file.descriptor, off_t(region.offset), off_t(region.count), Int32(POSIX_FADV_DONTNEED))
    }

    private static func writeBack(_ region: Region, waiting: Bool) throws(Failure) {
        let code = sealift_write_back(
            region.file.descriptor, off_t(region.offset), off_t(region.count), waiting ? 1 : 0)
        // Where the file system cannot say, the flush at the end does.
        guard code != 0, [EIO, ENOSPC, EDQUOT].contains(errno) else { return }
        throw Failure.system("write", artifact: region.file.path)
    }
}
