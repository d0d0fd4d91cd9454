// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension BlobUpload {
    /// How long a registry may take to put a blob in place, which some copy once more for it.
    private static let patienceForCommit: Duration = .seconds(600)

    /// Sends what is missing, and closes the upload.
    func send() async throws(AttemptError) {
        let isDirect = blob.size <= web.settings.chunk
        if isWhole || (isDirect && session?.confirmed == 0) { return try await commit(withBody: true) }
        while let session, session.confirmed < blob.size {
            let chunk = max(web.settings.chunk, session.leastChunk, 1)
            try await sendPart(min(chunk, blob.size - session.confirmed), from: session.confirmed)
        }
        try await commit(withBody: false)
    }

    /// Sends `count` bytes by PATCH.
    private func sendPart(_ count: Int64, from offset: Int64) async throws(AttemptError) {
        var request = request(.patch)
        request.headers = [
            ("Content-Type", MediaType.octets), ("Content-Range", "\(offset)-\(offset + count - 1)"),
        ]
        request.body = .stream(try await feed(count, from: offset))
        let outcome = try await perform(request)
        guard let head = outcome.head, (200..<300).contains(head.status) else {
            throw try await refused(outcome)
        }
        let confirmed = head.confirmedBytes ?? (offset + count)
        guard confirmed > offset, confirmed <= offset + count else {
            var setback = refuse("\(outcome.address.authority) says that it has \(confirmed) bytes of it")
            setback.isTransient = true
            await cancel()
            throw setback
        }
        try move(to: outcome)
        session?.confirmed = confirmed
    }

    /// Ends the upload by PUT; small blobs are sent with it.
    private func commit(withBody: Bool) async throws(AttemptError) {
        var request = request(.put)
        request.address = request.address.adding(query: "digest=\(blob.digest)")
        request.patience = Self.patienceForCommit
        if withBody {
            request.headers = [("Content-Type", MediaType.octets)]
            request.body = try await wholeBody()
        }
        isCommitting = true
        let outcome = try await perform(request)
        isCommitting = false
        guard let status = outcome.head?.status, [200, 201, 204].contains(status) else {
            throw try await refused(outcome)
        }
        session = nil
        try check(digestOf: outcome)
    }

    private func wholeBody() async throws(AttemptError) -> RequestBody {
        guard blob.size <= Self.largestInMemory else { return .stream(try await feed(blob.size, from: 0)) }
        let (source, blob) = (source, blob)
        do throws(Failure) {
            let bytes = try await onThread { () throws(Failure) in try source.bytes(of: blob) }
            web.settings.onEvent?(.received(item: item, bytes: bytes.count))
            return .bytes(bytes)
        } catch {
            throw AttemptError(error, elsewhere: false)
        }
    }

    /// The next `count` bytes of the blob, from `offset`.
    private func feed(_ count: Int64, from offset: Int64) async throws(AttemptError) -> Feed {
        let (source, blob, item, onEvent) = (source, blob, item, web.settings.onEvent)
        let current: BlobChunks
        if let parts, parts.offset == offset {
            current = parts
        } else {
            do throws(Failure) {
                current = try await onThread { () throws(Failure) in
                    try BlobChunks(blob, from: source, at: offset)
                }
            } catch {
                throw AttemptError(error, elsewhere: false)
            }
        }
        parts = current
        return Feed(current.part(count), length: count) { onEvent?(.received(item: item, bytes: $0)) }
    }

    /// What an answer without success means, and how the next attempt begins.
    private func refused(_ outcome: HTTPResponse) async throws(AttemptError) -> AttemptError {
        var setback = AttemptError(push: outcome, artifact)
        switch outcome.head?.status ?? 0 {
        case 416: setback.isTransient = true  // Its status says what it wants.
        case 404, 410:
            // The upload is not known any more.
            await cancel()
            setback.isTransient = true
        case 400 where setback.code == "DIGEST_INVALID":
            mismatches += 1
            await cancel()
            setback.failure.kind = .data
            setback.isTransient = mismatches < 2
        case 400, 405, 411, 415, 501:
            await cancel()
            setback.isTransient = !isWhole && blob.size > 0
            isWhole = true
        default: break
        }
        return setback
    }
}
