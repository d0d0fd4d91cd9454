// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// Feeds a parser with inputs that come from `samples` by changes that a seed determines. The parser may refuse; it
/// must not end the program.
///
/// The budget of a test run is `rounds` inputs. With `TEST_FUZZ_SECONDS=N` it continues for N seconds, from a seed
/// that is printed and can be set by `TEST_FUZZ_SEED`; with `TEST_FUZZ_KEEP=FILE` each input is written there
/// before it is tried, so that the one that ended the program can be looked at.
func mutate(
    _ name: String, _ samples: [[UInt8]], words: [String] = [], rounds: Int = 1500, _ parse: ([UInt8]) -> Void
) {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["TEST_FUZZ_SECONDS"].flatMap { Double($0) }
    let fixed = environment["TEST_FUZZ_SEED"].flatMap { UInt64($0) }
    let seed = fixed ?? (seconds == nil ? 1 : UInt64.random(in: 1...999_999))
    if seconds != nil { print("\(name): TEST_FUZZ_SEED=\(seed)") }
    let keep = environment["TEST_FUZZ_KEEP"].map { URL(filePath: $0) }
    var mutator = Mutator(seed: seed, samples: samples, words: words.map { Array($0.utf8) })
    let end = ContinuousClock.now + .seconds(seconds ?? 0)
    for sample in samples { parse(sample) }
    var round = 0
    while seconds == nil ? round < rounds : ContinuousClock.now < end {
        let input = mutator.input()
        if let keep { try? Data(input).write(to: keep) }
        parse(input)
        round += 1
    }
}

/// The same for text.
func mutate(
    _ name: String, _ samples: [String], words: [String] = [], rounds: Int = 1500, _ parse: ([UInt8]) -> Void
) {
    mutate(name, samples.map { Array($0.utf8) }, words: words, rounds: rounds, parse)
}

/// Numbers that a seed determines, and inputs made with them.
private struct Mutator: RandomNumberGenerator {
    private var numbers: SeededNumbers
    private let samples: [[UInt8]]
    private let words: [[UInt8]]

    /// What breaks parsers: borders of numbers, controls, openers without an end.
    private static let sharp: [[UInt8]] =
        [
            "9223372036854775807", "-9223372036854775808", "18446744073709551616", "0", "-1", "1e999",
            "\u{0}", "\n", "\r\n",
            "\u{202E}", "\u{FEFF}", "\\", "\"", "'", "{", "}", "[", "]", "${", "{{", "*", "&a", "..", "/",
            "//", "%00", "sha256:",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80]]

    init(seed: UInt64, samples: [[UInt8]], words: [[UInt8]]) {
        numbers = SeededNumbers(seed)
        self.samples = samples
        self.words = words + Self.sharp
    }

    mutating func next() -> UInt64 { numbers.next() }

    mutating func input() -> [UInt8] {
        var bytes = samples.randomElement(using: &self) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &self) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let at = Int.random(in: 0...bytes.count, using: &self)
        let length = min(bytes.count - at, Int.random(in: 1...32, using: &self))
        switch Int.random(in: 0..<8, using: &self) {
        case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &self)
        case 2: bytes.removeSubrange(at..<(at + length))
        case 3: bytes.insert(contentsOf: bytes[at..<(at + length)], at: at)
        case 4: bytes = Array(bytes[..<at])
        case 5:
            let other = samples.randomElement(using: &self) ?? []
            let from = Int.random(in: 0...other.count, using: &self)
            bytes = Array(bytes[..<at]) + other[from...]
        case 6:
            let word = words.randomElement(using: &self) ?? []
            let count = [1, 1, 1, 2, 300].randomElement(using: &self) ?? 1
            bytes.insert(contentsOf: Array(repeatElement(word, count: count).joined()), at: at)
        default:
            let word = words.randomElement(using: &self) ?? []
            bytes.replaceSubrange(at..<(at + length), with: word)
        }
    }
}
