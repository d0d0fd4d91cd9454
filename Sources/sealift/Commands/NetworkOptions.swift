// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Collect
internal import OCI
internal import Registry

/// The options of every command that fetches.
struct NetworkOptions: ParsableArguments {
    @Option(
        name: .customLong("mirror"),
        help: ArgumentHelp(
            "Fetch from TO what FROM has: a registry (docker.io=mirror.example:5000/hub) or the start of file URLs (https://a.example=https://b.example). Tried in order, then the original; may be repeated.",
            valueName: "from=to"))
    var mirrors: [Mirror] = []
    @Option(
        name: .customLong("insecure"),
        help: ArgumentHelp(
            "Allow plain HTTP and unverified TLS with this host[:port] alone; may be repeated.",
            valueName: "host"))
    var insecure: [String] = []
    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp(
            "Trust the certificate authorities of this PEM file too; may be repeated.", valueName: "file"),
        completion: .file())
    var authorities: [String] = []
    @Option(
        help: ArgumentHelp(
            "Show this client certificate (PEM) to servers that ask for one.", valueName: "file"),
        completion: .file())
    var clientCert: String?
    @Option(
        help: ArgumentHelp(
            "The key of that certificate (PEM). (default: in the same file)", valueName: "file"),
        completion: .file())
    var clientKey: String?
    @Option(help: "How many blobs are fetched at once.")
    var jobs = 8
    @Option(help: "How many of them from one server.")
    var jobsPerHost = 8

    /// `--mirror FROM=TO`, split.
    struct Mirror: ExpressibleByArgument {
        let from: String
        let to: String
        /// Whether it leads the start of URLs, rather than a registry.
        var isOfFiles: Bool { from.contains("://") }

        init?(argument: String) {
            // A URL may itself hold `=` only after its first `=`-free host: the first one parts the two.
            guard let mark = argument.firstIndex(of: "="), mark != argument.startIndex else { return nil }
            from = String(argument[..<mark])
            to = String(argument[argument.index(after: mark)...])
            if to.isEmpty { return nil }
        }
    }

    /// The mirrors of file URLs.
    var fileMirrors: FileMirrors {
        FileMirrors(mirrors.filter(\.isOfFiles).map { FileMirrors.Rule(from: $0.from, to: $0.to) })
    }

    func validate() throws {
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64") }
        guard (1...64).contains(jobsPerHost) else {
            throw ValidationError("--jobs-per-host takes a number from 1 to 64")
        }
        guard clientKey == nil || clientCert != nil else {
            throw ValidationError("--client-key needs the --client-cert that it is of")
        }
    }

    /// The client that these options and the `registries:` of a spec describe, `--mirror` before these; it
    /// tells `events` of waits and retries.
    func client(
        _ registries: [String: [String]], _ events: @escaping @Sendable (TransferEvent) -> Void
    ) throws(Failure) -> RegistryClient {
        var settings = TransferSettings()
        settings.jobs = jobs
        settings.jobsPerHost = jobsPerHost
        settings.moreAuthorities = authorities
        settings.clientCertificate = clientCert
        settings.clientKey = clientKey
        settings.insecureHosts = Set(insecure)
        for mirror in mirrors where !mirror.isOfFiles {
            settings.mirrors[mirror.from, default: []].append(mirror.to)
        }
        for (domain, places) in registries { settings.mirrors[domain, default: []] += places }
        settings.onEvent = events
        return try RegistryClient(settings)
    }
}
