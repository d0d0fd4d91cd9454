// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import OCI

/// What a program of the system printed and how it ended.
struct Outcome: Sendable {
    var status: Int32
    var out: Data
    var err: String
    var text: String { String(decoding: out, as: UTF8.self) }
    var lines: [String] { text.split(whereSeparator: \.isNewline).map(String.init) }
}

/// Runs a program to its end, on a thread of its own: a test must not block Swift's pool.
@discardableResult
func run(_ program: String, _ arguments: [String], input: Data? = nil) async throws -> Outcome {
    try await onThread { () throws(Failure) in
        let folder = try Scratch()
        do {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [program] + arguments
            let streams = try (0..<3).map { number in
                let url = URL(filePath: folder.path + "/\(number)")
                try (number == 0 ? input ?? Data() : Data()).write(to: url)
                return number == 0
                    ? try FileHandle(forReadingFrom: url) : try FileHandle(forWritingTo: url)
            }
            process.standardInput = streams[0]
            process.standardOutput = streams[1]
            process.standardError = streams[2]
            try process.start()
            process.waitUntilExit()
            return Outcome(
                status: process.terminationStatus,
                out: try Data(contentsOf: URL(filePath: folder.path + "/1")),
                err: String(
                    decoding: try Data(contentsOf: URL(filePath: folder.path + "/2")), as: UTF8.self))
        } catch {
            throw Failure(.fault, "run", program, because: "\(error)")
        }
    }
}
