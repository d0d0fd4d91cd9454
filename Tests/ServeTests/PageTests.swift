// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTMLPages
import OCI
import Testing

@testable import Serve

/// The page for people, and the settings for programs.
@Suite struct PageTests {
    @Test func thePageTellsWhatIsInHere() async throws {
        let sample = try await Sample()
        try await Served.with(sample.layout) { served in
            let page = try await served.curl("/", ["-H", "Host: sea.hub:5000"])
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
            for text in [
                "docker pull sea.hub:5000/calico/node:v3.19.1", "\(sample.node.digest)",
                "linux/amd64, linux/arm64",
                "registry:2.7.1", "quay.io", "SHA256SUMS", "a name &amp; &lt;more&gt;.txt",
                "/files/a%20name%20%26%20%3Cmore%3E.txt",
            ] { #expect(page.text.contains(text), "\(text)") }
            #expect(!page.text.contains("<more>"))
        }
    }

    @Test func sizesCountEachBlobOnce() async throws {
        let sample = try await Sample()
        let catalog = try Catalog([sample.layout])
        func all(_ descriptor: Descriptor) throws -> [Digest: Int64] {
            guard
                [MediaType.index, MediaType.manifest, MediaType.dockerList, MediaType.dockerManifest]
                    .contains(
                        descriptor.mediaType)
            else { return [descriptor.digest: descriptor.size] }
            return try sample.layout.manifest(descriptor).children.reduce(into: [
                descriptor.digest: descriptor.size
            ]) { $0.merge(try all($1)) { size, _ in size } }
        }
        var together: [Digest: Int64] = [:]
        for image in sample.layout.images {
            let sizes = try all(image.descriptor)
            #expect(catalog.manifests[image.descriptor.digest]?.total == sizes.values.reduce(0, +))
            together.merge(sizes) { size, _ in size }
        }
        #expect(catalog.total == together.values.reduce(0, +))
        #expect(catalog.total > sample.large.size && catalog.total < sample.large.size * 2)
    }

    @Test func sharedNamesArePulledByTheirFullName() async throws {
        let sample = try await Sample()
        try sample.layout.add("quay.io/calico/node:v3.19.1", sample.node)
        try await Served.with(sample.layout) { served in
            let page = try await served.curl("/", ["-H", "Host: h:1"]).text
            #expect(page.contains("docker pull h:1/quay.io/calico/node:v3.19.1"))
            #expect(page.contains("docker pull h:1/docker.io/calico/node:v3.19.1"))
            #expect(
                page.contains("<code>calico/node</code> is the name of images from docker.io and quay.io."))
            #expect(page.contains("docker pull h:1/tigera/operator:v1.17.4"))
        }
    }

    @Test func aHostHeaderCannotWriteIntoThePage() async throws {
        try await Served.with(Sample().layout) { served in
            let page = try await served.curl("/", ["-H", "Host: <b>x</b>"])
            #expect(!page.text.contains("<b>"))
        }
    }

    @Test func settingsOfDockerAreJSON() throws {
        let text = ClientConfiguration(address: "10.0.0.5:5000", domains: ["docker.io"]).text(for: .docker)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String]])
        #expect(
            json == [
                "registry-mirrors": ["http://10.0.0.5:5000"],
                "insecure-registries": ["10.0.0.5:5000", "sea.hub:5000"],
            ])
        let tls = ClientConfiguration(address: "10.0.0.5:5000", tls: true, domains: []).text(for: .docker)
        #expect(!tls.contains("insecure"))
    }

    @Test func settingsOfContainerdAreTOML() async throws {
        let configuration = ClientConfiguration(
            address: "10.0.0.5:5000", tls: true, certificatePath: "/etc/ca.crt", domains: [])
        let script = "import sys, tomllib, json; json.dump(tomllib.loads(sys.stdin.read()), sys.stdout)"
        let parsed = try await run(
            "python3", ["-c", script], input: Data(configuration.text(for: .containerd).utf8))
        let json = try #require(
            try JSONSerialization.jsonObject(with: parsed.out) as? [String: [String: Any]])
        let host = try #require(json["host"]?["https://10.0.0.5:5000"] as? [String: Any])
        #expect(host["capabilities"] as? [String] == ["pull", "resolve"])
        #expect(host["ca"] as? String == "/etc/ca.crt")
    }

    @Test func settingsOfK3sAreYAML() async throws {
        let configuration = ClientConfiguration(
            address: "10.0.0.5:5000", certificatePath: "/etc/ca.crt", domains: ["quay.io", "docker.io"])
        let script = "import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
        let parsed = try await run(
            "python3", ["-c", script], input: Data(configuration.text(for: .k3s).utf8))
        let json = try #require(
            try JSONSerialization.jsonObject(with: parsed.out) as? [String: [String: Any]])
        #expect(json["mirrors"]?.keys.sorted() == ["docker.io", "quay.io", "sea.hub:5000"])
        #expect(json["configs"]?["10.0.0.5:5000"] != nil)
    }

    @Test func settingsOfSealerNameTheClusterRegistry() {
        let text = ClientConfiguration(address: "10.0.0.5:5000", domains: []).text(for: .sealer)
        #expect(text.hasSuffix("\n10.0.0.5 sea.hub\n"))
        #expect(text.split(separator: "\n").dropLast().allSatisfy { $0.hasPrefix("#") })
    }
}
