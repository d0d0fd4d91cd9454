// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Gives the lines of a text of any length to a function, without their ends (`\n` or `\r\n`); of a line longer than
/// ``DatabaseBound/line`` its beginning.
enum LineReader {
    static func read(
        _ stream: inout some ByteStream, _ body: (ArraySlice<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        var line: [UInt8] = []
        try stream.forEachChunk(of: 1 << 16) { (bytes) throws(Failure) in
            var rest = bytes[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line.append(contentsOf: rest[rest.startIndex..<end].prefix(DatabaseBound.line - line.count))
                try body(line.last == 0x0D ? line.dropLast() : line[...])
                line.removeAll(keepingCapacity: true)
                rest = rest[(end + 1)...]
            }
            line.append(contentsOf: rest.prefix(DatabaseBound.line - line.count))
        }
        if !line.isEmpty { try body(line[...]) }
    }
}
