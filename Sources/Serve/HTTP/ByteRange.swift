// SPDX-License-Identifier: Apache-2.0

/// What a `Range` header asks of a content of known size.
///
/// Several ranges that touch or overlap are the one range that they make up; several apart are answered whole,
/// as RFC 9110 allows in section 14.2: a body in parts gains nothing here, and many small ranges cost a
/// server much. What is not well formed counts for nothing (14.1.1). Source: RFC 9110, sections 14 and 15.3.7.
enum ByteRange: Equatable {
    /// All of it: no range, one that is not understood, or several with gaps between them.
    case whole
    /// These bytes, never none.
    case part(Range<Int64>)
    /// Bytes that are not there: 416.
    case unsatisfiable

    init(_ header: String?, size: Int64) {
        self = .whole
        guard let header, header.lowercased().hasPrefix("bytes=") else { return }
        var satisfiable: [Range<Int64>] = []
        // A list may have empty elements (5.6.1); one without any other is not well formed.
        var isEmpty = true
        for item in header.dropFirst(6).split(separator: ",") {
            let text = item.filter { $0 != " " && $0 != "\t" }
            if text.isEmpty { continue }
            isEmpty = false
            guard let range = Self.range(text, size: size) else { return }
            if !range.isEmpty { satisfiable.append(range) }
        }
        if isEmpty { return }
        guard let first = satisfiable.min(by: { $0.lowerBound < $1.lowerBound }) else {
            self = .unsatisfiable
            return
        }
        var joined = first
        for range in satisfiable.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard range.lowerBound <= joined.upperBound else { return }
            joined = joined.lowerBound..<max(joined.upperBound, range.upperBound)
        }
        self = .part(joined)
    }

    /// The bytes that one element asks for, none where they are not there; `nil` where it is not well formed.
    private static func range(_ text: String, size: Int64) -> Range<Int64>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = number(ends[0]), let last = number(ends[1]) else { return nil }
        switch (first, last) {
        case (nil, nil): return nil
        case (nil, let suffix?): return max(0, size - suffix)..<size
        case (let first?, let last):
            if let last, last < first { return nil }
            return first >= size ? size..<size : first..<min(size, last.map { $0 + 1 } ?? size)
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
