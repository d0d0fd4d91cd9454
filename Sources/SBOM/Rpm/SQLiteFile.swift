// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Reads the rows of one table of an SQLite 3 file, without its journal.
///
/// Source: "SQLite Database File Format", sections 1.3 to 1.6 and 2.
struct SQLiteFile {
    private let file: DatabaseFile
    private let pageSize: Int
    /// Bytes of a page that hold data.
    private let usable: Int

    /// - Parameter head: the first bytes of the file.
    /// - Throws: a ``Failure`` of kind `data` for a page size that cannot be.
    init(_ file: DatabaseFile, _ head: [UInt8]) throws(Failure) {
        self.file = file
        let size = head.number(at: 16, bytes: 2, isLittle: false)
        pageSize = size == 1 ? 65536 : size
        usable = pageSize - head.number(at: 20, bytes: 1, isLittle: false)
        guard (512...65536).contains(pageSize), pageSize & (pageSize - 1) == 0, usable >= 480 else {
            throw file.refuse("its pages are of \(pageSize) bytes")
        }
    }

    /// Gives `body` the last blob of each row of `table`.
    /// - Throws: a ``Failure`` of kind `data` where there is no such table or a page is not one; what `body` throws.
    func forEachBlob(inTable table: String, _ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        var root: Int?
        try forEachRow(ofTreeAt: 1) { (row) in
            let values = Self.values(of: row)
            // type, name, table, root page, SQL
            guard values.count == 5, values[0].elementsEqual("table".utf8),
                values[1].elementsEqual(table.utf8)
            else { return }
            root = Array(values[3]).number(at: 0, bytes: values[3].count, isLittle: false)
        }
        guard let root else { throw file.refuse("it has no table \(table)") }
        try forEachRow(ofTreeAt: root) { (row) throws(Failure) in
            if let blob = Self.values(of: row).last, !blob.isEmpty { try body(Array(blob)) }
        }
    }

    /// Gives `body` each row of a tree of pages, in order. Each page is visited once, so no circle is followed.
    private func forEachRow(
        ofTreeAt root: Int, _ body: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var pending = [root]
        var seen: Set<Int> = []
        while let number = pending.popLast() {
            guard seen.insert(number).inserted else { throw file.refuse("page \(number) is there twice") }
            let page = try self.page(number)
            let start = number == 1 ? 100 : 0
            let isLeaf = page[start] == 0x0D
            guard isLeaf || page[start] == 0x05 else {
                throw file.refuse("page \(number) is not one of a table")
            }
            let count = page.number(at: start + 3, bytes: 2, isLittle: false)
            let cells = (0..<count).map {
                page.number(at: start + (isLeaf ? 8 : 12) + 2 * $0, bytes: 2, isLittle: false)
            }
            if isLeaf {
                for cell in cells { try body(payload(in: page, at: cell)) }
            } else {
                let children = cells.map { page.number(at: $0, bytes: 4, isLittle: false) }
                pending += (children + [page.number(at: start + 8, bytes: 4, isLittle: false)]).reversed()
            }
        }
    }

    private func page(_ number: Int) throws(Failure) -> [UInt8] {
        guard number > 0, Int64(number) <= file.size / Int64(pageSize) else {
            throw file.refuse("page \(number) is not in it")
        }
        return try file.bytes(at: Int64(number - 1) * Int64(pageSize), count: pageSize)
    }

    /// The payload of a leaf's cell, with what is in pages of its own.
    private func payload(in page: [UInt8], at cell: Int) throws(Failure) -> [UInt8] {
        var place = cell
        let size = Self.varint(page[...], &place)
        _ = Self.varint(page[...], &place)
        guard (0...DatabaseBound.header).contains(size), place <= usable else {
            throw file.refuse("a row has \(size) bytes, and at most \(DatabaseBound.header) are read")
        }
        try file.spend(size)
        let (most, least) = (usable - 35, (usable - 12) * 32 / 255 - 23)
        let spilled = least + (size - least) % (usable - 4)
        let local = size <= most ? size : spilled <= most ? spilled : least
        guard place + local <= page.count else { throw file.refuse("a row leaves its page") }
        var bytes = Array(page[place..<(place + local)])
        var next = size > local ? page.number(at: place + local, bytes: 4, isLittle: false) : 0
        while bytes.count < size {
            let more = try self.page(next)
            bytes += more[4..<min(usable, 4 + size - bytes.count)]
            next = more.number(at: 0, bytes: 4, isLittle: false)
        }
        return bytes
    }

    /// The values of a record, as bytes.
    private static func values(of record: [UInt8]) -> [ArraySlice<UInt8>] {
        var place = 0
        let header = varint(record[...], &place)
        guard header <= record.count else { return [] }
        var values: [ArraySlice<UInt8>] = []
        var start = header
        while place < header {
            let type = varint(record[...], &place)
            let size =
                switch type {
                case 0, 8, 9: 0
                case 1...4: type
                case 5: 6
                case 6, 7: 8
                default: (type - 12) / 2
                }
            guard size >= 0, size <= record.count - start else { return [] }
            values.append(record[start..<(start + size)])
            start += size
        }
        return values
    }

    /// A number in 1 to 9 bytes; what leaves the bytes ends it.
    private static func varint(_ bytes: ArraySlice<UInt8>, _ place: inout Int) -> Int {
        var value: UInt64 = 0
        for step in 0..<9 where bytes.indices.contains(place) {
            let byte = bytes[place]
            place += 1
            if step == 8 {
                value = value << 8 | UInt64(byte)
                break
            }
            value = value << 7 | UInt64(byte & 0x7F)
            if byte & 0x80 == 0 { break }
        }
        return Int(truncatingIfNeeded: value)
    }
}
