// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import OCI

/// A server's process. It ends when the object goes, or when this process ends in whatever way.
package final class RunningServer: Sendable {
    private let process: Process
    private let input: Pipe
    private let scratch: Scratch

    /// - Parameter signal: what ends it; KILL for one that otherwise waits for its clients.
    package init(_ program: String, _ arguments: [String], signal: String = "TERM") throws {
        scratch = try Scratch()
        // A shell that ends the server as soon as the other end of its input is closed. The threads of tests block signals, and
        // children inherit that.
        let script =
            "env --default-signal \"$@\" & server=$!; cat >/dev/null; kill -\(signal) $server; wait $server"
        let arguments = ["-c", script, "sh", program] + arguments
        let path = scratch("output")
        (process, input) = try startingAlone {
            let input = Pipe()
            // Else the servers hold each other's input open, and none would end.
            _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
            return (try Self.start("/bin/sh", arguments, input: input, output: path), input)
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private static func start(
        _ program: String, _ arguments: [String], input: Any, output: String
    ) throws -> Process {
        try Data().write(to: URL(filePath: output))
        let file = try FileHandle(forWritingTo: URL(filePath: output))
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = file
        process.standardError = file
        try process.start()
        return process
    }

    /// What it has printed so far.
    package var output: String {
        get throws { try String(contentsOfFile: scratch("output"), encoding: .utf8) }
    }

    /// The first line that it prints, as numbers.
    package func ports() throws -> [Int] {
        for _ in 0..<6000 {
            let text = try output
            if let end = text.firstIndex(of: "\n") {
                let ports = text[..<end].split(separator: " ").compactMap { Int($0) }
                guard !ports.isEmpty else { throw Failure(.fault, "start", "a server", because: text) }
                return ports
            }
            usleep(10_000)
        }
        throw Failure(.fault, "start", "a server", because: "it prints nothing")
    }

    /// Runs a program to its end and returns what it printed.
    @discardableResult package static func run(_ program: String, _ arguments: [String]) throws -> String {
        let scratch = try Scratch()
        let process = try start(
            program, arguments, input: FileHandle.nullDevice, output: scratch("output"))
        process.waitUntilExit()
        let text = try String(contentsOfFile: scratch("output"), encoding: .utf8)
        guard process.terminationStatus == 0 else {
            throw Failure(.fault, "run", "\(program) \(arguments)", because: text)
        }
        return text
    }

    /// A port without a listener that no client is given by chance.
    package static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 10_000..<32_000)
            if withSocket(port, bind) == 0 { return port }
        }
        throw Failure(.fault, "find", "a free port", because: "there is none")
    }

    private static func withSocket(
        _ port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Waits until a server listens at `port`.
    package static func wait(for port: Int) async throws {
        for _ in 0..<2400 {
            if withSocket(port, connect) == 0 { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw Failure(.fault, "reach", "the port \(port)", because: "nobody listens there")
    }
}
