// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A size as people write it: a number, and a unit of powers of 1000 (`4.7GB`, `4G`) or of 1024 (`700MiB`, `700Mi`).
struct ByteSize {
    let bytes: Int64

    private static let units: [String: Int64] = {
        var units: [String: Int64] = ["": 1, "B": 1]
        for (power, letter) in ["K", "M", "G", "T"].enumerated() {
            let (decimal, binary) = (
                [1000, 1_000_000, 1_000_000_000, 1_000_000_000_000][power], 1 << (10 * (power + 1))
            )
            for unit in [letter, letter + "B"] { units[unit] = Int64(decimal) }
            for unit in [letter + "I", letter + "IB"] { units[unit] = Int64(binary) }
        }
        return units
    }()

    /// Reads a size of at least one byte. A fraction has nine digits at most, and what it leaves of a byte is dropped.
    /// - Throws: a `Failure` of kind `usage` that shows the text.
    init(_ text: String) throws(Failure) {
        func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }
        let whole = text.prefix(while: isDigit)
        var rest = text.dropFirst(whole.count)
        var fraction = Substring()
        if rest.first == "." {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
            if fraction.isEmpty { rest = "." }
        }
        let unit = rest.filter { $0 != " " }.uppercased()
        guard let number = Int64(whole), let factor = Self.units[unit], fraction.count <= 9,
            factor > 1 || fraction.isEmpty,
            case let (product, overflow) = number.multipliedReportingOverflow(by: factor), !overflow,
            case let (sum, isTooLarge) = product.addingReportingOverflow(Self.part(fraction, of: factor)),
            !isTooLarge, sum > 0
        else {
            throw Failure(
                .usage, "read the size", "'\(text.prefix(40))'", because: "expected a number and a unit",
                remedy: "write it like 4.7GB or 4G (powers of 1000), or 700MiB (of 1024)")
        }
        bytes = sum
    }

    /// `0.fraction` of `factor`, which is 2^40 at most: no product of the two overflows 2^70, so it is divided digit by
    /// digit.
    private static func part(_ fraction: Substring, of factor: Int64) -> Int64 {
        // The remainder of each step stays below 10 · factor.
        var (sum, scale) = (Int64(0), Int64(1))
        for digit in fraction {
            scale *= 10
            sum = sum * 10 + Int64(digit.wholeNumberValue ?? 0)
        }
        let (high, low) = factor.multipliedFullWidth(by: sum)
        return scale.dividingFullWidth((high, low)).quotient
    }
}
