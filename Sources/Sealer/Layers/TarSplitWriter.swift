// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Writes a layer's `tar-data.json.gz`: what must be put between the files' contents to have the tar again.
///
/// One JSON object a line, in the spelling of Go's encoder. Source: sealer rules 3.14 to 3.16.
struct TarSplitWriter: ~Copyable {
    private let gzip: GzipWriter
    private let file: File
    private var position = 0
    private var line: [UInt8] = []

    /// Creates the file at `path`, mode 0600, replacing nothing.
    init(creating path: String) throws(Failure) {
        let file = try File.create(path, exclusive: true)
        guard fchmod(file.descriptor, 0o600) == 0 else {
            throw Failure.system("set the mode of", artifact: path)
        }
        self.file = file
        var offset: Int64 = 0
        gzip = GzipWriter { (bytes) throws(Failure) in
            try file.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
    }

    /// Notes bytes of the tar that are no content: padding and headers.
    mutating func segment(_ bytes: [UInt8]) throws(Failure) {
        line = Array(#"{"type":2,"payload":""#.utf8)
        Self.appendBase64(bytes, to: &line)
        try endLine(#"","position":"#)
    }

    /// Notes an entry; `checksum` is that of its content, if it has any.
    mutating func entry(_ name: [UInt8], size: Int64, checksum: CRC64) throws(Failure) {
        line = Array(#"{"type":1,"#.utf8)
        if let text = String(validating: name, as: UTF8.self) {
            line += Array(#""name":""#.utf8)
            Self.appendEscaped(text, to: &line)
        } else {
            line += Array(#""name_raw":""#.utf8)
            Self.appendBase64(name, to: &line)
        }
        if size > 0 {
            line += Array(#"","size":\#(size),"payload":""#.utf8)
            Self.appendBase64(checksum.bytes, to: &line)
            try endLine(#"","position":"#)
        } else {
            try endLine(#"","payload":null,"position":"#)
        }
    }

    /// Notes the bytes after the last content and flushes the file to the medium.
    mutating func finish(trailer: [UInt8]) throws(Failure) {
        try segment(trailer)
        try segment([])
        try gzip.finish()
        try file.synchronize()
    }

    private mutating func endLine(_ text: String) throws(Failure) {
        line += Array("\(text)\(position)}\n".utf8)
        position += 1
        try gzip.write(line)
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func appendBase64(_ bytes: [UInt8], to line: inout [UInt8]) {
        line.reserveCapacity(line.count + bytes.count / 3 * 4 + 64)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            let word =
                UInt32(bytes[start]) << 16 | (count > 1 ? UInt32(bytes[start + 1]) << 8 : 0)
                | (count > 2 ? UInt32(bytes[start + 2]) : 0)
            line.append(alphabet[Int(word >> 18)])
            line.append(alphabet[Int(word >> 12 & 63)])
            line.append(count > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
            line.append(count > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
        }
    }

    /// As Go's `encoding/json` with HTML escaping.
    static func appendEscaped(_ text: String, to line: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": line += [0x5C, UInt8(scalar.value)]
            case "\n": line += Array("\\n".utf8)
            case "\r": line += Array("\\r".utf8)
            case "\t": line += Array("\\t".utf8)
            case "<", ">", "&", "\u{0}"..."\u{1F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                line += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
            default: line += Array(String(scalar).utf8)
            }
        }
    }
}
