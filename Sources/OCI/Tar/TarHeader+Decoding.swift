// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of one header block that anybody may have written.
struct TarBlockParser {
    private let block: [UInt8]

    init(_ block: [UInt8]) { self.block = block }

    /// Size of an extended header's content.
    func checkedSize(_ refuse: (String) -> Failure) throws(Failure) -> Int64 {
        try verifyChecksum(refuse)
        return try number(124, width: 12, in: 0...Descriptor.largestSize, as: "size", refuse: refuse)
    }

    /// The header of an entry, with the records that stood before it.
    func header(
        _ global: PAXRecords, local: PAXRecords, refuse: (String) -> Failure
    ) throws(Failure) -> TarHeader {
        try verifyChecksum(refuse)
        let records = global.overlaid(by: local)
        var name = records.path ?? ustarName
        if records.path == nil, hasUstarFields { name = prefix.isEmpty ? name : prefix + [0x2F] + name }
        let kind = try kind(of: block[156], name: name, refuse: refuse)
        let isFile = kind == .file
        // Sizes of other kinds mean nothing: no content follows them.
        let size =
            try isFile
            ? number(
                124, width: 12, in: 0...Descriptor.largestSize, as: "size", unless: records.size,
                refuse: refuse) : 0
        let owners: ClosedRange<Int64> = 0...Int64(UInt32.max - 1)
        var header = TarHeader(
            name: name, kind: kind,
            mode: UInt32(try number(100, width: 8, in: 0...Int64(UInt32.max), as: "mode", refuse: refuse))
                & 0o7777,
            uid: UInt32(
                try number(108, width: 8, in: owners, as: "uid", unless: records.uid, refuse: refuse)),
            gid: UInt32(
                try number(116, width: 8, in: owners, as: "gid", unless: records.gid, refuse: refuse)),
            size: size, linkName: records.linkPath ?? text(157, width: 100))
        if let time = records.mtime {
            (header.mtime, header.nanoseconds) = (time.seconds, time.nanoseconds)
        } else {
            header.mtime = try number(136, width: 12, in: PAXRecords.times, as: "mtime", refuse: refuse)
        }
        if hasMagic {
            header.userName = records.userName ?? text(265, width: 32)
            header.groupName = records.groupName ?? text(297, width: 32)
        }
        if kind == .characterDevice || kind == .blockDevice { try addDevice(to: &header, refuse: refuse) }
        return header
    }

    private func addDevice(to header: inout TarHeader, refuse: (String) -> Failure) throws(Failure) {
        let all: ClosedRange<Int64> = 0...0xFFFF_FFFF
        header.deviceMajor = UInt32(
            try number(329, width: 8, in: all, as: "major number", refuse: refuse))
        header.deviceMinor = UInt32(
            try number(337, width: 8, in: all, as: "minor number", refuse: refuse))
    }

    private var hasMagic: Bool { block[257..<262].elementsEqual("ustar".utf8) }
    /// GNU's old magic `ustar  \0` has times where ustar has the prefix.
    private var hasUstarFields: Bool { hasMagic && block[262] == 0 }
    private var isStar: Bool { block[508..<512].elementsEqual("tar\u{0}".utf8) }
    private var ustarName: [UInt8] { text(0, width: 100) }
    private var prefix: [UInt8] { text(345, width: isStar ? 131 : 155) }

    private func kind(
        of flag: UInt8, name: [UInt8], refuse: (String) -> Failure
    ) throws(Failure) -> TarHeader.Kind {
        // v7 knows no directories: a name that ends in a slash is one.
        if flag == 0, name.last == UInt8(ascii: "/") { return .directory }
        if flag == 0 || flag == UInt8(ascii: "7") { return .file }
        if let kind = TarHeader.Kind(rawValue: flag) { return kind }
        if flag == UInt8(ascii: "S") { throw refuse("it holds a GNU sparse file, which is not supported") }
        throw refuse("it holds an entry of type \(flag), which is not supported")
    }

    private func text(_ offset: Int, width: Int) -> [UInt8] {
        Array(block[offset..<(offset + width)].prefix { $0 != 0 })
    }

    /// Octal digits between spaces and NULs, or GNU's base-256: a set first bit, then two's complement.
    private func number(
        _ offset: Int, width: Int, in range: ClosedRange<Int64>, as what: String,
        unless record: Int64? = nil, refuse: (String) -> Failure
    ) throws(Failure) -> Int64 {
        if let record { return record }
        let field = block[offset..<(offset + width)]
        guard let value = block[offset] & 0x80 != 0 ? Self.base256(field) : Self.octal(field) else {
            throw refuse("the \(what) of a header is not a number")
        }
        guard range.contains(value) else { throw refuse("the \(what) \(value) of a header is out of bounds") }
        return value
    }

    private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
        var rest = field.drop { $0 == 0x20 }
        while let last = rest.last, last == 0 || last == 0x20 { rest.removeLast() }
        // A NUL ends the number; what an old writer left behind it does not count.
        rest = rest.prefix { $0 != 0 && $0 != 0x20 }
        var value: Int64 = 0
        for digit in rest {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit), value < 1 << 59 else { return nil }
            value = value << 3 | Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func base256(_ field: ArraySlice<UInt8>) -> Int64? {
        let negative = field.first! & 0x40 != 0
        var value: Int64 = negative ? -1 : 0
        for (index, byte) in field.enumerated() {
            let part = index == 0 ? (negative ? byte : byte & 0x7F) : byte
            guard value >= Int64.min >> 8, value <= Int64.max >> 8 else { return nil }
            value = value << 8 | Int64(part)
        }
        return value
    }

    /// The sum of all bytes, the sum's own field taken as spaces; some old writers added signed bytes.
    func verifyChecksum(_ refuse: (String) -> Failure) throws(Failure) {
        let stored = Self.octal(block[148..<156])
        var (unsigned, signed): (Int64, Int64) = (0, 0)
        for (index, byte) in block.enumerated() {
            let counted = (148..<156).contains(index) ? 0x20 : byte
            unsigned += Int64(counted)
            signed += Int64(Int8(bitPattern: counted))
        }
        guard stored == unsigned || stored == signed else {
            throw refuse("the checksum of a header is wrong")
        }
    }
}
