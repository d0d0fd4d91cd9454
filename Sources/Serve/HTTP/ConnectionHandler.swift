// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import OCI

/// One client: answers its requests, one after the other. The next one is not read until the client has taken the
/// answer to the last.
///
/// A connection without a whole request for ``ServerSettings/idleLimit``, or whose client takes nothing for
/// ``ServerSettings/stallLimit``, is closed.
final class ConnectionHandler: ChannelInboundHandler, TimeLimited {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Asks a connection to close once its running response, if there is one, has ended.
    struct Finish: Sendable {}

    let site: ServerContext
    let gate: RequestGate
    private let watch: ConnectionWatch
    private(set) var context: ChannelHandlerContext?
    /// The request whose end is awaited.
    private var head: HTTPRequestHead?
    var response: ResponseRecord?
    /// The connection ends after the response under way.
    var closing = false
    /// Bytes of the client are on their way that no one will read.
    var isUnheard = false
    var lastProgress = NIODeadline.now()
    var clock = HTTPDate()

    init(_ site: ServerContext, gate: RequestGate, watch: ConnectionWatch) {
        self.site = site
        self.gate = gate
        self.watch = watch
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        lastProgress = .now()
        watch.add(self)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        watch.remove(self)
        if response != nil { give(up: "the client went away") }
        self.context = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard self.head == nil, response == nil else { return context.close(promise: nil) }
            self.head = head
            hear(head)
        case .body: break
        case .end: begin()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is Finish:
            closing = true
            if response == nil { context.close(promise: nil) }
        case RequestGate.Refusal.headTooLarge:
            refuse(
                .error(
                    .requestHeaderFieldsTooLarge, code: "UNSUPPORTED",
                    message: "the request has more than \(RequestGate.largestHead) bytes of headers"))
        case RequestGate.Refusal.budgetUsedUp: refuse(Self.busy)
        case RequestGate.Refusal.notHTTP: refuse(Self.malformed)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.close(promise: nil) }
        refuse(Self.malformed)
    }

    private static let malformed = Response.error(
        .badRequest, code: "UNSUPPORTED", message: "the request is not well formed HTTP/1.1")

    // MARK: Requests

    /// Decides what becomes of the request's body. It has no use here: a short one is read and dropped, a long one
    /// is not, and the connection ends after the answer. A client that waits for `100 Continue` gets the answer.
    private func hear(_ head: HTTPRequestHead) {
        let length = head.headers.first(name: "Content-Length").map { Int64($0) ?? .max } ?? 0
        // A parser that has seen an upgrade hears nothing more.
        if head.headers.contains(name: "Upgrade") || head.method == .CONNECT { closing = true }
        let isExpecting = head.headers.contains(name: "Expect") && length > 0
        if length > RequestGate.mostDropped || head.headers.contains(name: "Transfer-Encoding") || isExpecting
        {
            isUnheard = true
            begin()
        } else if length > 0 {
            gate.passBody(Int(length))
        }
    }

    private func begin() {
        guard let head, response == nil, let context else { return }
        self.head = nil
        lastProgress = .now()
        response = ResponseRecord(to: head, at: lastProgress)
        if !head.isKeepAlive { closing = true }
        guard let users = site.settings.users, head.uri != "/healthz" else { return route(head) }
        let login = PasswordQueue.Login(
            header: head.headers.first(name: "Authorization"),
            address: context.remoteAddress?.ipAddress ?? "-")
        site.passwords.admits(login, users: users, on: context.eventLoop).assumeIsolated().whenSuccess {
            outcome in
            guard self.response != nil else { return }
            switch outcome {
            case .admitted(let user):
                self.response?.user = user
                self.route(head)
            case .refused: self.send(Self.unauthorized, head: head)
            case .tooMany:
                self.isUnheard = true
                self.send(Self.tooMany, head: head)
            }
        }
    }

    private func route(_ head: HTTPRequestHead) {
        let answer = site.router.answer(head)
        guard case .content(let digest, let range) = answer.body, !range.isEmpty else {
            return send(answer, head: head)
        }
        do throws(Failure) {
            let copy = try site.copy(of: digest)
            if head.method == .HEAD { return send(answer, head: head) }
            if Catalog.size(copy.regions) > ServerContext.small {
                return deliver(answer, head: head, digest: digest, range: range, copy: copy)
            }
            if charge(Int(range.upperBound - range.lowerBound)) {
                readThenSend(answer, head: head, digest: digest, range: range)
            } else if site.encrypted {
                send(Self.busy, head: head)
            } else {
                deliver(answer, head: head, digest: digest, range: range, copy: copy)
            }
        } catch { send(Self.damaged, head: head) }
    }

    private func readThenSend(
        _ answer: Response, head: HTTPRequestHead, digest: Digest, range: Range<Int64>
    ) {
        guard let context else { return }
        let site = self.site
        site.readers.runIfActive(eventLoop: context.eventLoop) { try site.read(digest, range: range) }
            .assumeIsolated().whenComplete { result in
                guard self.response != nil else { return }
                switch result {
                case .success(let bytes):
                    var answer = answer
                    answer.body = .shared(bytes)
                    self.send(answer, head: head)
                case .failure: self.send(Self.damaged, head: head)
                }
            }
    }

    /// Answers what is no request, as the last that this connection hears.
    private func refuse(_ answer: Response) {
        guard response == nil else {
            closing = true
            return
        }
        head = nil
        isUnheard = true
        lastProgress = .now()
        response = ResponseRecord(to: nil, at: lastProgress)
        send(answer, head: nil)
    }

    // MARK: Slow clients

    func examine(at now: NIODeadline) {
        guard let context else { return }
        if response?.waiting == true { lastProgress = now }
        let limit = response == nil ? site.settings.idleLimit : site.settings.stallLimit
        if now - lastProgress < TimeAmount(limit) { return }
        if response != nil { give(up: "the client takes nothing") }
        context.close(promise: nil)
    }
}
