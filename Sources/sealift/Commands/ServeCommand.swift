// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import FoundationEssentials
internal import OCI
internal import Serve

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve bundles as a registry, straight from where they lie.",
        discussion: """
            Read-only. Images answer to their name with and without its domain, files at /files/NAME; / shows a \
            person what is there. Several bundles are laid over each other, the first on top. Ctrl-C ends it.
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
            "Print the settings for docker, containerd, k3s or sealer, and end.", valueName: "client"))
    var printConfig: String?

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
        guard address != nil else { throw ValidationError("--listen takes HOST:PORT, like 127.0.0.1:5000") }
    }

    private var address: (host: String, port: Int)? {
        guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...])
        else {
            return nil
        }
        return (String(listen[..<colon]), Int(port))
    }

    func run() async throws {
        let opened = try await onThread { () throws(Failure) in
            let trust = try keys.trust()
            var opened: [Bundle] = []
            for path in bundles { opened.append(try Bundle(opening: path, trusting: trust)) }
            return opened
        }
        if let client = printConfig.flatMap(ClientConfiguration.Client.init) {
            return showSettings(for: client, of: opened)
        }
        let registry = opened[0].spec.registry
        let (host, port) = address ?? ("127.0.0.1", 5000)
        var settings = ServerSettings(host: host, port: port, aliases: [registry, listen, reachable])
        settings.tls = try identity(host)
        settings.users = try htpasswd.map { (path) throws(Failure) in try Htpasswd(path: path) }
        let catalog = try Catalog(opened.map(BundleShelf.init))
        if let first = catalog.missing.first {
            Console.say(
                "\(catalog.missing.count) blobs are in none of the bundles, the first is \(first): name the bundle that has them as well"
            )
        }
        for shared in catalog.shared {
            let others = shared.domains.dropFirst().map { "\($0)/\(shared.name)" }.joined(separator: ", ")
            Console.say(
                "\(shared.name) means \(shared.domains[0])/\(shared.name); ask for \(others) by the full name"
            )
        }
        let server = try await Server.start(catalog, settings) { Console.say("\($0)") }
        let scheme = settings.tls == nil ? "http" : "https"
        Console.say(
            "serving \(opened.map(\.path).joined(separator: ", ")) at \(scheme)://\(host):\(server.port)/")
        await Interruption.wait()
        Console.say("stopping: downloads may go on for 10 s; a second signal ends them now")
        await server.stop(within: .seconds(10))
    }

    private func identity(_ host: String) throws(Failure) -> TLSIdentity? {
        if tls.count == 2 { return try TLSIdentity(certificatePath: tls[0], keyPath: tls[1]) }
        guard let name = tlsSelfSigned else { return nil }
        let identity = try TLSIdentity(selfSignedFor: name, also: isEverywhere ? [] : [host])
        try Durable.write(Array(identity.certificate.utf8), to: "\(name).crt")
        Console.say("the certificate for the clients is \(name).crt; a new one is made at each start")
        return identity
    }

    // MARK: settings of clients

    private var isEverywhere: Bool { ["0.0.0.0", "::", "[::]", ""].contains(address?.host ?? "") }

    /// How clients reach the server: by the name of its certificate, else by where it listens, and by the
    /// host's name where that is everywhere.
    private var reachable: String {
        guard let (_, port) = address else { return listen }
        if let tlsSelfSigned { return "\(tlsSelfSigned):\(port)" }
        return isEverywhere ? "\(ProcessInfo.processInfo.hostName):\(port)" : listen
    }

    private func showSettings(for client: ClientConfiguration.Client, of bundles: [Bundle]) {
        let settings = ClientConfiguration(
            address: reachable, tls: !tls.isEmpty || tlsSelfSigned != nil,
            certificatePath: tlsSelfSigned.map { "/etc/sealift/\($0).crt" },
            domains: Set(bundles.flatMap { $0.images.map(\.reference.domain) }).sorted(),
            registry: bundles[0].spec.registry)
        for line in settings.advice(for: client) { Console.say(line) }
        Console.printText(settings.text(for: client))
    }
}
