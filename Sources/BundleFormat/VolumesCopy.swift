// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

extension Volumes {
    /// Copies `source` to `offset` inside the kernel where the file systems can, and gives `body` each
    /// piece as it arrived, read back from the copy.
    func copy(
        _ source: [Region], to offset: Int64, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var target = offset
        for region in source {
            var done: Int64 = 0
            while done < region.count {
                let count = Int(min(Int64(buffer.count), region.count - done))
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                let from = Region(file: region.file, offset: region.offset + done, count: Int64(count))
                if try copyInKernel(from, to: target) {
                    try read(into: piece, at: target)
                } else {
                    var stream = from.file.stream(at: from.offset, count: from.count)
                    try stream.fill(piece)
                    try write(UnsafeRawBufferPointer(piece), at: target)
                }
                try body(UnsafeRawBufferPointer(piece))
                done += Int64(count)
                target += Int64(count)
            }
        }
    }

    /// Copies one region; `false` where the kernel cannot between these files.
    private func copyInKernel(_ source: Region, to offset: Int64) throws(Failure) -> Bool {
        var from = off_t(source.offset)
        for region in regions(at: offset, count: source.count) {
            var to = off_t(region.offset)
            let end = to + off_t(region.count)
            while to < end {
                let count = sealift_copy_file_range(
                    source.file.descriptor, &from, region.file.descriptor, &to, end - to)
                if count > 0 { continue }
                if count < 0, errno == EINTR { continue }
                guard count < 0, ![EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF, EPERM].contains(errno) else {
                    return false
                }
                throw Failure.system("copy to", region.file.path)
            }
        }
        return true
    }
}

extension FileStream {
    /// Fills `buffer`.
    /// - Throws: a ``Failure`` of kind `data` where the part ends before.
    fileprivate mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        var done = 0
        while done < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            if count == 0 { return }
            done += count
        }
    }
}
