// SPDX-License-Identifier: Apache-2.0
import Foundation
package import OCI

/// Debian's docker-registry on a free port of loopback. It ends with the object.
package final class RunningRegistry: Sendable {
    /// Its port.
    package let port: Int
    /// Where its content is, unless another place was given, and room for the files that its configuration names.
    package let scratch: Scratch
    private let server: RunningServer

    /// Its host and port.
    package var host: String { "127.0.0.1:\(port)" }
    /// Where it keeps its content.
    package var data: String { scratch("data") }

    /// Starts it and waits until it listens.
    /// - Parameters:
    ///   - scratch: a folder whose data it serves.
    ///   - storage: a folder of data that it serves and does not change.
    ///   - more: further lines of its configuration, at top level.
    ///   - http: further lines of its `http` part.
    package init(
        _ scratch: Scratch? = nil, readingOnly storage: String? = nil, more: String = "", http: String = ""
    ) async throws {
        let scratch = try scratch ?? Scratch()
        let configuration = try scratch.write(
            "\(UUID()).yml",
            """
            version: 0.1
            storage:
              filesystem: { rootdirectory: "\(storage ?? scratch("data"))" }
              maintenance: { readonly: { enabled: \(storage != nil) } }
            http:
              addr: 127.0.0.1:0
              secret: test
            \(http)
            \(more)
            """)
        let server = try RunningServer("/usr/bin/docker-registry", ["serve", configuration])
        self.scratch = scratch
        self.server = server
        let place = /listening on 127\.0\.0\.1:(\d+)/
        for _ in 0..<3000 {
            if let found = try server.output.firstMatch(of: place).flatMap({ Int($0.1) }) {
                port = found
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Failure(.fault, "start", "docker-registry", because: try server.output)
    }

    /// Method, path and status of every request so far.
    package func requests() throws -> [(method: String, path: String, status: Int)] {
        try server.output.matches(of: /"([A-Z]+) (\/v2\/\S*) HTTP\/[\d.]+" (\d+)/)
            .map { (String($0.1), String($0.2), Int($0.3) ?? 0) }
    }

    /// What a reference to `name` in it says.
    package func reference(_ name: String) throws -> Reference { try Reference("\(host)/\(name)") }
}
