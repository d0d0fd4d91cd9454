// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import FoundationEssentials
internal import OCI
internal import Serve

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve bundles as a registry, without unpacking them.",
        discussion: """
            Read-only. Images answer to their name with and without its domain, files at /files/NAME; / shows a \
            person what is there. Several bundles are laid over each other, the first on top. Ctrl-C ends it.

            EXAMPLES:
              sealift serve k8s.sealift --listen 0.0.0.0:5000
              sealift serve k8s.sealift --tls-self-signed sea.hub --listen 0.0.0.0:5000
              sealift serve k8s.sealift --listen 10.0.0.5:5000 --print-config containerd
            """)

    @Argument(help: "The bundles, or the first volume of each.", completion: .file())
    var bundles: [String]
    @OptionGroup var keys: KeyOptions
    @Option(help: ArgumentHelp("Where to listen.", valueName: "host:port"))
    var listen = "127.0.0.1:5000"
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Speak TLS with this certificate and key (PEM).", valueName: "cert key"),
        completion: .file())
    var tls: [String] = []
    @Option(
        help: ArgumentHelp(
            "Speak TLS with a certificate made now for this name, localhost and the address; it is written to NAME.crt here, for the clients.",
            valueName: "name"))
    var tlsSelfSigned: String?
    @Option(
        help: ArgumentHelp("Ask for a name and password of this file (bcrypt).", valueName: "file"),
        completion: .file())
    var htpasswd: String?
    @Option(
        help: ArgumentHelp(
            "Print the settings for docker, containerd, k3s, podman or sealer, and end.", valueName: "client"),
        completion: .list(ClientConfiguration.Client.allCases.map(\.rawValue)))
    var printConfig: String?
    @Flag(help: "Print as JSON where it listens and what it serves, once clients can connect.")
    var json = false
    @OptionGroup var words: OutputOptions

    func validate() throws {
        guard bundles.count > 0 else { throw ValidationError("name at least one bundle") }
        guard tls.isEmpty || tls.count == 2 else {
            throw ValidationError("--tls takes a certificate and a key")
        }
        guard tls.isEmpty || tlsSelfSigned == nil else {
            throw ValidationError("--tls and --tls-self-signed exclude each other")
        }
        if let printConfig, ClientConfiguration.Client(rawValue: printConfig) == nil {
            let known = ClientConfiguration.Client.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--print-config takes one of \(known)")
        }
        guard printConfig == nil || !json else {
            throw ValidationError("--print-config and --json exclude each other")
        }
        do { _ = try ListenAddress(listen) } catch {
            throw ValidationError("--listen '\(listen)': \(error.reason); \(error.remedy)")
        }
    }

    func run() async throws {
        let opened = try await open()
        if let client = printConfig.flatMap(ClientConfiguration.Client.init) {
            return try showSettings(for: client, of: opened)
        }
        let identity = try identity()
        var settings = try serverSettings(identity, registry: opened[0].facts.registry)
        settings.bundles = opened.map(\.facts)
        let catalog = try await onThread { () throws(Failure) in
            let catalog = try Catalog(opened)
            giveBackFreeMemory()
            return catalog
        }
        let log = try LogWriter()
        for line in Self.notes(on: catalog) { log.add(line) }
        let server = try await Server.start(catalog, settings: settings) { log.add("\($0)") }
        do { try publish(identity, log: log) } catch {
            await server.stop(within: .zero)
            throw error
        }
        let here = ListenAddress(host: settings.address.host, port: server.port)
        let url = "\(settings.tls == nil ? "http" : "https")://\(here)/"
        log.add("serving \(opened.map(\.path).joined(separator: ", ")) at \(url)")
        if json {
            try Console.printJSON(
                Ready(
                    url: url, bundles: opened.map { .init($0) },
                    certificate: tlsSelfSigned.map { "\($0).crt" }, missing: catalog.missing.count),
                schema: "serve/1")
        }
        await SignalHandling.wait()
        log.add("stopping: running downloads have 10 s to finish; a second signal ends them now")
        await server.stop(within: .seconds(10))
        await log.drain(within: .seconds(1))
    }

    private func open() async throws(Failure) -> [BundleShelf] {
        try await onThread { () throws(Failure) in
            let trust = try keys.trust()
            var opened: [BundleShelf] = []
            for path in bundles {
                opened.append(BundleShelf(bundle: try Bundle(opening: path, trusting: trust)))
                // What opening has read is gone: the next bundle, and then the clients, get its memory.
                giveBackFreeMemory()
            }
            return opened
        }
    }

    /// What `--json` prints.
    private struct Ready: Encodable {
        struct Served: Encodable {
            let path: String
            let digest: Digest
            /// Who vouches for it, in words.
            let signature: String

            init(_ shelf: BundleShelf) {
                (path, digest, signature) = (shelf.path, shelf.facts.identity, shelf.facts.signature)
            }
        }
        let url: String
        /// The first on top.
        let bundles: [Served]
        /// The file for the clients, of --tls-self-signed.
        let certificate: String?
        /// How many blobs are in none of the bundles.
        let missing: Int
    }

    private func serverSettings(
        _ identity: TLSIdentity?, registry: String
    ) throws(Failure) -> ServerSettings {
        var settings = ServerSettings(
            address: try ListenAddress(listen), aliases: [registry, listen, try reachable])
        settings.tls = identity
        settings.users = try htpasswd.map { (path) throws(Failure) in try Htpasswd(path: path) }
        return settings
    }

    /// What an operator should know of what is served.
    private static func notes(on catalog: Catalog) -> [String] {
        var notes: [String] = []
        if let first = catalog.missing.first {
            notes.append(
                "\(catalog.missing.count) blobs are in none of the bundles, the first is \(first): name the bundle that has them as well"
            )
        }
        for shared in catalog.shared {
            let others = shared.domains.dropFirst().map { "\($0)/\(shared.name)" }.joined(separator: ", ")
            notes.append(
                "\(shared.name) means \(shared.domains[0])/\(shared.name); ask for \(others) by the full name"
            )
        }
        return notes
    }

    private func identity() throws(Failure) -> TLSIdentity? {
        if tls.count == 2 { return try TLSIdentity(certificatePath: tls[0], keyPath: tls[1]) }
        guard let name = tlsSelfSigned else { return nil }
        let address = try ListenAddress(listen)
        return try TLSIdentity(selfSignedFor: name, also: address.isEverywhere ? [] : [address.host])
    }

    /// Writes the certificate that was made for this start. The socket is bound then, so no other server that listens
    /// at this address loses its certificate.
    private func publish(_ identity: TLSIdentity?, log: LogWriter) throws(Failure) {
        guard let name = tlsSelfSigned, let identity else { return }
        try AtomicWrite.write(Array(identity.certificate.utf8), to: "\(name).crt")
        log.add("the certificate for the clients is \(name).crt; a new one is made at each start")
    }

    // MARK: settings of clients

    /// How clients reach the server: by the name of its certificate, else by where it listens, and by the
    /// host's name where that is everywhere.
    private var reachable: String {
        get throws(Failure) {
            let address = try ListenAddress(listen)
            if let tlsSelfSigned { return "\(ListenAddress(host: tlsSelfSigned, port: address.port))" }
            if !address.isEverywhere { return "\(address)" }
            return "\(ListenAddress(host: ProcessInfo.processInfo.hostName, port: address.port))"
        }
    }

    private func showSettings(for client: ClientConfiguration.Client, of bundles: [BundleShelf])
        throws(Failure)
    {
        let settings = ClientConfiguration(
            address: try reachable, tls: !tls.isEmpty || tlsSelfSigned != nil,
            certificatePath: tlsSelfSigned.map { "/etc/sealift/\($0).crt" },
            domains: Set(bundles.flatMap { $0.images.map(\.reference.domain) }).sorted(),
            registry: bundles[0].facts.registry)
        for line in settings.advice(for: client) { Console.say(line) }
        Console.printText(settings.text(for: client))
    }
}
