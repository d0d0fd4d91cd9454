// SPDX-License-Identifier: Apache-2.0

/// Settings for the programs that pull from a server, as text that is put in place as it is.
public struct ClientConfiguration: Sendable {
    /// A program that pulls.
    public enum Client: String, Sendable, CaseIterable {
        /// Docker: `/etc/docker/daemon.json`.
        case docker
        /// containerd: `/etc/containerd/certs.d/_default/hosts.toml`.
        case containerd
        /// k3s: `/etc/rancher/k3s/registries.yaml`.
        case k3s
        /// sealer: a line of `/etc/hosts` on the host that builds.
        case sealer
    }

    /// How clients reach the server: `10.0.0.5:5000`.
    public var address: String
    /// Whether it speaks TLS.
    public var tls: Bool
    /// Where its certificate lies on the client; `nil` when the client trusts it anyway.
    public var certificatePath: String?
    /// The registries that its images come from: `docker.io`, `quay.io`.
    public var domains: [String]
    /// The name that the cluster pulls from: `sea.hub:5000`.
    public var registry: String

    /// Settings for clients of the server at `address`.
    public init(
        address: String, tls: Bool = false, certificatePath: String? = nil, domains: [String],
        registry: String = "sea.hub:5000"
    ) {
        self.address = address
        self.tls = tls
        self.certificatePath = certificatePath
        self.domains = domains.sorted()
        self.registry = registry
    }

    private var url: String { (tls ? "https://" : "http://") + address }

    /// The text for `client`, with a line end at its end.
    public func text(for client: Client) -> String {
        switch client {
        case .docker: docker
        case .containerd: containerd
        case .k3s: k3s
        case .sealer: sealer
        }
    }

    /// JSON has no comments, and dockerd refuses keys that it does not know.
    private var docker: String {
        let insecure = tls ? "" : ",\n  \"insecure-registries\": [\"\(address)\"]"
        return "{\n  \"registry-mirrors\": [\"\(url)\"]\(insecure)\n}\n"
    }

    private var containerd: String {
        """
        # /etc/containerd/certs.d/_default/hosts.toml
        # config.toml names the folder:
        #   [plugins."io.containerd.grpc.v1.cri".registry]
        #     config_path = "/etc/containerd/certs.d"
        [host."\(url)"]
          capabilities = ["pull", "resolve"]
        \(certificatePath.map { "  ca = \"\($0)\"\n" } ?? "")
        """
    }

    private var k3s: String {
        var text = "# /etc/rancher/k3s/registries.yaml\nmirrors:\n"
        for domain in domains {
            text += "  \"\(domain)\":\n    endpoint:\n      - \"\(url)\"\n"
        }
        if let certificatePath {
            text += "configs:\n  \"\(address)\":\n    tls:\n      ca_file: \"\(certificatePath)\"\n"
        }
        return text
    }

    /// sealer asks the registry that the image names carry, https first, then http, and checks no certificate.
    private var sealer: String {
        let name = registry.split(separator: ":").first.map(String.init) ?? registry
        let host =
            address.hasPrefix("[")
            ? String(address.dropFirst().prefix { $0 != "]" })
            : String(address.prefix { $0 != ":" })
        return """
            # /etc/hosts on the host that builds, with `sealift serve` on port \
            \(registry.split(separator: ":").dropFirst().first ?? "443")
            \(host) \(name)

            """
    }
}
