// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Settings for the programs that pull from a server, as text that is put in place as it is.
package struct ClientConfiguration: Sendable {
    /// A program that pulls.
    package enum Client: String, Sendable, CaseIterable {
        /// Docker: `/etc/docker/daemon.json`.
        case docker
        /// containerd: `/etc/containerd/certs.d/_default/hosts.toml`.
        case containerd
        /// k3s: `/etc/rancher/k3s/registries.yaml`.
        case k3s
        /// podman, buildah, skopeo and CRI-O: a file in `/etc/containers/registries.conf.d`.
        case podman
        /// sealer: a line of `/etc/hosts` on the host that builds.
        case sealer
    }

    /// How clients reach the server: `10.0.0.5:5000`.
    package var address: String
    /// Whether it speaks TLS.
    package var tls: Bool
    /// Where its certificate is on the client; `nil` when the client trusts it anyway.
    package var certificatePath: String?
    /// The registries that its images come from: `docker.io`, `quay.io`.
    package var domains: [String]
    /// The name that the cluster pulls from: `sea.hub:5000`.
    package var registry: String

    /// Settings for clients of the server at `address`.
    package init(
        address: String, tls: Bool = false, certificatePath: String? = nil, domains: [String],
        registry: String
    ) {
        self.address = address
        self.tls = tls
        self.certificatePath = certificatePath
        self.domains = domains.sorted()
        self.registry = registry
    }

    private var url: String { (tls ? "https://" : "http://") + address }

    /// The text for `client`, with a line end at its end.
    package func text(for client: Client) -> String {
        switch client {
        case .docker: docker
        case .containerd: containerd
        case .k3s: k3s
        case .podman: podman
        case .sealer: sealer
        }
    }

    /// What a person has to do beside putting the text in place, a line each.
    package func advice(for client: Client) -> [String] {
        var lines: [String] = []
        switch client {
        case .docker:
            lines.append("put this into /etc/docker/daemon.json, then: systemctl restart docker")
            if domains.contains(where: { $0 != "docker.io" }) {
                lines.append("docker mirrors only docker.io: pull the others as \(address)/quay.io/NAME")
            }
            if certificatePath != nil {
                lines.append("put the certificate at /etc/docker/certs.d/\(address)/ca.crt")
            }
        case .podman:
            lines.append("put this into /etc/containers/registries.conf.d/50-sealift.conf")
            if certificatePath != nil {
                lines.append("put the certificate at /etc/containers/certs.d/\(address)/ca.crt")
            }
        case .containerd, .k3s:
            if let certificatePath { lines.append("put the certificate at \(certificatePath)") }
        case .sealer:
            let port = (try? HostPort(registry))?.port ?? 443
            if !address.hasSuffix(":\(port)") {
                lines.append("sealer asks at port \(port): start the server with --listen HOST:\(port)")
            }
        }
        return lines
    }

    /// JSON has no comments, and dockerd refuses keys that it does not know.
    private var docker: String {
        let names = Set([address, registry]).sorted().map { "\"\($0)\"" }.joined(separator: ", ")
        let insecure = tls ? "" : ",\n  \"insecure-registries\": [\(names)]"
        return "{\n  \"registry-mirrors\": [\"\(url)\"]\(insecure)\n}\n"
    }

    private var containerd: String {
        """
        # /etc/containerd/certs.d/_default/hosts.toml
        # config.toml names the folder:
        #   [plugins."io.containerd.grpc.v1.cri".registry]       in containerd 1
        #   [plugins."io.containerd.cri.v1.images".registry]     in containerd 2
        #     config_path = "/etc/containerd/certs.d"
        [host."\(url)"]
          capabilities = ["pull", "resolve"]
        \(certificatePath.map { "  ca = \"\($0)\"\n" } ?? "")
        """
    }

    private var k3s: String {
        var text = "# /etc/rancher/k3s/registries.yaml\nmirrors:\n"
        for domain in Set(domains + [registry]).sorted() {
            text += "  \"\(domain)\":\n    endpoint:\n      - \"\(url)\"\n"
        }
        if let certificatePath {
            text += "configs:\n  \"\(address)\":\n    tls:\n      ca_file: \"\(certificatePath)\"\n"
        }
        return text
    }

    /// The registries that images come from have the server as their mirror, under their full names, of which none is
    /// ambiguous; one with a port has no full name that podman accepts. Source: containers-registries.conf(5).
    private var podman: String {
        var text = "# /etc/containers/registries.conf.d/50-sealift.conf\n"
        func entry(_ key: String, at location: String) -> String {
            "[[\(key)]]\nlocation = \"\(location)\"\n" + (tls ? "" : "insecure = true\n")
        }
        text += entry("registry", at: address)
        for domain in Set(domains + [registry]).sorted() where domain != address {
            let isOwn = domain == registry || domain.contains(":")
            text += "\n[[registry]]\nlocation = \"\(domain)\"\n"
            text += entry("registry.mirror", at: isOwn ? address : "\(address)/\(domain)")
        }
        return text
    }

    /// sealer asks the registry that the image names carry, https first, then http, and checks no certificate.
    private var sealer: String {
        let named = try? HostPort(registry)
        let host = (try? HostPort(address))?.host ?? address
        return """
            # /etc/hosts on the host that builds, with `sealift serve` on port \
            \(named?.port ?? 443)
            \(host) \(named?.host ?? registry)

            """
    }
}
