// SPDX-License-Identifier: Apache-2.0

/// A sum of sizes that come from outside. Adding throws where the sum leaves the bounds of ``Descriptor``, 2^53 - 1
/// bytes; it never traps.
package struct ByteTotal: Sendable, Equatable {
    /// The sum in bytes, 0 to 2^53 - 1.
    package private(set) var bytes: Int64 = 0

    /// A sum of nothing.
    package init() {}

    /// Adds a size.
    /// - Parameters:
    ///   - size: bytes.
    ///   - artifact: names what is counted in the error.
    /// - Throws: a ``Failure`` of kind `data` for a negative size, or where the sum is out of bounds.
    package mutating func add(_ size: Int64, artifact: @autoclosure () -> String) throws(Failure) {
        let (sum, overflow) = bytes.addingReportingOverflow(size)
        guard size >= 0, !overflow, sum <= Descriptor.largestSize else {
            throw Failure(
                .data, "add up the sizes of", artifact(), because: "they come to more than 2^53 bytes",
                remedy: "do not trust where it came from: no medium holds as much")
        }
        bytes = sum
    }
}

extension Sequence {
    /// The sum of sizes that come from outside.
    /// - Throws: a ``Failure`` of kind `data` where it is out of the bounds of ``ByteTotal``.
    package func byteTotal(
        of artifact: @autoclosure () -> String, _ size: (Element) -> Int64
    ) throws(Failure) -> Int64 {
        var total = ByteTotal()
        for element in self { try total.add(size(element), artifact: artifact()) }
        return total.bytes
    }

    /// The sum of sizes for a display, or to compare with what is free; where it is too large for an `Int64`, the
    /// largest one.
    package func clampedTotal(_ size: (Element) -> Int64) -> Int64 {
        reduce(0) { sum, element in
            let (next, overflow) = sum.addingReportingOverflow(size(element))
            return overflow ? .max : next
        }
    }
}

extension Int64 {
    /// A size that a server or a file states: ASCII digits, 0 to 2^53 - 1; `nil` for anything else.
    package init?(sizeFromOutside text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text),
            value <= Descriptor.largestSize
        else { return nil }
        self = value
    }
}
