// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// The files that hold a bundle, read and written as if they were one. Any thread may do either.
final class Volumes: Sendable {
    let files: [File]
    /// Bytes of all files together.
    let size: Int64
    /// Bytes of each volume but the last; `nil` where the bundle is one file.
    let volumeSize: Int64?
    /// Bytes of each file but the last; `size` where there is one file.
    private let stride: Int64

    init(_ files: [File], size: Int64, volumeSize: Int64?) {
        self.files = files
        self.size = size
        self.volumeSize = volumeSize
        stride = max(1, volumeSize ?? size)
    }

    /// The name of a bundle's volume, counted from 1: `BUNDLE.001`.
    static func name(_ base: String, number: Int) -> String {
        let digits = String(number)
        return base + "." + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }

    /// The files' names and sizes of a bundle of `size` bytes.
    static func names(_ base: String, size: Int64, volumeSize: Int64?) -> [(path: String, size: Int64)] {
        guard let volumeSize else { return [(base, size)] }
        let count = (size + volumeSize - 1) / volumeSize
        return (0..<count).map { number in
            (name(base, number: Int(number) + 1), min(volumeSize, size - number * volumeSize))
        }
    }

    /// Removes what an older bundle at `base` has beside `files`, which are that bundle now: volumes beyond the last, or the
    /// one file that readers would take before the volumes.
    /// - Returns: the paths that were removed.
    static func removeOlder(at base: String, than files: [(path: String, size: Int64)]) -> [String] {
        let isSplit = files.first?.path != base
        var removed = isSplit && unlink(base) == 0 ? [base] : []
        var next = isSplit ? files.count + 1 : 1
        while unlink(name(base, number: next)) == 0 {
            removed.append(name(base, number: next))
            next += 1
        }
        return removed
    }

    /// Where the bytes are, file by file.
    /// - Precondition: the range is within ``size``.
    func regions(at offset: Int64, count: Int64) -> [Region] {
        precondition(offset >= 0 && count >= 0 && offset + count <= size, "outside of the bundle")
        var regions: [Region] = []
        var (offset, left) = (offset, count)
        while left > 0 {
            let number = min(offset / stride, Int64(files.count) - 1)
            let start = offset - number * stride
            let take = number == Int64(files.count) - 1 ? left : min(left, stride - start)
            regions.append(Region(file: files[Int(number)], offset: start, count: take))
            offset += take
            left -= take
        }
        // Content of no bytes is somewhere too.
        if regions.isEmpty { regions.append(Region(file: files[0], offset: 0, count: 0)) }
        return regions
    }

    /// The paths of the files that the bytes are in, for errors.
    func paths(at offset: Int64, count: Int64) -> String {
        let start = min(max(0, offset), size)
        let left = min(max(0, count), size - start)
        if left == 0 { return files[files.count - 1].path }
        return regions(at: start, count: left).map(\.file.path).joined(separator: ", ")
    }

    /// Fills `buffer` from `offset`.
    /// - Throws: a ``Failure`` of kind `data` where the files end before.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Failure) {
        var done = 0
        for region in regions(at: offset, count: Int64(buffer.count)) {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + Int(region.count))])
            guard try region.file.read(into: part, at: region.offset) == part.count else {
                throw Failure(
                    .data, "read", region.file.path, because: "it has become shorter while it was read",
                    remedy: "copy it again and compare its size")
            }
            done += part.count
        }
    }

    /// The `count` bytes at `offset`.
    func bytes(at offset: Int64, count: Int) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(Failure) in try read(into: buffer, at: offset) }
        }
        try outcome.get()
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        var done = 0
        for region in regions(at: offset, count: Int64(bytes.count)) {
            let part = UnsafeRawBufferPointer(rebasing: bytes[done..<(done + Int(region.count))])
            try region.file.write(part, at: region.offset)
            done += part.count
        }
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: [UInt8], at offset: Int64) throws(Failure) {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in try write(buffer, at: offset) }
        }
        try outcome.get()
    }

    /// Waits until all that was written is on the medium, then drops what the system keeps of the files in memory, so that
    /// the next reads come from the medium.
    /// - Returns: whether the system took all of it; pages that others have locked or mapped stay.
    func dropCachedPages() -> Bool { files.map { $0.dropCachedPages() }.allSatisfy(\.self) }

    /// The bytes in order.
    /// - Parameter fromMedium: whether what is long is read past the system's cache, ahead on a thread of its own.
    func stream(at offset: Int64, count: Int64, fromMedium: Bool = false) -> any ByteStream {
        let regions = regions(at: offset, count: count)
        guard fromMedium, count >= 1 << 20 else { return VolumeStream(regions) }
        return ReadAhead(
            VolumeStream(parts: regions.map { DirectStream(of: $0.file, at: $0.offset, count: $0.count) }))
    }
}

/// Bytes of a part of a bundle, in order.
struct VolumeStream<Part: ByteStream>: ByteStream {
    private var parts: [Part]
    private var current = 0

    /// The bytes of `parts`, one after another.
    init(parts: [Part]) { self.parts = parts }

    /// Reads on.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while current < parts.count {
            let count = try parts[current].read(into: buffer)
            if count > 0 { return count }
            current += 1
        }
        return 0
    }
}

extension VolumeStream<FileStream> {
    /// The bytes of `regions`, one after another.
    init(_ regions: [Region]) {
        self.init(parts: regions.map { $0.file.stream(at: $0.offset, count: $0.count) })
    }
}
