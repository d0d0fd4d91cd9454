// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Reads the values of a hash of Berkeley DB, which rpm used up to version 4.15.
///
/// Source: Berkeley DB 5.3, `src/dbinc/db_page.h`.
struct BerkeleyHash {
    private enum PageType {
        static let hashMeta = 8
        static let hashes: Set<Int> = [2, 13]
        static let overflow = 7
    }
    private static let headSize = 26
    private let file: DatabaseFile
    private let pageSize: Int
    private let lastPage: Int

    /// - Parameter head: the first bytes of the file.
    /// - Returns: `nil` for what is not a hash.
    init?(_ file: DatabaseFile, _ head: [UInt8]) {
        guard
            let isLittle = [true, false].first(where: {
                head.number(at: 12, bytes: 4, isLittle: $0) == 0x61561
            })
        else { return nil }
        var file = file
        file.isLittle = isLittle
        self.file = file
        pageSize = head.number(at: 20, bytes: 4, isLittle: isLittle)
        lastPage = head.number(at: 32, bytes: 4, isLittle: isLittle)
        guard (512...65536).contains(pageSize),
            head.number(at: 25, bytes: 1, isLittle: true) == PageType.hashMeta
        else { return nil }
    }

    /// Gives `body` each value; keys, and values shorter than a header's counts, are left out.
    /// - Throws: a ``Failure`` of kind `data` for pages that are not in the file; what `body` throws.
    func forEachValue(_ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        for number in 1...max(1, min(lastPage, Int(file.size / Int64(pageSize)) - 1)) {
            let page = try self.page(number)
            guard PageType.hashes.contains(page.number(at: 25, bytes: 1, isLittle: true)) else { continue }
            let count = read(page, at: 20, 2)
            guard count <= (pageSize - Self.headSize) / 2 else {
                throw file.refuse("page \(number) is too full")
            }
            let places = (0..<count).map { read(page, at: Self.headSize + 2 * $0, 2) }
            // Keys and values take turns; they are one before the other, from the end of the page on.
            for index in stride(from: 1, to: count, by: 2) {
                let (start, end) = (places[index], places[index - 1])
                guard start >= Self.headSize, start < end, end <= pageSize else {
                    throw file.refuse("an entry leaves page \(number)")
                }
                try file.spend(end - start)
                switch page[start] {
                case 1 where end - start > 16: try body(Array(page[(start + 1)..<end]))
                case 3:
                    try body(overflow(from: read(page, at: start + 4, 4), size: read(page, at: start + 8, 4)))
                default: continue
                }
            }
        }
    }

    /// A value in pages of its own.
    private func overflow(from first: Int, size: Int) throws(Failure) -> [UInt8] {
        guard size <= DatabaseBound.header else { throw file.refuse("a value has \(size) bytes") }
        var bytes: [UInt8] = []
        var number = first
        while bytes.count < size {
            let page = try self.page(number)
            let length = read(page, at: 22, 2)
            guard page.number(at: 25, bytes: 1, isLittle: true) == PageType.overflow, length > 0,
                Self.headSize + length <= pageSize
            else { throw file.refuse("page \(number) does not continue a value") }
            bytes += page[Self.headSize..<(Self.headSize + length)]
            number = read(page, at: 16, 4)
        }
        return Array(bytes.prefix(size))
    }

    private func page(_ number: Int) throws(Failure) -> [UInt8] {
        try file.bytes(at: Int64(number) * Int64(pageSize), count: pageSize)
    }

    private func read(_ page: [UInt8], at offset: Int, _ count: Int) -> Int {
        page.number(at: offset, bytes: count, isLittle: file.isLittle)
    }
}
