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

    @Test func thePageShowsEachBundle() async throws {
        let sample = try await Sample()
        func bundle(_ name: String, release: String?) -> ServedBundle {
            ServedBundle(
                name: name, release: release, registry: "reg.site:5001",
                identity: Digest(of: Array(name.utf8)), size: 1_500_000,
                signature: "signed by ops <x> (key 0123)",
                platforms: [(sample.amd, 1_200_000), (sample.arm, 999)])
        }
        var settings = ServerSettings()
        settings.bundles = [bundle("k8s & more", release: "v1")]
        try await Served.with(sample.layout, settings: settings) { served in
            let page = try await served.curl("/").text
            for text in [
                "<title>k8s &amp; more v1</title>", "<h1>k8s &amp; more v1</h1>",
                "\(settings.bundles[0].identity)", "signed by ops &lt;x&gt; (key 0123)", "1.4 MiB",
                "<dt>linux/amd64</dt><dd>1.1 MiB</dd>", "<dt>linux/arm64</dt><dd>999 B</dd>", "id=\"search\"",
                "podman pull", "registries.conf.d", "location = &quot;reg.site:5001&quot;",
            ] { #expect(page.contains(text), "\(text)") }
        }
        settings.bundles.append(bundle("charts", release: nil))
        try await Served.with(sample.layout, settings: settings) { served in
            let page = try await served.curl("/").text
            #expect(page.contains("<h1>k8s &amp; more v1 and 1 more bundle</h1>"))
            #expect(page.contains("<h2>charts</h2>") && page.contains("\(settings.bundles[1].identity)"))
        }
    }

    @Test func eachKindHasItsCommand() async throws {
        let layout = try Layout()
        for (name, type) in [
            ("charts/web:1.2.3_b1", "application/vnd.cncf.helm.config.v1+json"),
            ("x/sbom:1", MediaType.empty),
            ("x/image:1", MediaType.config),
        ] {
            let config = try layout.add(Array("{}".utf8), type: type)
            let manifest = try layout.add(
                json: [
                    "schemaVersion": 2, "mediaType": MediaType.manifest, "config": try object(config),
                    "layers": [],
                ], type: MediaType.manifest)
            try layout.add("example.com/" + name, manifest)
        }
        try await Served.with(layout) { served in
            let page = try await served.curl("/", ["-H", "Host: h:1"]).text
            for command in [
                "helm pull oci://h:1/charts/web --version 1.2.3+b1 --plain-http", "oras pull h:1/x/sbom:1",
                "docker pull h:1/x/image:1", "podman pull h:1/x/image:1 --tls-verify=false",
            ] { #expect(page.contains(command), "\(command)") }
            #expect(!page.contains("docker pull h:1/x/sbom"))
        }
    }

    @Test func settingsOfPodmanAreTOML() async throws {
        let configuration = ClientConfiguration(
            address: "10.0.0.5:5000", domains: ["docker.io", "127.0.0.1:5001"], registry: "sea.hub:5000")
        let script = "import sys, tomllib, json; json.dump(tomllib.loads(sys.stdin.read()), sys.stdout)"
        let parsed = try await run(
            "python3", ["-c", script], input: Data(configuration.text(for: .podman).utf8))
        let json = try #require(
            try JSONSerialization.jsonObject(with: parsed.out) as? [String: [[String: Any]]])
        let registries = try #require(json["registry"])
        let mirrors = registries.map { ($0["mirror"] as? [[String: Any]])?.first?["location"] as? String }
        #expect(
            registries.map { $0["location"] as? String } == [
                "10.0.0.5:5000", "127.0.0.1:5001", "docker.io", "sea.hub:5000",
            ])
        #expect(mirrors == [nil, "10.0.0.5:5000", "10.0.0.5:5000/docker.io", "10.0.0.5:5000"])
        #expect(registries[0]["insecure"] as? Bool == true)
        let tls = ClientConfiguration(
            address: "h:1", tls: true, certificatePath: "/c.crt", domains: [], registry: "sea.hub:5000")
        #expect(!tls.text(for: .podman).contains("insecure"))
        #expect(tls.advice(for: .podman).contains { $0.contains("certs.d/h:1/ca.crt") })
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
        let text = ClientConfiguration(
            address: "10.0.0.5:5000", domains: ["docker.io"], registry: "sea.hub:5000"
        ).text(for: .docker)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String]])
        #expect(
            json == [
                "registry-mirrors": ["http://10.0.0.5:5000"],
                "insecure-registries": ["10.0.0.5:5000", "sea.hub:5000"],
            ])
        let tls = ClientConfiguration(
            address: "10.0.0.5:5000", tls: true, domains: [], registry: "sea.hub:5000"
        ).text(for: .docker)
        #expect(!tls.contains("insecure"))
    }

    @Test func settingsOfContainerdAreTOML() async throws {
        let configuration = ClientConfiguration(
            address: "10.0.0.5:5000", tls: true, certificatePath: "/etc/ca.crt", domains: [],
            registry: "sea.hub:5000")
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
            address: "10.0.0.5:5000", certificatePath: "/etc/ca.crt", domains: ["quay.io", "docker.io"],
            registry: "sea.hub:5000")
        let script = "import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
        let parsed = try await run(
            "python3", ["-c", script], input: Data(configuration.text(for: .k3s).utf8))
        let json = try #require(
            try JSONSerialization.jsonObject(with: parsed.out) as? [String: [String: Any]])
        #expect(json["mirrors"]?.keys.sorted() == ["docker.io", "quay.io", "sea.hub:5000"])
        #expect(json["configs"]?["10.0.0.5:5000"] != nil)
    }

    @Test func settingsOfSealerNameTheClusterRegistry() {
        let text = ClientConfiguration(address: "10.0.0.5:5000", domains: [], registry: "sea.hub:5000").text(
            for: .sealer)
        #expect(text.hasSuffix("\n10.0.0.5 sea.hub\n"))
        #expect(text.split(separator: "\n").dropLast().allSatisfy { $0.hasPrefix("#") })
    }
}
