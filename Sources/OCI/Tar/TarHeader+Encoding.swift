// SPDX-License-Identifier: Apache-2.0

extension TarHeader {
    /// The header's bytes in the form that sealer hashes: one ustar block where all fields fit, else a PAX
    /// header, its records and the block; never a GNU form.
    ///
    /// The name is taken as it is (sealer writes directories without a final slash); ``nanoseconds`` are left
    /// out: the caller rounds. Source: sealer rules 3.5 to 3.9; the choices are those of Go's
    /// `archive/tar`.
    /// - Precondition: name and link name hold no NUL.
    package func encoded() -> [UInt8] {
        var records: [(key: String, value: [UInt8])] = []
        let prefix = splitPoint
        var fits = true
        func text(_ value: [UInt8], width: Int, key: String) {
            guard !Self.isASCII(value) || value.count > width else { return }
            if key != "path" || prefix == nil { fits = false }
            records.append((key, value))
        }
        func number(_ value: Int64, width: Int, key: String) {
            guard !Self.fitsOctal(value, width: width) else { return }
            fits = false
            records.append((key, Array(String(value).utf8)))
        }
        // In the order of the keys: PAX records are sorted.
        number(Int64(gid), width: 8, key: "gid")
        text(groupName, width: 32, key: "gname")
        text(linkName, width: 100, key: "linkpath")
        number(mtime, width: 12, key: "mtime")
        text(name, width: 100, key: "path")
        number(size, width: 12, key: "size")
        number(Int64(uid), width: 8, key: "uid")
        text(userName, width: 32, key: "uname")
        if fits {
            guard let prefix else { return block(name: name[...], prefix: []) }
            return block(name: name[(prefix + 1)...], prefix: name[..<prefix])
        }
        let body = records.flatMap { Self.record($0.key, value: $0.value) }
        var bytes = extensionBlock(bodySize: body.count) + body
        bytes.append(contentsOf: repeatElement(0, count: TarBlock.padding(after: Int64(body.count))))
        return bytes + block(name: Self.ascii(name)[...], prefix: [])
    }

    /// Where a name too long for its field can be cut in two, at a slash that is left out.
    private var splitPoint: Int? {
        guard name.count > 100, Self.isASCII(name) else { return nil }
        var length = name.count
        if length > 156 { length = 156 } else if name.last == UInt8(ascii: "/") { length -= 1 }
        guard let slash = name[..<length].lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return nil }
        return (1...100).contains(name.count - slash - 1) ? slash : nil
    }

    private func block(name: ArraySlice<UInt8>, prefix: ArraySlice<UInt8>) -> [UInt8] {
        var block = TarBlockWriter(name: name, kind: kind.rawValue, size: size)
        block.octal(Int64(mode & 0o7777), at: 100, width: 8)
        block.octal(Int64(uid), at: 108, width: 8)
        block.octal(Int64(gid), at: 116, width: 8)
        block.octal(mtime, at: 136, width: 12)
        block.text(Self.ascii(linkName)[...], at: 157, width: 100)
        block.text(Self.ascii(userName)[...], at: 265, width: 32)
        block.text(Self.ascii(groupName)[...], at: 297, width: 32)
        block.octal(Int64(deviceMajor), at: 329, width: 8)
        block.octal(Int64(deviceMinor), at: 337, width: 8)
        block.text(prefix, at: 345, width: 155)
        return block.summed()
    }

    /// The block before the records, named `<dir>/PaxHeaders.0/<base>`; it has no owner's name, no device.
    private func extensionBlock(bodySize: Int) -> [UInt8] {
        let base = name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let full = Array(name[..<base]) + Array("PaxHeaders.0/".utf8) + Array(name[base...])
        var cut = Self.ascii(full).prefix(100)
        while cut.last == UInt8(ascii: "/") { cut.removeLast() }
        var block = TarBlockWriter(name: cut, kind: UInt8(ascii: "x"), size: Int64(bodySize))
        for (offset, width) in [(100, 8), (108, 8), (116, 8), (136, 12)] {
            block.octal(0, at: offset, width: width)
        }
        return block.summed()
    }

    private static func isASCII(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 > 0 && $0 < 0x80 } }
    private static func ascii(_ bytes: [UInt8]) -> [UInt8] { bytes.filter { $0 > 0 && $0 < 0x80 } }

    fileprivate static func fitsOctal(_ value: Int64, width: Int) -> Bool {
        value >= 0 && value < 1 << Int64(3 * (width - 1))
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
    static func record(_ key: String, value: [UInt8]) -> [UInt8] {
        let rest = key.utf8.count + value.count + 3
        var length = rest + String(rest).utf8.count
        length = rest + String(length).utf8.count
        return Array("\(length) \(key)=".utf8) + value + [0x0A]
    }
}

/// Fills the fields of one header block.
private struct TarBlockWriter {
    private var bytes = [UInt8](repeating: 0, count: TarBlock.size)

    init(name: ArraySlice<UInt8>, kind: UInt8, size: Int64) {
        text(name, at: 0, width: 100)
        octal(size, at: 124, width: 12)
        bytes[156] = kind
        text(Array("ustar\u{0}00".utf8)[...], at: 257, width: 8)
    }

    mutating func text(_ value: ArraySlice<UInt8>, at offset: Int, width: Int) {
        let cut = value.prefix(width)
        bytes.replaceSubrange(offset..<(offset + cut.count), with: cut)
        // A cut that ends in a slash would read as a directory.
        guard value.count > width, let slashes = cut.lastIndex(where: { $0 != UInt8(ascii: "/") }),
            slashes + 1 < cut.endIndex
        else { return }
        bytes[offset + slashes + 1 - cut.startIndex] = 0
    }

    /// Zero-padded digits and a NUL; a number that does not fit is written as zero.
    mutating func octal(_ value: Int64, at offset: Int, width: Int) {
        var rest = TarHeader.fitsOctal(value, width: width) ? value : 0
        for index in stride(from: offset + width - 2, through: offset, by: -1) {
            bytes[index] = UInt8(ascii: "0") + UInt8(rest & 7)
            rest >>= 3
        }
    }

    /// The block with its checksum: six digits, NUL, space.
    consuming func summed() -> [UInt8] {
        for index in 148..<156 { bytes[index] = 0x20 }
        octal(bytes.reduce(0) { $0 + Int64($1) }, at: 148, width: 7)
        bytes[154] = 0
        return bytes
    }
}
