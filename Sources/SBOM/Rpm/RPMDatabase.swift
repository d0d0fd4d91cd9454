// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// rpm's database in any of its three forms, told by the first bytes.
enum RPMDatabase {
    /// The packages of a database that is in a file.
    /// - Throws: a ``Failure`` of kind `data` for another form, or where what it names is not in it.
    static func packages(
        of file: DatabaseFile, into list: PackageList
    ) throws(Failure) -> [InstalledPackage] {
        var list = list
        func take(_ bytes: [UInt8]) throws(Failure) {
            if let package = try RPMHeader(bytes, path: file.path).package { try list.append(package) }
        }
        let head = try file.bytes(at: 0, count: Int(min(file.size, 512)))
        if head.starts(with: "SQLite format 3\0".utf8) {
            try SQLiteFile(file, head).forEachBlob(inTable: "Packages", take)
        } else if head.starts(with: "RpmP".utf8) {
            try ndb(file, head, take)
        } else if let hash = BerkeleyHash(file, head) {
            try hash.forEachValue(take)
        } else {
            throw file.refuse("it is in no form that is known: SQLite, ndb, Berkeley DB")
        }
        return list.packages
    }

    /// rpm's own form: a table of slots, each of which names blocks of 16 bytes.
    ///
    /// Source: rpm, `lib/backend/ndb/rpmpkg.c`.
    private static func ndb(
        _ file: DatabaseFile, _ head: [UInt8], _ take: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        let page: Int64 = 4096
        let pages = Int64(head.number(at: 12, bytes: 4, isLittle: true))
        guard head.number(at: 4, bytes: 4, isLittle: true) == 0, pages > 0, pages <= file.size / page else {
            throw file.refuse("its head is not that of rpm's own form, version 0")
        }
        for number in 0..<pages {
            let slots = try file.bytes(at: number * page, count: Int(page))
            for slot in stride(from: number == 0 ? 32 : 0, to: slots.count, by: 16) {
                let key = slots.number(at: slot + 4, bytes: 4, isLittle: true)
                guard slots[slot...].starts(with: "Slot".utf8) else {
                    throw file.refuse("a slot has no mark")
                }
                if key == 0 { continue }
                let place = Int64(slots.number(at: slot + 8, bytes: 4, isLittle: true)) * 16
                let blob = try file.bytes(at: place, count: 16)
                guard blob.starts(with: "BlbS".utf8), blob.number(at: 4, bytes: 4, isLittle: true) == key
                else {
                    throw file.refuse("a slot does not name the package that is there")
                }
                try take(file.bytes(at: place + 16, count: blob.number(at: 12, bytes: 4, isLittle: true)))
            }
        }
    }
}
