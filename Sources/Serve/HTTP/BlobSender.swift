// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import OCI

/// Sends a part of one large blob, piece by piece, with sendfile from its place.
///
/// The guarantee: the last ``ServerContext/tail`` bytes of a response leave only when
/// 1. the whole blob has been hashed and has the right digest, and
/// 2. after all other pieces left, and after the tail itself was read into memory, the files that hold the
///    blob are, by device, inode, size, modification and change time, as they were when it was hashed.
/// Otherwise the connection is closed, so that the client sees fewer bytes than `Content-Length` promised.
/// What this cannot see: a medium that changes bytes without the file system noticing, after the hash;
/// and, for unencrypted responses, a file changed after the check while bytes of it are still in the
/// socket's send buffer.
///
/// Lives on the connection's event loop.
final class BlobSender {
    /// Where the bytes go and how the outcome is reported; all on the event loop.
    struct Outlet {
        let loop: any EventLoop
        /// Writes a piece and flushes it.
        let write: (IOData) -> EventLoopFuture<Void>
        /// Called whenever a piece has left, and when only this side is waited for.
        let progress: (_ sent: Int64, _ waiting: Bool) -> Void
        /// Called once, at the end: `nil` after the last byte was written.
        let done: (Failure?) -> Void
    }

    private let site: ServerContext
    private let digest: Digest
    private let outlet: Outlet
    private var pieces: [Region]
    private let tail: [Region]
    private let check: EventLoopFuture<BlobVerifier.Outcome>
    private var handles: [Int32: NIOFileHandle] = [:]
    /// Where bytes go through memory: when the last piece so far has been handed to the socket.
    private var turn: EventLoopFuture<Void>?
    private var inFlight = 0
    /// Bytes that it has taken of ``ServerContext/answers`` for its pieces.
    private var charged = 0
    private var tailing = false
    private var ended = false

    init(
        _ digest: Digest, range: Range<Int64>, copy: Int, regions: [Region], site: ServerContext,
        outlet: Outlet
    ) {
        self.site = site
        self.digest = digest
        self.outlet = outlet
        let kept = max(range.lowerBound, range.upperBound - ServerContext.tail)
        pieces = regions.part(range.lowerBound..<kept).reversed()
        tail = regions.part(kept..<range.upperBound)
        check = site.verifier.check(digest, copy: copy, regions: regions, on: outlet.loop)
        if site.encrypted, site.answers.take(2 * Int(ServerContext.piece)) {
            charged = 2 * Int(ServerContext.piece)
        }
    }

    /// Whether large pieces may be under way: `sendfile` needs no memory for them.
    private var isFast: Bool { !site.encrypted || charged > 0 }

    /// Begins to send. A blob that turns out to be damaged ends it at once.
    func start() {
        check.assumeIsolated().whenSuccess { outcome in
            if case .failure(let failure) = outcome, !self.ended { self.end(failure) }
        }
        pump()
    }

    /// Sends what can be sent now. Two pieces are under way at a time, so that the socket never starves.
    private func pump() {
        while inFlight < (isFast ? 2 : 1), !ended, let next = takePiece() {
            inFlight += 1
            hand(next).assumeIsolated().whenComplete { result in
                self.inFlight -= 1
                if self.ended { return self.closeHandles() }
                switch result {
                case .success:
                    self.outlet.progress(next.count, false)
                    self.pump()
                case .failure(let error): self.end(error as? Failure ?? self.failure("\(error)"))
                }
            }
        }
        if inFlight == 0, pieces.isEmpty, !ended, !tailing { sendTail() }
    }

    /// Gives up: the connection is gone.
    func abandon() {
        ended = true
        closeHandles()
    }

    private func takePiece() -> Region? {
        guard let region = pieces.popLast() else { return nil }
        let count = min(region.count, isFast ? ServerContext.piece : ServerContext.smallPiece)
        if count < region.count {
            pieces.append(
                Region(file: region.file, offset: region.offset + count, count: region.count - count))
        }
        return Region(file: region.file, offset: region.offset, count: count)
    }

    private func hand(_ piece: Region) -> EventLoopFuture<Void> {
        if site.encrypted {
            let read = site.readers.runIfActive(eventLoop: outlet.loop) { try [piece].read() }
            let (promise, handed) = (
                outlet.loop.makePromise(of: Void.self), outlet.loop.makePromise(of: Void.self)
            )
            // Two pieces are read at a time, and the second may be there first.
            let turn = self.turn ?? outlet.loop.makeSucceededVoidFuture()
            self.turn = handed.futureResult
            turn.and(read).assumeIsolated().whenComplete { result in
                switch result {
                case .success((_, let bytes)):
                    self.outlet.write(.byteBuffer(bytes)).cascade(to: promise)
                    handed.succeed()
                case .failure(let error):
                    promise.fail(error)
                    handed.fail(error)
                }
            }
            return promise.futureResult
        }
        guard let handle = handle(of: piece.file) else {
            return outlet.loop.makeFailedFuture(Failure.system("open", artifact: piece.file.path))
        }
        // sendfile would wait for ever for bytes that were cut off the file.
        guard let size = try? piece.file.size(), size >= piece.offset + piece.count else {
            return outlet.loop.makeFailedFuture(failure("\(piece.file.path) has become shorter"))
        }
        let region = FileRegion(
            fileHandle: handle, readerIndex: Int(piece.offset), endIndex: Int(piece.offset + piece.count))
        return outlet.write(.fileRegion(region))
    }

    /// A handle of this response's own: NIO's belong to one user at a time.
    private func handle(of file: File) -> NIOFileHandle? {
        if let handle = handles[file.descriptor] { return handle }
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: copy)
        handles[file.descriptor] = handle
        return handle
    }

    private func sendTail() {
        tailing = true
        outlet.progress(0, true)
        check.assumeIsolated().whenComplete { result in
            if self.ended { return }
            switch result {
            case .success(.success(let proof)): self.sendTail(proof)
            case .success(.failure(let failure)): self.end(failure)
            case .failure(let error): self.end(self.failure("\(error)"))
            }
        }
    }

    private func sendTail(_ proof: BlobVerifier.Proof) {
        let tail = self.tail
        let read = site.readers.runIfActive(eventLoop: outlet.loop) { (try tail.read(), proof.holds()) }
        read.assumeIsolated().whenComplete { result in
            if self.ended { return }
            switch result {
            case .success((let bytes, true)):
                let count = Int64(bytes.readableBytes)
                self.outlet.write(.byteBuffer(bytes)).assumeIsolated().whenComplete { result in
                    if self.ended { return }
                    if case .failure(let error) = result { return self.end(self.failure("\(error)")) }
                    self.outlet.progress(count, false)
                    self.end(nil)
                }
            case .success((_, false)): self.end(self.failure("its file changed while it was sent"))
            case .failure(let error): self.end(error as? Failure ?? self.failure("\(error)"))
            }
        }
    }

    private func failure(_ reason: String) -> Failure {
        Failure(.io, "send", "the blob \(digest)", because: reason)
    }

    private func end(_ failure: Failure?) {
        ended = true
        closeHandles()
        outlet.done(failure)
    }

    private func closeHandles() {
        // A piece that is still queued refers to its handle: the channel fails it first.
        guard inFlight == 0 else { return }
        site.answers.give(charged)
        charged = 0
        for handle in handles.values { try? handle.close() }
        handles = [:]
    }
}

extension [Region] {
    /// The bytes `range` of the blob that the regions make up.
    func part(_ range: Range<Int64>) -> [Region] {
        var start: Int64 = 0
        return compactMap { region in
            let own = start..<start + region.count
            start += region.count
            let wanted = own.clamped(to: range)
            guard !wanted.isEmpty else { return nil }
            return Region(
                file: region.file, offset: region.offset + wanted.lowerBound - own.lowerBound,
                count: wanted.upperBound - wanted.lowerBound)
        }
    }

    /// Reads all of it into memory. Blocks.
    func read() throws(Failure) -> ByteBuffer {
        var bytes = ByteBuffer()
        var stream = RegionStream(self)
        try stream.forEachChunk { (chunk) throws(Failure) in bytes.writeBytes(chunk) }
        return bytes
    }
}
