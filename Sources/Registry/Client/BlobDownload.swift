// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// One place where an item may be had.
struct Source: Sendable {
    let access: AccessScope?
    let authority: String
    /// Found out only when it is this source's turn.
    let address: @Sendable () async throws(AttemptError) -> HTTPURL
    /// Told that the server does not answer.
    var onUnreachable: @Sendable () async -> Void = {}
    /// It is not asked when it turns out to be loopback or link-local.
    var refusesLocalPeer = false
}

/// Fetches one item into its sink: from the first source that has it, resuming.
final class BlobDownload: Sendable {
    private let web: HTTPClient
    private let item: String
    private let artifact: String
    /// Bytes in all, where known before.
    private let size: Int64?
    private let channel: SinkQueue
    /// The entity tags by URL, for If-Range: a resumed body must be of the same version.
    private let tags = Monitor<[HTTPURL: String]>([:])

    init(_ web: HTTPClient, item: String, artifact: String, size: Int64?, into sink: any BlobSink) {
        self.web = web
        self.item = item
        self.artifact = artifact
        self.size = size
        let onEvent = web.settings.onEvent
        channel = SinkQueue(sink) { count in
            onEvent?(count.map { .received(item: item, bytes: $0) } ?? .restarted(item: item))
        }
    }

    /// After return the sink has verified its content.
    /// - Throws: the combined ``Failure`` of all sources.
    func run(_ sources: [Source]) async throws(Failure) {
        web.settings.onEvent?(.started(item: item, size: size, at: channel.sink.received))
        do throws(Failure) {
            try await tryAll(sources)
        } catch {
            web.settings.onEvent?(.ended(item: item, failure: error))
            throw error
        }
        web.settings.onEvent?(.ended(item: item, failure: nil))
    }

    private func tryAll(_ sources: [Source]) async throws(Failure) {
        var queue = sources
        var failures: [Failure] = []
        var mismatches = 0
        while !queue.isEmpty {
            let source = queue.removeFirst()
            do throws(AttemptError) {
                try await fetch(from: source, isLast: queue.isEmpty)
            } catch {
                failures.append(error.failure)
                if error.isUnreachable { await source.onUnreachable() }
                guard error.mayTryElsewhere else { break }
                continue
            }
            do throws(Failure) {
                let sink = channel.sink
                return try await web.engine.writers.run(channel) { () throws(Failure) in try sink.finish() }
            } catch {
                failures.append(explain(error, source: source))
                mismatches += 1
                // Once more, even from the only source: what was resumed may have been the wrong part.
                guard error.kind == .data, mismatches < 2 else { break }
                if queue.isEmpty { queue.append(source) }
            }
        }
        throw AttemptError.combined(failures)
    }

    private func explain(_ failure: Failure, source: Source) -> Failure {
        guard failure.kind == .data else { return failure }
        return Failure(
            .data, "fetch", artifact, because: "from \(source.authority): \(failure.reason)",
            remedy:
                "if it stays so, \(source.authority) holds other content than was promised: ask its operator")
    }

    private func fetch(from source: Source, isLast: Bool) async throws(AttemptError) {
        let sink = channel.sink
        // With others to ask, the first is not waited for long.
        let attempts = isLast ? nil : min(2, web.settings.retry.attempts)
        try await web.persist(
            item, at: source.authority, attempts: attempts, progress: { sink.received }
        ) { () throws(AttemptError) in
            do throws(AttemptError) {
                try await once(from: try await source.address(), of: source)
            } catch {
                if error.forgetsBytes { try await empty() }
                throw error
            }
        }
    }

    private func empty() async throws(AttemptError) {
        let channel = channel
        do throws(Failure) {
            try await web.engine.writers.run(channel) { () throws(Failure) in
                guard channel.sink.received > 0 else { return }
                try channel.sink.restart()
                channel.onProgress(nil)
            }
        } catch {
            throw AttemptError(error, elsewhere: false)
        }
    }

    private func once(from address: HTTPURL, of source: Source) async throws(AttemptError) {
        let offset = channel.sink.received
        if let size, offset == size { return }
        var request = HTTPRequest(address: address)
        request.limit = 64 << 10
        request.refusesLocalPeer = source.refusesLocalPeer
        request.answerSize = size.map { $0 - offset }
        let known = tags.locked { $0[address] }
        if offset > 0 {
            request.headers.append(("Range", "bytes=\(offset)-"))
            if let known { request.headers.append(("If-Range", known)) }
        }
        let expected = Expectation(
            offset: offset, size: size, tag: known, artifact: artifact, address: address)
        let tags = tags
        let answer: Result<HTTPResponse, AttemptError>
        do throws(AttemptError) {
            answer = .success(
                try await web.attempt(request, as: source.access, artifact: artifact, into: channel) { head in
                    // A weak tag does not promise equal bytes (RFC 9110, 13.1.5).
                    let tag = head["etag"].flatMap { $0.hasPrefix("\"") ? $0 : nil }
                    tags.locked { $0[address] = tag }
                    return expected.judge(head)
                })
        } catch {
            answer = .failure(error)
        }
        // The sink has still to take what arrived before it may be asked anything.
        do throws(Failure) { try await web.engine.writers.run(channel) } catch {
            throw AttemptError(explain(error, named: address), elsewhere: error.kind == .data)
        }
        let outcome = try answer.get()
        try check(outcome, offset: offset)
        web.tell(item, asked: address, outcome: outcome)
    }

    private func explain(_ failure: Failure, named address: HTTPURL) -> Failure {
        explain(
            failure, source: Source(access: nil, authority: address.authority, address: { () in address }))
    }

    private func check(_ outcome: HTTPResponse, offset: Int64) throws(AttemptError) {
        let status = outcome.head?.status ?? 0
        if status == 416, offset > 0 {
            // Without a size it may be that nothing is missing; then finish() decides.
            if size == nil, outcome.head?.range?.total == offset { return }
            var setback = AttemptError(outcome, artifact: artifact)
            setback.failure.kind = .data
            setback.failure.reason += ": it has not the \(offset) bytes that are there already"
            setback.isTransient = true
            setback.forgetsBytes = true
            throw setback
        }
        guard status == 200 || status == 206 else { throw AttemptError(outcome, artifact: artifact) }
        if let size, channel.sink.received < size {
            throw AttemptError(
                Failure(
                    .data, "fetch", artifact,
                    because:
                        "\(outcome.address.authority) sent only \(channel.sink.received) of \(size) bytes",
                    remedy: "run it again to resume"), transient: true)
        }
    }
}

/// What the answer to a request for an item must look like before a byte of it is taken.
struct Expectation: Sendable {
    /// The first byte that was asked for.
    var offset: Int64
    var size: Int64?
    var tag: String?
    var artifact: String
    var address: HTTPURL

    /// Looks at the head of a success.
    func judge(_ head: ResponseHead) -> BodyDisposition {
        if let encoding = head.encoding, !isOwn(encoding, head: head) {
            return .refuse(.encoded(encoding, artifact: artifact, address: address))
        }
        switch head.status {
        case 200:
            if let size, head.isPage, head.length != size {
                return .refuse(.page(address, artifact: artifact))
            }
            if let size, let length = head.length, length != size {
                return refuse("\(address.authority) has \(length) bytes, not the promised \(size)")
            }
            return .deliver(restart: offset > 0)
        case 206: return judge(part: head)
        default: return refuse("\(address.authority) answered \(head.status) where content was due")
        }
    }

    private func judge(part head: ResponseHead) -> BodyDisposition {
        guard offset > 0 else { return refuse("\(address.authority) sent a part, though all was asked for") }
        guard let range = head.range, range.first == offset else {
            return refuse("\(address.authority) sent another part than was asked for", again: true)
        }
        if let tag, let found = head["etag"], found != tag {
            return refuse("it changed at \(address.authority) while it was fetched", again: true)
        }
        if let last = range.last, let total = range.total, last != total - 1 {
            return refuse("\(address.authority) sent only a part of what was asked for", again: true)
        }
        if let size, let total = range.total, total != size {
            return refuse("\(address.authority) has \(total) bytes, not the promised \(size)")
        }
        if let length = head.length, let last = range.last, length != last - offset + 1 {
            return refuse("\(address.authority) contradicts itself about the length", again: true)
        }
        return .deliver(restart: false)
    }

    private func refuse(_ reason: String, again: Bool = false) -> BodyDisposition {
        .refuse(
            AttemptError(
                Failure(
                    .data, "fetch", artifact, because: reason,
                    remedy: "if it stays so, the server or a proxy before it is at fault: use a mirror"),
                transient: again, forgetting: again))
    }

    /// Some servers call a file's own compression a content encoding; its bytes are still what is wanted
    /// when their number, or at least the file's name, says so.
    private func isOwn(_ encoding: String, head: ResponseHead) -> Bool {
        if let size { return (head.range?.total ?? head.length) == size }
        return (encoding == "gzip" || encoding == "x-gzip")
            && [".gz", ".tgz"].contains { address.path.hasSuffix($0) }
    }
}
