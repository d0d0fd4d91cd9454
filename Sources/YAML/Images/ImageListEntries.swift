// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The names in an imageList: one a line, white space, one pair of quotes and a comment after it taken off.
///
/// A byte order mark and the line ends of any system are no part of a name. Empty lines, and lines that begin with
/// `#`, hold none. sealer itself takes a trailing comment for a part of the name.
package struct ImageListEntries: Sendable {
    /// One name.
    package struct Entry: Sendable, Equatable {
        /// The name as it is written.
        package let text: String
        /// Its line, from 1.
        package let line: Int
        /// Its bytes.
        package let range: Range<Int>
    }

    /// The names, from the first line to the last.
    package let entries: [Entry]

    /// Reads a list; any bytes are one.
    package init(_ bytes: [UInt8]) {
        var entries: [Entry] = []
        var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var line = 1
        while start < bytes.count {
            let end = bytes[start...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
            let name = Self.name(in: bytes[start..<end])
            if !name.isEmpty {
                let text = String(decoding: name, as: UTF8.self)
                entries.append(Entry(text: text, line: line, range: name.startIndex..<name.endIndex))
            }
            let isPair = end + 1 < bytes.count && bytes[end] == 0x0D && bytes[end + 1] == 0x0A
            start = end + (isPair ? 2 : 1)
            line += 1
        }
        self.entries = entries
    }

    private static func name(in line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            var text = text.drop { $0 <= 0x20 }
            while let last = text.last, last <= 0x20 { text = text.dropLast() }
            return text
        }
        var text = trimmed(line)
        let comment = text.indices.first { at in
            text[at] == UInt8(ascii: "#") && (at == text.startIndex || text[at - 1] <= 0x20)
        }
        if let comment { text = trimmed(text[..<comment]) }
        if text.count > 1, let quote = text.first, "\"'".utf8.contains(quote), text.last == quote {
            text = text.dropFirst().dropLast()
        }
        return text
    }
}
