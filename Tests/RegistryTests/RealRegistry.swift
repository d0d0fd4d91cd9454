// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import Registry

/// The real docker-registry on loopback, its data in a folder of its own.
final class RealRegistry: Sendable {
    /// One for all tests that need nothing special of it.
    static let shared = Task { try await RealRegistry() }

    let port: Int
    let scratch: Scratch
    private let server: Server

    var host: String { "127.0.0.1:\(port)" }

    /// Starts it and waits until it answers.
    /// - Parameters:
    ///   - scratch: a folder whose data it serves.
    ///   - more: further lines of its configuration, at top level.
    ///   - http: further lines of its `http` part.
    init(_ scratch: Scratch? = nil, more: String = "", http: String = "") async throws {
        let scratch = try scratch ?? Scratch()
        let port = try Server.freePort()
        let configuration = try scratch.write(
            "config-\(port).yml",
            """
            version: 0.1
            log: { level: error }
            storage: { filesystem: { rootdirectory: \(scratch.path)/data } }
            http:
              addr: 127.0.0.1:\(port)
            \(http)
            \(more)
            """)
        self.scratch = scratch
        self.port = port
        server = try Server("/usr/bin/docker-registry", ["serve", configuration])
        try await Server.wait(for: port)
    }

    /// Pushes a small synthetic image of that kind (`v2`, `list`, `oci`, `ociindex`, `ocinomt`); returns its digest.
    @discardableResult func push(_ kind: String, _ name: String, mebibytes: Double = 0.01) throws -> Digest {
        let text = try Server.run(
            "/usr/bin/python3",
            [Server.scripts + "/mkimages.py", "http://\(host)", kind, "\(mebibytes)", name])
        return try Digest(String(text.split(separator: " ").last?.prefix(71) ?? ""))
    }

    /// Settings that name it insecure.
    func settings(_ environment: [String: String] = [:]) -> TransferSettings {
        var settings = TransferSettings(environment: environment)
        settings.insecureHosts = [host]
        settings.retry.base = .milliseconds(10)
        return settings
    }

    func reference(_ name: String) throws -> Reference { try Reference("\(host)/\(name)") }
}

/// Fetches an image whole, every manifest, config and layer of it; returns how many blobs there were.
func fetchAll(_ client: RegistryClient, _ reference: Reference) async throws -> Int {
    let top = try await client.manifest(reference, expecting: nil)
    var images = [top]
    if case .index(let manifests) = top.content {
        images = []
        for descriptor in manifests {
            images.append(try await client.manifest(reference, expecting: descriptor))
        }
    }
    var count = 0
    for blob in images.flatMap(\.children) {
        let bytes = try await client.bytes(blob, of: reference, limit: 64 << 20)
        #expect(Digest(of: bytes) == blob.digest)
        count += 1
    }
    return count
}
