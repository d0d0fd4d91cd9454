// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// How and from where things are fetched.
package struct TransferSettings: Sendable {
    /// Where a registry may be had from instead, by its domain and in order, before the registry itself:
    /// `[scheme://]host[:port][/path]`. `http://` only for a host of ``insecureHosts``.
    package var mirrors: [String: [String]] = [:]
    /// The servers, `host[:port]`, that may be spoken to over plain HTTP or TLS without proof. Nothing but
    /// this set allows either. A host without port means the ports 80 and 443.
    package var insecureHosts: Set<String> = []
    /// How many requests run at once.
    package var jobs = 8
    /// How many of them at one server.
    package var jobsPerHost = 8
    /// So many times as many run at once, in all and at one server, while those beyond ``jobs`` and ``jobsPerHost`` are
    /// small: questions, manifests, and blobs of at most 128 KiB, which wait for the distance rather than for bytes.
    package var smallMultiple = 2
    /// The PEM file of the certificate authorities that are trusted.
    package var authorities: String
    /// PEM files of authorities that are trusted too.
    package var moreAuthorities: [String] = []
    /// Folders that may hold a folder `HOST[:PORT]` of a server's own certificates, as docker and podman have
    /// them: `*.crt`, authorities; `NAME.cert` and `NAME.key`, what is shown.
    package var certificateFolders: [String]
    /// A PEM file with the certificate to show to a server that asks for one.
    package var clientCertificate: String?
    /// The PEM file of its key.
    package var clientKey: String?
    /// When to try again, and how long to wait before.
    package var retry = RetryPolicy()
    /// A transfer slower than this many bytes a second for the whole of ``patience`` begins again where it
    /// stood.
    package var slowestSpeed = 1024
    /// See ``slowestSpeed``; whole seconds, at least one.
    package var patience: Duration = .seconds(30)
    /// How long a connection may take to be made.
    package var connectTime: Duration = .seconds(20)
    /// The most bytes on their way between the network and the sinks, at least 1 MiB.
    package var memory = 8 << 20
    /// The most bytes of a blob that one request sends to a registry, at least 1.
    package var chunk: Int64 = 64 << 20
    /// The variables that name auth files (`REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`, `HOME`, `XDG_RUNTIME_DIR`)
    /// and proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case).
    package var environment: [String: String]
    /// Told of all that happens, from any thread, in order for each item. Must not block.
    package var onEvent: (@Sendable (TransferEvent) -> Void)?

    /// The settings that an environment asks for.
    /// - Parameter environment: the variables; the process's own where none are given.
    package init(environment: [String: String]? = nil) {
        self.environment = environment ?? Self.ownEnvironment
        authorities =
            self.environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 } ?? Self.systemAuthorities
        certificateFolders =
            (self.environment["HOME"].map { [$0 + "/.config/containers/certs.d"] } ?? [])
            + ["/etc/containers/certs.d", "/etc/docker/certs.d"]
    }

    /// The first of the places where distributions keep their bundle; CA paths compiled into libcurl are
    /// wrong on another distribution than the one it was built on.
    private static var systemAuthorities: String {
        let places = [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
            "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/cert.pem",
        ]
        return places.first { access($0, R_OK) == 0 } ?? places[0]
    }

    private static var ownEnvironment: [String: String] {
        let names =
            ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "HOME", "XDG_RUNTIME_DIR", "SSL_CERT_FILE"]
            + ProxySettings.variables
        return names.reduce(into: [:]) { all, name in
            all[name] = getenv(name).map { String(cString: $0) }
        }
    }
}

/// When to try again after a failure that may pass.
package struct RetryPolicy: Sendable {
    /// How many attempts in a row may get nowhere; at least one.
    package var attempts = 5
    /// The wait before the second attempt; it doubles each time, and a random part of up to a half of it is
    /// left out, so that many clients do not come back at once.
    package var base: Duration = .seconds(1)
    /// The longest wait by ourselves.
    package var longest: Duration = .seconds(60)
    /// The longest wait that a server may ask for (`Retry-After`); beyond, the item fails.
    package var longestAsked: Duration = .seconds(900)

    /// Five attempts, from 1 s to 60 s apart.
    package init() {}

    /// The wait after `count` attempts that got nowhere, `count` from 1.
    func wait(after count: Int) -> Duration {
        let full = min(base * (1 << min(count - 1, 20)), longest)
        return full * Double.random(in: 0.5...1)
    }
}

/// What happens to an item that is fetched: a blob, named by its digest, or a file, by its URL.
package enum TransferEvent: Sendable {
    /// The fetch begins; `at` bytes of `size` are there already.
    case started(item: String, size: Int64?, at: Int64)
    /// The sink took so many more bytes.
    case received(item: String, bytes: Int)
    /// The sink was emptied; counting begins at 0.
    case restarted(item: String)
    /// Nothing happens for `time`, because of `reason`.
    case waiting(item: String, reason: String, time: Duration)
    /// A server has answered with content, or with what it says of the item; a manifest is named by its reference.
    case answered(item: String, answer: ServerAnswer)
    /// The fetch is over: verified and in place, or failed.
    case ended(item: String, failure: Failure?)
}
