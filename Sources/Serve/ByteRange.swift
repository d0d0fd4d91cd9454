// SPDX-License-Identifier: Apache-2.0

/// What a `Range` header asks of a content of known size. Source: RFC 9110, section 14.
enum ByteRange: Equatable {
    /// All of it: no range, one that is not understood, or several, which a server may answer whole.
    case whole
    /// These bytes, never none.
    case part(Range<Int64>)
    /// Bytes that are not there: 416.
    case unsatisfiable

    init(_ header: String?, size: Int64) {
        self = .whole
        guard let header, header.lowercased().hasPrefix("bytes=") else { return }
        let set = header.dropFirst(6).split(separator: ",", omittingEmptySubsequences: false)
        guard set.count == 1 else { return }
        let text = set[0].filter { $0 != " " && $0 != "\t" }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]) else {
            return
        }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let suffix?):
            self = suffix == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - suffix)..<size)
        case (let first?, let last):
            if let last, last < first { return }
            self =
                first >= size
                ? .unsatisfiable : .part(first..<min(size, (last ?? size) &+ (last == nil ? 0 : 1)))
        }
    }

    /// A decimal number, capped below the largest `Int64`; an outer `nil` for what is no number, an inner
    /// one for an empty text.
    private static func number(_ text: Substring) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .some(min(Int64(text) ?? .max, .max - 1))
    }
}
