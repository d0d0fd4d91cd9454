// SPDX-License-Identifier: Apache-2.0

/// The records of PAX extended headers that matter to an entry; others are passed over.
///
/// Source: POSIX.1-2017 `pax`, "pax Extended Header".
struct PAXRecords {
    /// Times that are accepted: far beyond what any file system keeps.
    static let times: ClosedRange<Int64> = -(1 << 53)...(1 << 53)

    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int64?
    var uid: Int64?
    var gid: Int64?
    var mtime: (seconds: Int64, nanoseconds: Int32)?
    var userName: [UInt8]?
    var groupName: [UInt8]?

    init() {}

    /// Parses `LENGTH KEY=VALUE\n` records.
    init(parsing body: ArraySlice<UInt8>, _ refuse: (String) -> Failure) throws(Failure) {
        var rest = body
        while !rest.isEmpty {
            guard let space = rest.prefix(20).firstIndex(of: 0x20),
                let length = Self.decimal(rest[..<space]), length > space - rest.startIndex + 2,
                length <= rest.count
            else { throw refuse("an extended header has a record of wrong length") }
            let end = rest.startIndex + Int(length)
            let record = rest[(space + 1)..<(end - 1)]
            guard rest[end - 1] == 0x0A, let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
                throw refuse("an extended header has a record that is not 'key=value'")
            }
            try set(record[..<equals], to: Array(record[(equals + 1)...]), refuse: refuse)
            rest = rest[end...]
        }
    }

    /// The first key that makes no sense for more than one entry.
    var perEntryKey: String? {
        path != nil ? "path" : linkPath != nil ? "linkpath" : size != nil ? "size" : nil
    }

    mutating func merge(_ other: PAXRecords) { self = overlaid(by: other) }

    /// These records, where `other` has nothing to say.
    func overlaid(by other: PAXRecords) -> PAXRecords {
        var merged = self
        merged.path = other.path ?? path
        merged.linkPath = other.linkPath ?? linkPath
        merged.size = other.size ?? size
        merged.uid = other.uid ?? uid
        merged.gid = other.gid ?? gid
        merged.mtime = other.mtime ?? mtime
        merged.userName = other.userName ?? userName
        merged.groupName = other.groupName ?? groupName
        return merged
    }

    private mutating func set(
        _ key: ArraySlice<UInt8>, to value: [UInt8], refuse: (String) -> Failure
    ) throws(Failure) {
        func number(_ range: ClosedRange<Int64>) throws(Failure) -> Int64 {
            guard let number = Self.decimal(value[...]), range.contains(number) else {
                throw refuse("the record '\(String(decoding: key, as: UTF8.self))' is not a number in bounds")
            }
            return number
        }
        let owners: ClosedRange<Int64> = 0...Int64(UInt32.max - 1)
        switch String(decoding: key, as: UTF8.self) {
        case "path": path = value
        case "linkpath": linkPath = value
        case "size": size = try number(0...Descriptor.largestSize)
        case "uid": uid = try number(owners)
        case "gid": gid = try number(owners)
        case "uname": userName = value
        case "gname": groupName = value
        case "mtime":
            guard let time = Self.time(value) else { throw refuse("the record 'mtime' is not a time") }
            mtime = time
        case let key where key.hasPrefix("GNU.sparse."):
            throw refuse("it holds a GNU sparse file, which is not supported")
        default: break
        }
    }

    /// Decimal digits and nothing else.
    static func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard (1...18).contains(digits.count) else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// `[-]SECONDS[.FRACTION]`; digits of the fraction beyond the ninth are dropped.
    static func time(_ text: [UInt8]) -> (seconds: Int64, nanoseconds: Int32)? {
        let negative = text.first == UInt8(ascii: "-")
        let parts = text[(negative ? 1 : 0)...].split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, var seconds = decimal(whole) else { return nil }
        var nanoseconds: Int64 = 0
        if parts.count == 2 {
            let digits = parts[1]
            let nine = Array(digits.prefix(9)) + [UInt8](repeating: 0x30, count: max(0, 9 - digits.count))
            guard digits.allSatisfy({ (0x30...0x39).contains($0) }), let value = decimal(nine[...]) else {
                return nil
            }
            nanoseconds = value
        }
        if negative {
            seconds = -seconds
            if nanoseconds > 0 { (seconds, nanoseconds) = (seconds - 1, 1_000_000_000 - nanoseconds) }
        }
        return times.contains(seconds) ? (seconds, Int32(nanoseconds)) : nil
    }
}
