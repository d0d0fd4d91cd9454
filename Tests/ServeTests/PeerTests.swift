// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Testing

/// Real clients, pulling.
@Suite struct PeerTests {
    @Test func skopeoCopiesAndInspects() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        try await Served.with(sample.layout) { served in
            let host = "docker://\(served.authority)"
            for name in ["calico/node:v3.19.1", "docker.io/calico/node:v3.19.1", "tigera/operator:v1.17.4"] {
                let target = folder.path + "/copy"
                try? FileManager.default.removeItem(atPath: target)
                let copy = try await run(
                    "skopeo",
                    [
                        "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false",
                        "\(host)/\(name)", "dir:\(target)",
                    ])
                #expect(copy.status == 0, "\(copy.err)")
            }
            let inspect = try await run(
                "skopeo", ["inspect", "--tls-verify=false", "\(host)/calico/node:v3.19.1"])
            #expect(inspect.text.contains("\(sample.node.digest)"))
            let tags = try await run("skopeo", ["list-tags", "--tls-verify=false", "\(host)/calico/node"])
            #expect(tags.text.contains("v3.19.1"))
        }
    }

    @Test func podmanPulls() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        try await Served.with(sample.layout) { served in
            let storage = [
                "--root", folder.path + "/root", "--runroot", folder.path + "/run", "--storage-driver", "vfs",
            ]
            let pull = try await run(
                "podman",
                storage + ["pull", "-q", "--tls-verify=false", "\(served.authority)/calico/node:v3.19.1"])
            #expect(pull.status == 0, "\(pull.err)")
            let amd = try sample.layout.manifest(sample.node).children[0]
            let config = try #require(try sample.layout.manifest(amd).children.first)
            #expect(pull.text.contains(config.digest.hex))
        }
    }

    @Test func containerdPulls() async throws {
        let sample = try await Sample()
        let folder = try Scratch()
        let socket = folder.path + "/s"
        let daemon = Process()
        daemon.executableURL = URL(filePath: "/usr/bin/env")
        daemon.arguments = [
            "containerd", "--root", folder.path + "/r", "--state", folder.path + "/t", "-a", socket,
        ]
        daemon.standardError = FileHandle.nullDevice
        daemon.standardOutput = FileHandle.nullDevice
        try daemon.start()
        defer {
            daemon.terminate()
            daemon.waitUntilExit()
        }
        try await Served.with(sample.layout) { served in
            let ctr = ["-a", socket]
            for _ in 0..<200 where try await run("ctr", ctr + ["version"]).status != 0 {
                try await Task.sleep(for: .milliseconds(50))
            }
            let name = "\(served.authority)/calico/node:v3.19.1"
            let pull = try await run(
                "ctr", ctr + ["content", "fetch", "--plain-http", "--all-platforms", name])
            #expect(pull.status == 0, "\(pull.err)")
            let images = try await run("ctr", ctr + ["images", "ls"])
            #expect(images.text.contains("\(sample.node.digest)"))
            let unpacked = try await run(
                "ctr",
                ctr + [
                    "images", "pull", "--plain-http", "--snapshotter", "native", "--platform", "linux/amd64",
                    name,
                ])
            #expect(unpacked.status == 0, "\(unpacked.err)")
            // As a mirror of the original name, which asks with ?ns=docker.io.
            let hosts = folder.path + "/hosts/docker.io"
            try FileManager.default.createDirectory(atPath: hosts, withIntermediateDirectories: true)
            let settings = ClientConfiguration(
                address: served.authority, domains: ["docker.io"], registry: "sea.hub:5000")
            try Data(settings.text(for: .containerd).utf8).write(to: URL(filePath: hosts + "/hosts.toml"))
            let mirrored = try await run(
                "ctr",
                ctr + [
                    "content", "fetch", "--hosts-dir", folder.path + "/hosts",
                    "docker.io/library/registry:2.7.1",
                ])
            #expect(mirrored.status == 0, "\(mirrored.err)")
            #expect(served.log.contains { $0.contains("?ns=docker.io HTTP/1.1\" 200") })
        }
    }
}
