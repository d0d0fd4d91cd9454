// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import OCI

/// Runs a program that the path has, and gives the bytes that it printed.
/// - Throws: where it cannot be started, or fails.
@discardableResult package func tool(_ arguments: String...) throws -> [UInt8] { try tool(arguments) }

/// Runs a program that the path has, and gives the bytes that it printed.
/// - Throws: where it cannot be started, or fails.
@discardableResult package func tool(_ arguments: [String]) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.start()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Failure(.fault, "run", "\(arguments)", because: "it ended with \(process.terminationStatus)")
    }
    return [UInt8](output)
}
