// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import OCI

/// One client: reads its requests, one after the other, and answers them.
///
/// A connection without a whole request for ``ServerSettings/idleLimit``, or whose client takes nothing for
/// ``ServerSettings/stallLimit``, is closed.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Asks a connection to close once its running response, if there is one, has ended.
    struct Finish: Sendable {}

    private let site: Site
    private var context: ChannelHandlerContext?
    /// The request whose end is awaited.
    private var head: HTTPRequestHead?
    private var response: Response?
    private var closing = false
    private var lastProgress = NIODeadline.now()
    private var clock = DateClock()

    /// The response under way.
    private struct Response {
        let head: HTTPRequestHead
        let start: NIODeadline
        let time = Glibc.time(nil)
        var user: String?
        var status = 0
        var sent: Int64 = 0
        /// Whether this side, and not the client, is waited for.
        var waiting = true
        var delivery: Delivery?
    }

    init(_ site: Site) { self.site = site }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        lastProgress = .now()
        arm()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let delivery = response?.delivery {
            delivery.abandon()
            record(cut: "the client went away")
        }
        response = nil
        self.context = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            // No client needs to send a body to a reader of bundles: one that does is not read to the end.
            let length = head.headers.first(name: "Content-Length").map { Int64($0) ?? .max } ?? 0
            if length > 1 << 20 || head.headers.contains(name: "Transfer-Encoding") {
                closing = true
                begin()
            }
        case .body: break
        case .end: begin()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is Finish else { return context.fireUserInboundEventTriggered(event) }
        closing = true
        if response == nil { context.close(promise: nil) }
    }

    /// What the parser refuses has been answered with 400 already; everything else only ends the connection.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Answering

    private func begin() {
        guard let head, response == nil, let context else { return }
        self.head = nil
        lastProgress = .now()
        response = Response(head: head, start: lastProgress)
        if !head.isKeepAlive { closing = true }
        guard let users = site.settings.users, head.uri != "/healthz" else { return route(head) }
        users.admits(head.headers.first(name: "Authorization"), site.readers, on: context.eventLoop)
            .assumeIsolated().whenSuccess { user in
                self.response?.user = user
                if user != nil { return self.route(head) }
                var answer = Answer.error(
                    .unauthorized, "UNAUTHORIZED", "a user of this registry is asked for")
                answer.headers.add(name: "WWW-Authenticate", value: "Basic realm=\"sealift\"")
                self.send(answer, head)
            }
    }

    private func route(_ head: HTTPRequestHead) {
        let answer = site.router.answer(head)
        guard case .content(let digest, let range) = answer.body, !range.isEmpty else {
            return send(answer, head)
        }
        do throws(Failure) {
            let copy = try site.copy(of: digest)
            if head.method == .HEAD { return send(answer, head) }
            if Catalog.size(copy.regions) <= Site.small { return readThenSend(answer, head, digest, range) }
            deliver(answer, head, digest, range, copy)
        } catch { send(Self.damaged, head) }
    }

    private static let damaged = Answer.error(
        .internalServerError, "BLOB_UNKNOWN", "the blob is damaged in the bundle: see the server's log")

    private func readThenSend(
        _ answer: Answer, _ head: HTTPRequestHead, _ digest: Digest, _ range: Range<Int64>
    ) {
        guard let context else { return }
        let site = self.site
        site.readers.runIfActive(eventLoop: context.eventLoop) { try site.read(digest, range) }
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let bytes):
                    var answer = answer
                    answer.body = .bytes(bytes)
                    self.send(answer, head)
                case .failure: self.send(Self.damaged, head)
                }
            }
    }

    private func deliver(
        _ answer: Answer, _ head: HTTPRequestHead, _ digest: Digest, _ range: Range<Int64>,
        _ copy: (index: Int, regions: [Region])
    ) {
        guard let context else { return }
        writeHead(answer, head)
        let outlet = Delivery.Outlet(loop: context.eventLoop) { [weak self, loop = context.eventLoop] data in
            guard let self, let context = self.context else {
                return loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
            }
            let promise = loop.makePromise(of: Void.self)
            context.writeAndFlush(self.wrapOutboundOut(.body(data)), promise: promise)
            return promise.futureResult
        } progress: { [weak self] sent, waiting in
            self?.response?.sent += sent
            self?.response?.waiting = waiting
            self?.lastProgress = .now()
        } done: { [weak self] failure in
            guard let self, self.context != nil else { return }
            if let failure {
                self.record(cut: failure.reason)
                self.response = nil
                self.context?.close(promise: nil)
            } else {
                self.finish()
            }
        }
        let delivery = Delivery(digest, range, copy: copy.index, copy.regions, site: site, outlet: outlet)
        response?.delivery = delivery
        response?.waiting = false
        delivery.start()
    }

    /// Sends an answer whose body is in memory, or the head alone of one that is not.
    private func send(_ answer: Answer, _ head: HTTPRequestHead) {
        guard let context else { return }
        writeHead(answer, head)
        response?.waiting = false
        if case .bytes(let bytes) = answer.body, head.method != .HEAD, bytes.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
            response?.sent = Int64(bytes.readableBytes)
        }
        finish()
    }

    private func writeHead(_ answer: Answer, _ request: HTTPRequestHead) {
        guard let context else { return }
        response?.status = Int(answer.status.code)
        var headers = answer.headers
        headers.add(name: "Date", value: clock.text())
        headers.add(name: "Docker-Distribution-Api-Version", value: "registry/2.0")
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if answer.status != .notModified { headers.add(name: "Content-Length", value: String(answer.length)) }
        if closing {
            headers.add(name: "Connection", value: "close")
        } else if request.version == .http1_0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func finish() {
        guard let context else { return }
        record(cut: nil)
        response = nil
        lastProgress = .now()
        let promise = closing ? context.eventLoop.makePromise(of: Void.self) : nil
        promise?.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    private func record(cut: String?) {
        guard let response else { return }
        let elapsed = NIODeadline.now() - response.start
        site.log(
            .access(
                .init(
                    time: response.time, client: context?.remoteAddress?.ipAddress ?? "-",
                    user: response.user, method: response.head.method.rawValue, target: response.head.uri,
                    version: "\(response.head.version)",
                    referer: response.head.headers.first(name: "Referer"),
                    agent: response.head.headers.first(name: "User-Agent"), status: response.status,
                    sent: response.sent, duration: .nanoseconds(elapsed.nanoseconds), cut: cut)))
    }

    // MARK: Slow clients

    private func arm() {
        guard let context else { return }
        let period = min(site.settings.idleLimit, site.settings.stallLimit)
        context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(period)) { [weak self] in
            self?.examine()
        }
    }

    private func examine() {
        guard let context else { return }
        if response?.waiting == true { lastProgress = .now() }
        let limit = response == nil ? site.settings.idleLimit : site.settings.stallLimit
        if NIODeadline.now() - lastProgress < TimeAmount(limit) { return arm() }
        if response != nil { record(cut: "the client takes nothing") }
        response?.delivery?.abandon()
        response = nil
        context.close(promise: nil)
    }
}
