// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

/// Runs a program and gives the bytes it printed; fails the test when it fails.
@discardableResult
func tool(_ arguments: String...) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.start()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(arguments)")
    return [UInt8](output)
}

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
