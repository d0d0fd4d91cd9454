// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Lets one request at a time through to the parser, and keeps what a client may send meanwhile within bounds.
///
/// A head is handed on when all of it is there, so no parser holds half of one. While a request is answered nothing is
/// read from the socket: the client's further requests wait in the kernel. What has been read already is held here,
/// at most ``largestHead`` bytes a connection, and charged to a budget that all connections share; a head that
/// arrives in one piece needs none of it.
///
/// In front of the parser in the pipeline; the channel must not read by itself.
final class RequestGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Why no further request is heard. An event for ``ConnectionHandler``, which answers it.
    enum Refusal: Sendable {
        /// A head of more than ``RequestGate/largestHead`` bytes.
        case headTooLarge
        /// The connections together hold too much.
        case budgetUsedUp
        /// What came begins no request: a TLS handshake, for one, by which clients find out whether a server speaks TLS.
        case notHTTP
    }

    /// The most bytes of a request line and its headers.
    static let largestHead = 16 << 10
    /// The most bytes that are read and dropped after the last answer of a connection.
    static let mostDropped = 1 << 20

    private enum State: Equatable {
        /// The head of the next request is awaited.
        case gathering
        /// This many bytes of the request's body are still to come.
        case body(Int)
        case answering
        /// No further request is heard; what comes is dropped.
        case deaf(dropped: Int)
    }

    private let budget: MemoryBudget
    private var state = State.gathering
    private var held = ByteBuffer()
    private var charged = 0
    /// How much of `held` is known to hold no end of a head.
    private var searched = 0
    private var inputClosed = false
    /// Bytes had to be dropped: what follows the answer under way is no request.
    private var isBroken = false
    private var isPumping = false
    private var context: ChannelHandlerContext?

    init(_ budget: MemoryBudget) { self.budget = budget }

    // MARK: For the connection

    /// Passes `count` bytes of the request's body on, which the head announced.
    func passBody(_ count: Int) { state = .body(count) }

    /// The request has been answered: lets the next one through.
    func next() {
        guard state == .answering, let context else { return }
        if isBroken { return context.close(promise: nil) }
        state = .gathering
        pump()
        wantMore()
    }

    /// Hears no further request. Whatever still comes is dropped, so that the last answer arrives.
    func stop() {
        if case .deaf = state { return }
        state = .deaf(dropped: 0)
        keep()
        wantMore()
    }

    // MARK: For the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        held = ByteBuffer()
        keep()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if case .deaf(let dropped) = state {
            state = .deaf(dropped: dropped + bytes.readableBytes)
            if dropped > Self.mostDropped { context.close(promise: nil) }
            return
        }
        if held.readableBytes == 0 { held = bytes } else { held.writeBuffer(&bytes) }
        pump()
        keep()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        wantMore()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        // A client may end its side once it has asked, and still wait for the answer.
        inputClosed = true
        wantMore()
    }

    // MARK: One at a time

    /// Reads on where bytes of the client are awaited; closes where none can come.
    private func wantMore() {
        guard let context, state != .answering else { return }
        if inputClosed { context.close(promise: nil) } else { context.read() }
    }

    /// Hands on what can be handed on. An answer that is sent within asks for the next request, in this same loop.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while let context, let bytes = take() { context.fireChannelRead(wrapInboundOut(bytes)) }
    }

    private func take() -> ByteBuffer? {
        switch state {
        case .gathering:
            guard let length = headLength() else {
                if held.readableBytes > Self.largestHead {
                    refuse(.headTooLarge)
                } else if !mayBeginRequest {
                    refuse(.notHTTP)
                }
                return nil
            }
            guard length <= Self.largestHead else {
                refuse(.headTooLarge)
                return nil
            }
            state = .answering
            searched = 0
            return held.readSlice(length: length)
        case .body(let count):
            let part = min(count, held.readableBytes)
            guard part > 0 else { return nil }
            state = part == count ? .answering : .body(count - part)
            return held.readSlice(length: part)
        case .answering, .deaf: return nil
        }
    }

    /// Whether the bytes so far can be the start of a request: a method is a token (RFC 9110, section 9.1). What is not is
    /// refused at once, for the end of its head may never come.
    private var mayBeginRequest: Bool {
        let start = held.readableBytesView.first { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let start else { return true }
        return (UInt8(ascii: "!")...UInt8(ascii: "~")).contains(start)
            && !"\"(),/:;<=>?@[\\]{}".utf8.contains(start)
    }

    /// The length of the head that begins here, its empty line included; `nil` while that is not there.
    private func headLength() -> Int? {
        let lineEnd = UInt8(ascii: "\n")
        return held.withUnsafeReadableBytes { bytes in
            // Empty lines before a request count for nothing (RFC 9112, section 2.2).
            let start = bytes.firstIndex { $0 != lineEnd && $0 != UInt8(ascii: "\r") } ?? bytes.count
            var (position, undecided) = (max(start, searched), bytes.count)
            while let end = bytes[position...].firstIndex(of: lineEnd) {
                position = end + 1
                if position < bytes.count, bytes[position] == lineEnd { return position + 1 }
                if position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\r"),
                    bytes[position + 1] == lineEnd
                {
                    return position + 2
                }
                // The next two bytes decide, and they are not all there.
                if position + 1 >= bytes.count {
                    undecided = end
                    break
                }
            }
            searched = undecided
            return nil
        }
    }

    private func refuse(_ refusal: Refusal) {
        state = .deaf(dropped: 0)
        context?.fireUserInboundEventTriggered(refusal)
    }

    /// Holds no more memory than the bytes that are left over, and charges them.
    private func keep() {
        if case .deaf = state { held = ByteBuffer() }
        if held.readableBytes > Self.largestHead, state == .answering {
            isBroken = true
            held = ByteBuffer()
        }
        let size = held.readableBytes
        if size > charged, !budget.take(size - charged) {
            let isGathering = state == .gathering
            isBroken = true
            held = ByteBuffer()
            keep()
            if isGathering { refuse(.budgetUsedUp) }
            return
        }
        if size < charged { budget.give(charged - size) }
        charged = size
        if size == 0 {
            held = ByteBuffer()
            searched = 0
        } else if held.capacity > size + 1024 {
            held = ByteBuffer(bytes: held.readableBytesView)
        }
    }
}
