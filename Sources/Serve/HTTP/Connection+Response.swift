// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// How an answer leaves: as fast as the client takes it, and no faster.
extension ConnectionHandler {
    static let damaged = Response.error(
        .internalServerError, code: "BLOB_UNKNOWN",
        message: "the blob is damaged in the bundle: see the server's log")
    static let unauthorized = Response.error(
        .unauthorized, code: "UNAUTHORIZED", message: "this registry asks for a user name and a password",
        headers: ["WWW-Authenticate": "Basic realm=\"sealift\""])
    static let tooMany = Response.error(
        .tooManyRequests, code: "TOOMANYREQUESTS",
        message: "too many passwords are waiting to be checked; try again in a second",
        headers: ["Retry-After": "1"])
    static let busy = Response.error(
        .serviceUnavailable, code: "UNAVAILABLE",
        message: "too many clients are being answered; try again in a second",
        headers: ["Retry-After": "1"])

    /// How long a client that has been refused may keep sending before its connection is closed.
    private static let linger = TimeAmount.seconds(2)
    /// The largest part of a body that is handed to the socket as one, in bytes: what a client has to take within
    /// ``ServerSettings/stallLimit``.
    private static let part = 64 << 10
    /// Bodies up to this size, in bytes, are not charged to ``ServerContext/answers``.
    private static let uncharged = 4 << 10

    /// Takes `count` bytes of the budget for answers; they are given back at the response's end.
    func charge(_ count: Int) -> Bool {
        if count <= Self.uncharged { return true }
        guard site.answers.take(count) else { return false }
        response?.charged += count
        return true
    }

    /// Sends an answer whose body is in memory, or the head only of one whose body is not.
    func send(_ answer: Response, head: HTTPRequestHead?) {
        if case .bytes(let bytes) = answer.body, head?.method != .HEAD, !charge(bytes.readableBytes) {
            return send(Self.busy, head: head)
        }
        guard let context else { return }
        var body = ByteBuffer()
        switch answer.body {
        case .bytes(let bytes) where head?.method != .HEAD: body = bytes
        case .shared(let bytes) where head?.method != .HEAD: body = bytes
        default: break
        }
        response?.waiting = false
        let written = context.eventLoop.makePromise(of: Void.self)
        writeHead(answer, request: head, promise: body.readableBytes == 0 ? written : nil)
        while let part = body.readSlice(length: min(Self.part, body.readableBytes)), part.readableBytes > 0 {
            let taken = body.readableBytes == 0 ? written : context.eventLoop.makePromise(of: Void.self)
            let count = Int64(part.readableBytes)
            taken.futureResult.assumeIsolated().whenSuccess {
                self.response?.sent += count
                self.lastProgress = .now()
            }
            context.write(wrapOutboundOut(.body(.byteBuffer(part))), promise: taken)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        written.futureResult.assumeIsolated().whenSuccess { self.finish() }
        context.flush()
    }

    /// Sends a part of a blob as it is verified.
    func deliver(
        _ answer: Response, head: HTTPRequestHead, digest: Digest, range: Range<Int64>,
        copy: (index: Int, regions: [Region])
    ) {
        guard let context else { return }
        writeHead(answer, request: head, promise: nil)
        let outlet = BlobSender.Outlet(loop: context.eventLoop) {
            [weak self, loop = context.eventLoop] data in
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
            guard let self, let context = self.context else { return }
            if let failure {
                self.give(up: failure.reason)
                context.close(promise: nil)
            } else {
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
                self.finish()
            }
        }
        let delivery = BlobSender(
            digest, range: range, copy: copy.index, regions: copy.regions, site: site, outlet: outlet)
        response?.delivery = delivery
        response?.waiting = false
        delivery.start()
    }

    private func writeHead(_ answer: Response, request: HTTPRequestHead?, promise: EventLoopPromise<Void>?) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        response?.status = Int(answer.status.code)
        var headers = answer.headers
        headers.add(name: "Date", value: clock.text())
        headers.add(name: "Docker-Distribution-Api-Version", value: "registry/2.0")
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if answer.status != .notModified { headers.add(name: "Content-Length", value: String(answer.length)) }
        if closing || isUnheard {
            headers.add(name: "Connection", value: "close")
        } else if request?.version == .http1_0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    /// The client has taken the whole answer.
    private func finish() {
        guard let context, response != nil else { return }
        end(cut: nil)
        lastProgress = .now()
        if isUnheard {
            // Closing at once would reset the connection, and the client could lose the answer.
            gate.stop()
            context.close(mode: .output, promise: nil)
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) { [weak self] in
                self?.context?.close(promise: nil)
            }
        } else if closing {
            context.close(promise: nil)
        } else {
            gate.next()
        }
    }

    /// Ends the response before its end.
    func give(up reason: String) {
        response?.delivery?.abandon()
        end(cut: reason)
    }

    private func end(cut: String?) {
        guard let ended = response else { return }
        response = nil
        if ended.charged > 0 { site.answers.give(ended.charged) }
        site.log(.access(ended.access(from: context?.remoteAddress?.ipAddress, cut: cut)))
    }
}
