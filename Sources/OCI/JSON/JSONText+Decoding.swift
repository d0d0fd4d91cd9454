// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

extension JSONText {
    /// The most values of a text that is decoded. Foundation's decoder takes 70 bytes for each, whether it is needed or not.
    package static let mostValues = 1_000_000

    /// Decodes `bytes`, which may come from anywhere.
    /// - Throws: a `DecodingError` for what is not such a value, and for a text of more than `values` values.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8], values: Int = mostValues
    ) throws -> Value {
        guard count(in: bytes) <= values else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "it has more than \(values) values"))
        }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// How many values a text has at most, JSON or not: one, and one for each comma and opening bracket that is not in quotes.
    static func count(in bytes: [UInt8]) -> Int {
        var (count, isQuoted, isEscaped) = (1, false, false)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""): if !isEscaped { isQuoted.toggle() }
            case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "{"): if !isQuoted { count += 1 }
            default: break
            }
            isEscaped = isQuoted && byte == UInt8(ascii: "\\") && !isEscaped
        }
        return count
    }
}
