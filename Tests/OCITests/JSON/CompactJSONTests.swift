// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

/// The bytes that identities rest on are those of Foundation's encoder, which wrote them at first.
@Suite struct CompactJSONTests {
    /// Any JSON value without fractions.
    indirect enum Value: Encodable {
        case null, bool(Bool), number(Int64), small(UInt8), text(String), list([Value]), object(
            [String: Value])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .null: try container.encodeNil()
            case .bool(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .small(let value): try container.encode(value)
            case .text(let value): try container.encode(value)
            case .list(let value): try container.encode(value)
            case .object(let value): try container.encode(value)
            }
        }

        static func random(_ depth: Int, _ random: inout some RandomNumberGenerator) -> Value {
            switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
            case 0: .null
            case 1: .bool(.random(using: &random))
            case 2: .number([.min, .max, 0, -1, 1 << 53].randomElement(using: &random) ?? 7)
            case 3: .small(.random(in: 0...255, using: &random))
            case 4: .text(text(&random))
            case 5:
                .list((0..<Int.random(in: 0...3, using: &random)).map { _ in .random(depth - 1, &random) })
            default:
                .object(
                    Dictionary(
                        (0..<Int.random(in: 0...4, using: &random)).map { _ in
                            (text(&random), .random(depth - 1, &random))
                        }
                    ) { first, _ in first })
            }
        }

        private static func text(_ random: inout some RandomNumberGenerator) -> String {
            let scalars =
                (0..<0x30).map { Unicode.Scalar($0)! }
                + [
                    "a", "A", "b", "é", "e\u{301}", "\u{7F}", "\u{2028}", "\u{202E}", "😀", "\\", "\"", "/",
                    "_", "Z",
                ]
                .flatMap(\.unicodeScalars)
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                text.append(scalars.randomElement(using: &random)!)
            }
            return String(text)
        }
    }

    struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    @Test func theBytesAreThoseOfFoundation() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var random = Chance(state: 11)
        for _ in 0..<3000 {
            let value = Value.random(4, &random)
            #expect(
                String(decoding: try CompactJSON.encode(value), as: UTF8.self)
                    == String(decoding: try encoder.encode(value), as: UTF8.self))
        }
    }

    @Test func containersOfEveryKindAreThoseOfFoundation() throws {
        enum Step: Codable {
            case put(path: String, file: String, mode: UInt32? = nil)
            case plain
        }
        struct Empty: Codable {}
        class Base: Codable {
            var name = "x"
        }
        struct All: Codable {
            var steps = [Step.put(path: "a", file: "b"), .plain, .put(path: "a", file: "b", mode: 7)]
            var empty = Empty()
            var base = Base()
            var none: String?
            var map = ["b": ["y", "x"], "a": []]
            var zero: [Empty] = [Empty(), Empty()]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(Data(try CompactJSON.encode(All())) == (try encoder.encode(All())))
        #expect(Data(try CompactJSON.encode(["a"])) == (try encoder.encode(["a"])))
        #expect(throws: Failure.self) { try CompactJSON.encode(["a": 1.5]) }
    }
}
