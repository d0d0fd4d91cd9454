// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import OCI

/// Speaks TLS with one client: decrypts what comes in, encrypts what goes out.
///
/// Back-pressure: what is written is encrypted when it is flushed, and its promises are those of the records, so
/// a writer that waits for them waits for the client. While the client takes nothing, nothing of it is read.
/// A client that has not finished its handshake in time, or within ``largestHandshake``, is closed.
final class TLSHandler: ChannelDuplexHandler, TimeLimited {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    /// The most bytes that a client may send before its handshake is done.
    static let largestHandshake = 64 << 10
    /// The longest that a handshake may take.
    static let longestHandshake = TimeAmount.seconds(10)

    private enum State {
        case handshaking, open, closed
    }

    private let tls: TLSContext
    private let queue: HandshakeQueue
    private let watch: ConnectionWatch
    /// Called with the client that got no connection, and why.
    private let refused: (SocketAddress?, String) -> Void
    private var session: TLSSession?
    private var state = State.handshaking
    private var ticket: HandshakeQueue.Ticket?
    private var deadline = NIODeadline.distantFuture
    private var context: ChannelHandlerContext?
    private var handshakeBytes = 0
    private var unflushed: [EventLoopPromise<Void>] = []
    /// A read that waits until the client has taken what was written.
    private var readWaits = false
    /// A read was asked for and has brought nothing yet: records that hold no data do not count.
    private var isHungry = false

    init(
        _ tls: TLSContext, queue: HandshakeQueue, watch: ConnectionWatch,
        refused: @escaping (SocketAddress?, String) -> Void
    ) {
        self.tls = tls
        self.queue = queue
        self.watch = watch
        self.refused = refused
    }

    func channelActive(context: ChannelHandlerContext) {
        ticket = queue.enter(context.channel)
        self.context = context
        deadline = .now() + Self.longestHandshake
        watch.add(self)
        context.fireChannelActive()
    }

    func examine(at now: NIODeadline) {
        guard now >= deadline, let context else { return }
        fail("the handshake took too long", context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        settle()
        state = .closed
        for promise in unflushed { promise.fail(ChannelError.ioOnClosedChannel) }
        unflushed = []
        session = nil
        context.fireChannelInactive()
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if case .closed = state { return }
        guard let session = session ?? tls.session() else {
            return fail("no memory for the connection", context: context)
        }
        self.session = session
        session.receive(bytes)
        if case .handshaking = state {
            handshakeBytes += bytes.readableBytes
            guard proceed(with: session, context) else { return }
        }
        var plain = ByteBuffer()
        let step = session.read(into: &plain)
        if session.hasRecords { send(context) }
        if plain.readableBytes > 0 {
            isHungry = false
            context.fireChannelRead(wrapInboundOut(plain))
        }
        switch step {
        case .done, .incomplete: break
        case .closed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        case .failed(let reason): fail(reason, context: context)
        }
    }

    /// Whether the handshake is done.
    private func proceed(with session: TLSSession, _ context: ChannelHandlerContext) -> Bool {
        let step = session.handshake()
        if session.hasRecords { send(context) }
        switch step {
        case .done:
            state = .open
            settle()
            return true
        case .incomplete where handshakeBytes <= Self.largestHandshake: break
        case .incomplete: fail("the handshake has more than \(Self.largestHandshake) bytes", context: context)
        case .closed: fail("the client closed the connection", context: context)
        case .failed(let reason): fail(reason, context: context)
        }
        return false
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if isHungry { read(context: context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, case .handshaking = state {
            return fail("the client closed the connection", context: context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func read(context: ChannelHandlerContext) {
        isHungry = true
        if context.channel.isWritable { context.read() } else { readWaits = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if readWaits, context.channel.isWritable {
            readWaits = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let bytes) = unwrapOutboundIn(data), case .open = state, let session else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        if case .failed(let reason) = session.write(bytes) {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return fail(reason, context: context)
        }
        if let promise { unflushed.append(promise) }
    }

    func flush(context: ChannelHandlerContext) { send(context) }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, case .open = state else { return context.close(mode: mode, promise: promise) }
        state = .closed
        session?.close()
        send(context)
        // Called while a flush is under way, the alert leaves only after it; a client that takes nothing is not
        // waited for.
        context.eventLoop.assumeIsolated().execute { context.close(mode: mode, promise: promise) }
    }

    /// Hands the records to the socket.
    private func send(_ context: ChannelHandlerContext) {
        let promises = unflushed
        unflushed = []
        guard let session, session.hasRecords else {
            for promise in promises { promise.succeed() }
            return context.flush()
        }
        var written = promises.first
        if promises.count > 1 {
            written = context.eventLoop.makePromise(of: Void.self)
            for promise in promises { written?.futureResult.cascade(to: promise) }
        }
        context.writeAndFlush(wrapOutboundOut(session.takeRecords()), promise: written)
    }

    // MARK: Ends

    private func settle() {
        watch.remove(self)
        context = nil
        if let ticket { queue.leave(ticket) }
        ticket = nil
    }

    private func fail(_ reason: String, context: ChannelHandlerContext) {
        // Programs that only see whether a port is open are not worth a line.
        if case .handshaking = state, handshakeBytes > 0 { refused(context.remoteAddress, reason) }
        settle()
        send(context)
        state = .closed
        context.close(promise: nil)
    }
}

/// The connections whose handshake is under way. There is a bound on their number: a new one beyond it ends the
/// oldest, so slow clients cannot keep others out.
final class HandshakeQueue: Sendable {
    typealias Ticket = Int

    /// The most handshakes at a time.
    let most: Int
    private struct State {
        var channels: [Ticket: any Channel] = [:]
        var oldest = 0
        var next = 0
    }
    private let state = Guarded(State())

    init(most: Int = 512) { self.most = most }

    func enter(_ channel: any Channel) -> Ticket {
        let (ticket, ended) = state.withLock { state -> (Ticket, (any Channel)?) in
            let ticket = state.next
            state.next += 1
            var ended: (any Channel)?
            while state.channels.count >= most, ended == nil, state.oldest < ticket {
                ended = state.channels.removeValue(forKey: state.oldest)
                state.oldest += 1
            }
            state.channels[ticket] = channel
            return (ticket, ended)
        }
        ended?.close(promise: nil)
        return ticket
    }

    func leave(_ ticket: Ticket) { state.withLock { _ = $0.channels.removeValue(forKey: ticket) } }
}
