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
    @OptionGroup var connection: ConnectionOptions
    @Option(
        help: ArgumentHelp(
            "How many of them at one server. (default: as many as in all)", valueName: "n"))
    var jobsPerHost: Int?

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
        guard (1...64).contains(jobsPerHost ?? 1) else {
            throw ValidationError("--jobs-per-host takes a number from 1 to 64")
        }
    }

    /// The client that these options and the `registries:` of a spec describe, `--mirror` before these; it
    /// reports waits and retries to `events`.
    func client(
        _ registries: [String: [String]], events: @escaping @Sendable (TransferEvent) -> Void
    ) throws(Failure) -> RegistryClient {
        var settings = connection.settings(events)
        if let jobsPerHost {
            settings.jobsPerHost = jobsPerHost
            settings.smallMultiple = 1
        }
        for mirror in mirrors where !mirror.isOfFiles {
            settings.mirrors[mirror.from, default: []].append(mirror.to)
        }
        for (domain, places) in registries { settings.mirrors[domain, default: []] += places }
        return try RegistryClient(settings)
    }
}
