// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

extension RunningRegistry {
    /// One for all tests that need nothing special of it.
    static let shared = Task { try await RunningRegistry() }

    /// Pushes a small synthetic image of that kind (`v2`, `list`, `oci`, `ociindex`, `ocinomt`); returns its digest.
    @discardableResult func push(_ kind: String, _ name: String, mebibytes: Double = 0.01) throws -> Digest {
        let text = try RunningServer.run(
            "/usr/bin/python3",
            [RunningServer.scripts + "/mkimages.py", "http://\(host)", kind, "\(mebibytes)", name])
        return try Digest(String(text.split(separator: " ").last?.prefix(71) ?? ""))
    }

    /// Settings that name it insecure.
    func settings(_ environment: [String: String] = [:]) -> TransferSettings {
        var settings = TransferSettings(environment: environment)
        settings.insecureHosts = [host]
        settings.retry.base = .milliseconds(10)
        return settings
    }
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
