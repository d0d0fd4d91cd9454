// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A database in a file, read at any place. What it says of places is not trusted: every read is within its bounds.
struct DatabaseFile {
    private let file: File
    /// Its size in bytes.
    let size: Int64
    /// What it is called in errors.
    let path: String
    /// Whether numbers have their least significant byte first.
    var isLittle = true

    init(_ file: File, size: Int64, path: String) {
        self.file = file
        self.size = size
        self.path = path
    }

    func refuse(_ reason: String) -> Failure { .database(path, reason) }

    /// Exactly `count` bytes from `offset`.
    /// - Throws: a ``Failure`` of kind `data` where they are not all in the file, or are more than a header may have.
    func bytes(at offset: Int64, count: Int) throws(Failure) -> [UInt8] {
        guard offset >= 0, count >= 0, count <= DatabaseBound.header, offset <= size - Int64(count) else {
            throw refuse("it names \(count) bytes at \(offset), and has \(size)")
        }
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
