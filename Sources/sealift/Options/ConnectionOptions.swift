// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI
internal import Registry

/// The options of every command that talks to servers.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: .customLong("insecure"),
        help: ArgumentHelp(
            "Allow plain HTTP and unverified TLS with this host[:port] only; may be repeated.",
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
    @Option(
        help: ArgumentHelp(
            "How many requests run at once. (default: 8, and 16 while they are for manifests and small blobs)",
            valueName: "n"))
    var jobs: Int?

    func validate() throws {
        guard (1...64).contains(jobs ?? 1) else {
            throw ValidationError("--jobs takes a number from 1 to 64")
        }
        guard clientKey == nil || clientCert != nil else {
            throw ValidationError("--client-key needs the --client-cert that it is of")
        }
    }

    /// What these options say, the environment for the rest; `events` receives all that happens.
    func settings(_ events: @escaping @Sendable (TransferEvent) -> Void) -> TransferSettings {
        var settings = TransferSettings()
        if let jobs { (settings.jobs, settings.jobsPerHost, settings.smallMultiple) = (jobs, jobs, 1) }
        settings.moreAuthorities = authorities
        settings.clientCertificate = clientCert
        settings.clientKey = clientKey
        settings.insecureHosts = Set(insecure)
        settings.onEvent = events
        return settings
    }
}
