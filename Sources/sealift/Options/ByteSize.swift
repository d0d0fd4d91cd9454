// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A size as people write it: a whole number, and a unit of powers of 1000 (`4GB`) or of 1024 (`700MiB`).
struct ByteSize {
    let bytes: Int64

    /// Reads a size of at least one byte.
    /// - Throws: a `Failure` of kind `usage` that shows the text.
    init(_ text: String) throws(Failure) {
        let units: [String: Int64] = [
            "": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
        ]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).filter { $0 != " " }.uppercased()
        guard let number = Int64(digits), number > 0, let factor = units[unit],
            case let (product, overflow) = number.multipliedReportingOverflow(by: factor), !overflow
        else {
            throw Failure(
                .usage, "read the size", "'\(text.prefix(40))'", because: "expected a number and a unit",
                remedy: "write it like 4GB or 700MiB")
        }
        bytes = product
    }
}
