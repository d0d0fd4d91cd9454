// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// A place in a text: line and column, both from 1; a column is one character, as editors count.
package struct SourcePosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The line, from 1.
    package let line: Int
    /// The column in characters, from 1.
    package let column: Int

    /// Creates a position.
    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// `line:column`.
    package var description: String { "\(line):\(column)" }

    /// Orders positions as they are read.
    package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// The bytes of a text file, and where its lines begin. Lines end with LF, CR LF or CR.
package struct SourceText: Sendable {
    /// The name of the file in errors.
    package let path: String
    /// All bytes, a byte-order mark included.
    package let bytes: [UInt8]
    private let lineStarts: [UInt32]

    /// Takes `bytes` as the content of the file `path`.
    package init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
        lineStarts = bytes.withUnsafeBufferPointer(Self.lineStarts)
    }

    /// A text whose lines are not counted: each place is in the first.
    init(uncounted bytes: [UInt8], path: String) {
        (self.bytes, self.path) = (bytes, path)
        lineStarts = [0]
    }

    private static func lineStarts(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt32] {
        var starts: [UInt32] = [0]
        guard let base = bytes.baseAddress else { return starts }
        // Nearly all files have no lone CR, and memchr finds a line's end far faster than a loop.
        let hasReturns = memchr(base, 0x0D, bytes.count) != nil
        var at = 0
        while at < bytes.count {
            if hasReturns {
                let byte = bytes[at]
                at += 1
                let loneReturn = byte == 0x0D && (at == bytes.count || bytes[at] != 0x0A)
                if byte == 0x0A || loneReturn { starts.append(UInt32(clamping: at)) }
            } else {
                guard let found = memchr(base + at, 0x0A, bytes.count - at) else { break }
                at = UnsafeRawPointer(found) - UnsafeRawPointer(base) + 1
                starts.append(UInt32(clamping: at))
            }
        }
        return starts
    }

    /// How many bytes a byte-order mark takes: 3 or 0.
    package var markLength: Int { bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0 }

    /// Line and column of the byte at `offset`, 0 to the count of bytes.
    package func position(of offset: Int) -> SourcePosition {
        let line = lineNumber(of: offset)
        let start = max(Int(lineStarts[line - 1]), min(markLength, offset))
        let characters = bytes[start..<max(start, min(offset, bytes.count))].count { $0 & 0xC0 != 0x80 }
        return SourcePosition(line: line, column: characters + 1)
    }

    /// Whether some bytes hold a text.
    package static func holds(_ text: String, in bytes: [UInt8]) -> Bool {
        let wanted = Array(text.utf8)
        guard let first = wanted.first else { return true }
        return bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            let end = base + bytes.count
            var at = base
            while let found = memchr(at, Int32(first), end - at),
                end - UnsafeRawPointer(found) >= wanted.count
            {
                if memcmp(found, wanted, wanted.count) == 0 { return true }
                at = UnsafeRawPointer(found) + 1
            }
            return false
        }
    }

    /// The byte at a position of this text.
    func offset(of position: SourcePosition) -> Int {
        var at = max(Int(lineStarts[position.line - 1]), position.line == 1 ? markLength : 0)
        var column = 1
        while column < position.column, at < bytes.count {
            repeat { at += 1 } while at < bytes.count && bytes[at] & 0xC0 == 0x80
            column += 1
        }
        return at
    }

    /// Where the first byte of a line is; `line` counts from 1.
    func start(ofLine line: Int) -> Int { Int(lineStarts[line - 1]) }

    private func lineNumber(of offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if Int(lineStarts[middle]) <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// `path:line:column` of the byte at `offset`.
    package func place(_ offset: Int) -> String { "\(path):\(position(of: offset))" }

    /// The bytes with `text` in place of `range`.
    func replacing(_ range: Range<Int>, with text: some Collection<UInt8>) -> [UInt8] {
        var result = bytes
        result.replaceSubrange(range, with: text)
        return result
    }

    /// A failure of kind `data` whose place is the byte `offset`.
    package func refuse(_ operation: String, at offset: Int, reason: String, remedy: String) -> Failure {
        Failure(.data, operation, place(offset), because: reason, remedy: remedy)
    }
}
