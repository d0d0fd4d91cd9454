// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

/// A temporary folder that goes when the value does.
final class TarScratch {
    let path: String

    init() throws {
        let base = FileManager.default.temporaryDirectory.path()
        path = base + (base.hasSuffix("/") ? "" : "/") + "sealift-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: URL(filePath: self(name)))
    }

    func bytes(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: self(name)))) }
}

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

/// Numbers that look random and are the same at each run: xorshift64*.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
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
