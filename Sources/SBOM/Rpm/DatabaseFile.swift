// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A database in a file, read at any place. What it says of places is not trusted: every read is within its bounds, and all
/// reads together are in proportion to the file, however often it names the same bytes.
struct DatabaseFile {
    private let file: File
    /// Its size in bytes.
    let size: Int64
    /// What it is called in errors.
    let path: String
    /// Whether numbers have their least significant byte first.
    var isLittle = true
    private let work: Work

    /// Bytes that may still be read.
    private final class Work {
        var left: Int64
        init(_ left: Int64) { self.left = left }
    }

    init(_ file: File, size: Int64, path: String) {
        self.file = file
        self.size = size
        self.path = path
        // Each form has a byte read twice at most, and values are copied once.
        work = Work(4 * size + (1 << 20))
    }

    func refuse(_ reason: String) -> Failure { .database(path, reason) }

    /// Counts bytes that are read, or that are taken from what was read.
    /// - Throws: a ``Failure`` of kind `data` where they are many times those of the file.
    func spend(_ count: Int) throws(Failure) {
        work.left -= Int64(count)
        if work.left < 0 { throw refuse("it names the same bytes many times") }
    }

    /// Exactly `count` bytes from `offset`.
    /// - Throws: a ``Failure`` of kind `data` where they are not all in the file, or are more than a header may have.
    func bytes(at offset: Int64, count: Int) throws(Failure) -> [UInt8] {
        guard offset >= 0, count >= 0, count <= DatabaseBound.header, offset <= size - Int64(count) else {
            throw refuse("it names \(count) bytes at \(offset), and has \(size)")
        }
        try spend(count)
        var stream = file.stream(at: offset, count: Int64(count))
        return try stream.readAll(limit: count, artifact: path)
    }
}

/// Numbers in bytes that come from outside: what is not all there is 0.
extension [UInt8] {
    func number(at offset: Int, bytes count: Int, isLittle: Bool) -> Int {
        guard offset >= 0, offset <= self.count - count else { return 0 }
        return (0..<count).reduce(0) { sum, index in
            sum << 8 | Int(self[offset + (isLittle ? count - 1 - index : index)])
        }
    }
}
