// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
package import OCI

/// A running server of a catalog: the pull side of the OCI distribution API, the files, and a page for
/// people.
package final class Server: Sendable {
    /// The port it listens on.
    package let port: Int

    private let listener: any Channel
    private let parts: Parts
    private let connections: Connections

    /// Listens, and answers from then on.
    /// - Parameters:
    ///   - catalog: what is served.
    ///   - settings: where it listens, and its limits.
    ///   - log: given every response and every damaged blob, on any thread; it does not block.
    /// - Throws: a `Failure` of kind `busy` when the port is taken, `denied` when it may not be used,
    ///   `configuration` when certificate and key do not fit.
    package static func start(
        _ catalog: Catalog, settings: ServerSettings = ServerSettings(),
        log: @escaping @Sendable (ServerEvent) -> Void = { _ in }
    ) async throws(Failure) -> Server {
        raiseFileLimit()
        let security = try settings.tls.map { (identity) throws(Failure) in try identity.context() }
        let parts = Parts(settings: settings, log: log)
        let site = ServerContext(
            catalog, settings: settings, verifier: parts.verifier, readers: parts.readers,
            passwords: parts.passwords, log: log)
        let connections = Connections(on: parts.group, settings: settings)
        do {
            let bootstrap = ServerBootstrap(group: parts.acceptor, childGroup: parts.group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Self.set(up: channel, site: site, security: security, connections: connections)
                    }
                }
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(
                    .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: RequestGate.largestHead)
                )
            let listening =
                settings.socket.map { bootstrap.withBoundSocket($0) }
                ?? bootstrap.bind(host: settings.address.host, port: settings.address.port)
            let listener = try await listening.get()
            return Server(listener, parts: parts, connections: connections)
        } catch {
            await parts.shutDown()
            throw Self.explain(error, address: "\(settings.address)")
        }
    }

    private struct Parts: Sendable {
        let group: MultiThreadedEventLoopGroup
        /// Accepts and serves nothing: a new client waits for no other's handshake or answer.
        let acceptor = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let readers: NIOThreadPool
        let hashers: NIOThreadPool
        let verifier: BlobVerifier
        let passwords = PasswordQueue()

        init(settings: ServerSettings, log: @escaping @Sendable (ServerEvent) -> Void) {
            group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings.threads))
            readers = NIOThreadPool(numberOfThreads: max(2, settings.threads))
            hashers = NIOThreadPool(numberOfThreads: max(1, settings.threads))
            readers.start()
            hashers.start()
            verifier = BlobVerifier(pool: hashers) { log(.damaged($0, $1)) }
        }

        func shutDown() async {
            verifier.stop()
            passwords.stop()
            try? await acceptor.shutdownGracefully()
            try? await group.shutdownGracefully()
            try? await hashers.shutdownGracefully()
            try? await readers.shutdownGracefully()
        }
    }

    private init(_ listener: any Channel, parts: Parts, connections: Connections) {
        self.listener = listener
        self.parts = parts
        self.connections = connections
        port = listener.localAddress?.port ?? 0
    }

    /// Accepts no new connection, lets running responses end for at most `grace`, then cuts them off. After
    /// return nothing of the server runs. Call it once.
    package func stop(within grace: Duration = .seconds(10)) async {
        try? await listener.close()
        connections.finish()
        let deadline = ContinuousClock.now + grace
        while !connections.isEmpty, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        await parts.shutDown()
    }

    private static func set(
        up channel: any Channel, site: ServerContext, security: TLSContext?, connections: Connections
    ) throws {
        guard let watch = connections.watch(of: channel.eventLoop), connections.add(channel) else {
            return channel.close(promise: nil)
        }
        let pipeline = channel.pipeline.syncOperations
        if let security {
            try pipeline.addHandler(
                TLSHandler(security, queue: connections.handshakes, watch: watch) { client, reason in
                    site.log(.refused(client: client?.ipAddress ?? "-", reason: reason))
                })
        }
        let gate = RequestGate(site.requests)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = RequestGate.largestHead
        limits.maxHeaderListSize = RequestGate.largestHead
        limits.maxHeaderFieldCount = 100
        let parser = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        try pipeline.addHandlers([
            gate, HTTPResponseEncoder(), ByteToMessageHandler(parser), NIOHTTPResponseHeadersValidator(),
            ConnectionHandler(site, gate: gate, watch: watch),
        ])
    }

    /// A connection needs a descriptor, and a download one more a file.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(7), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(7), &limit)
    }

    private static func explain(_ error: any Error, address: String) -> Failure {
        guard let code = (error as? IOError)?.errnoCode else {
            let isName = error is SocketAddressError.UnknownHost
            return Failure(
                .configuration, "listen on", address,
                because: isName ? "this name has no address" : "\(error)",
                remedy: "choose an address of this host, or 0.0.0.0 for all of them")
        }
        var failure = Failure.system("listen on", artifact: address, code: code)
        switch code {
        case EADDRINUSE:
            failure.kind = .busy
            failure.remedy = "stop the process that listens there, or choose another port with --listen"
        case EADDRNOTAVAIL: failure.kind = .configuration
        case EACCES: failure.remedy = "choose a port from 1024 on with --listen"
        default: break
        }
        return failure
    }
}

/// The open connections of a server.
final class Connections: Sendable {
    private struct State: Sendable {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var finishing = false
    }
    private let state = Guarded(State())
    let handshakes = HandshakeQueue()
    private let watches: [ObjectIdentifier: NIOLoopBoundBox<ConnectionWatch>]

    /// The most connections at a time: what comes beyond is closed at once.
    static let most = 16384

    init(on group: MultiThreadedEventLoopGroup, settings: ServerSettings) {
        let shortest = min(
            TLSHandler.longestHandshake, TimeAmount(settings.idleLimit), TimeAmount(settings.stallLimit))
        let watches = group.makeIterator().map { loop in
            let watch = ConnectionWatch(on: loop, shortest: shortest)
            return (ObjectIdentifier(loop), NIOLoopBoundBox.makeBoxSendingValue(watch, eventLoop: loop))
        }
        self.watches = Dictionary(uniqueKeysWithValues: watches)
    }

    /// What ends the slow connections of `loop`, on which it is called; `nil` where it is none of the group's.
    func watch(of loop: any EventLoop) -> ConnectionWatch? { watches[ObjectIdentifier(loop)]?.value }

    var isEmpty: Bool { state.withLock { $0.channels.isEmpty } }

    /// Takes in a connection until it closes; `false` when it has to be closed now.
    func add(_ channel: any Channel) -> Bool {
        let key = ObjectIdentifier(channel)
        let taken = state.withLock { state in
            guard state.channels.count < Self.most, !state.finishing else { return false }
            state.channels[key] = channel
            return true
        }
        if taken {
            channel.closeFuture.whenComplete { _ in
                self.state.withLock { _ = $0.channels.removeValue(forKey: key) }
            }
        }
        return taken
    }

    /// Asks all of them to close once they have answered.
    func finish() {
        let channels = state.withLock { state in
            state.finishing = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ConnectionHandler.Finish()) }
    }
}
