// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

/// Gives a few bytes at a time, so that every boundary is met somewhere.
struct Trickle: ByteStream {
    private var rest: MemoryStream
    private var numbers: SeededNumbers

    init(_ bytes: [UInt8], seed: UInt64 = 1) {
        rest = MemoryStream(bytes)
        numbers = SeededNumbers(seed)
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let most = min(buffer.count, Int.random(in: 1...700, using: &numbers))
        return try rest.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<most]))
    }
}

/// Flips, cuts, repeats or inserts a few bytes.
func mutated(_ bytes: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &numbers) where !bytes.isEmpty {
        let at = Int.random(in: 0..<bytes.count, using: &numbers)
        switch Int.random(in: 0..<5, using: &numbers) {
        case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
        case 1: bytes[at] = UInt8.random(in: 0...255, using: &numbers)
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...600, using: &numbers)))
        case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 512)], at: at)
        default: bytes.removeLast(bytes.count - at)
        }
    }
    return bytes
}
