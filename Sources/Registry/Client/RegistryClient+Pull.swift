// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Fetches images by the distribution API and files by HTTP, through one engine: many at once, resumed,
/// repeated where that may help, and verified.
///
/// Sources: OCI distribution specification 1.1; docker registry token authentication.
package final class RegistryClient: Sendable {
    let web: HTTPClient
    let endpoints: Endpoints

    /// How many requests run at once while they are small.
    package var requestsAtOnce: Int { web.settings.jobs * web.settings.smallMultiple }

    /// Starts the engine's threads; they end when the client is let go.
    /// - Throws: a ``Failure`` of kind `configuration` for a mirror that is not well formed.
    package init(_ settings: TransferSettings) throws(Failure) {
        web = try HTTPClient(settings)
        endpoints = try Endpoints(web)
    }

    /// What `reference` points to at present, by a HEAD request; nothing is verified yet. Where the registry
    /// does not answer that in full, the manifest itself is fetched: what it says of a refusal comes only with a body.
    /// - Throws: a ``Failure`` of kind `unavailable` where there is none, `denied` where a login is needed,
    ///   `data` where the digest in `reference` is not what the registry says.
    package func resolve(_ reference: Reference) async throws(Failure) -> Descriptor {
        let found = try await firstCandidate(reference) { (endpoint, isLast) throws(AttemptError) in
            try await self.head(reference, endpoint: endpoint, isLast: isLast)
        }
        guard let found else { return try await manifest(reference, expecting: nil).descriptor }
        if let digest = reference.digest, found.digest != digest {
            throw Self.drift("\(reference)", found: found.digest, promised: digest)
        }
        return found
    }

    private func head(
        _ reference: Reference, endpoint: Endpoint, isLast: Bool
    ) async throws(AttemptError) -> Descriptor? {
        let name = reference.digest?.description ?? reference.tag ?? "latest"
        var request = try await request(endpoint, reference: reference, path: "manifests/\(name)")
        request.method = .head
        request.headers.append(("Accept", MediaType.accepted.joined(separator: ", ")))
        let outcome = try await web.collect(
            request, as: access(endpoint, reference: reference), item: "\(reference)",
            artifact: "\(reference)",
            attempts: attempts(isLast), accepting: [200, 400, 403, 405, 501])
        guard let head = outcome.head, head.status == 200, let type = head.mediaType,
            MediaType.accepted.contains(type), let size = head.length,
            (1...Manifest.largestSize).contains(size),
            let digest = head["docker-content-digest"].flatMap({ try? Digest($0) })
        else { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }

    /// The manifest or index that `reference` points to, or that it resolved to when `expecting` was resolved;
    /// its bytes have the digest and size that `expecting`, or the digest that `reference`, names.
    /// - Throws: a ``Failure`` as of ``resolve(_:)``, and of kind `data` for other bytes than promised.
    package func manifest(
        _ reference: Reference, expecting: Descriptor?
    ) async throws(Failure) -> Manifest {
        try await firstCandidate(reference) { (endpoint, isLast) throws(AttemptError) in
            let digest = expecting?.digest ?? reference.digest
            let name = digest?.description ?? reference.tag ?? "latest"
            var request = try await self.request(endpoint, reference: reference, path: "manifests/\(name)")
            request.headers.append(("Accept", MediaType.accepted.joined(separator: ", ")))
            request.limit = Int(Manifest.largestSize)
            let outcome = try await self.web.collect(
                request, as: self.access(endpoint, reference: reference), item: "\(reference)",
                artifact: "\(reference)", attempts: self.attempts(isLast))
            if outcome.head?.isPage == true {
                throw AttemptError.page(outcome.address, artifact: "\(reference)")
            }
            do throws(Failure) {
                return try Self.verified(
                    outcome, reference: reference, promised: digest, expecting: expecting)
            } catch {
                throw AttemptError(error)
            }
        }
    }

    private static func verified(
        _ outcome: HTTPResponse, reference: Reference, promised: Digest?, expecting: Descriptor?
    ) throws(Failure) -> Manifest {
        let found = Digest(of: outcome.body, promised?.algorithm ?? .sha256)
        if let promised, found != promised { throw drift("\(reference)", found: found, promised: promised) }
        // A hint only, but one that must not deceive (CVE-2025-24882).
        if let header = outcome.head?["docker-content-digest"],
            header != found.description,
            (try? Digest(header)).map({ Digest(of: outcome.body, $0.algorithm) != $0 }) ?? true
        {
            throw Failure(
                .data, "verify", "\(reference)",
                because: "\(outcome.address.authority) says \(header.prefix(80).filter(\.isASCII)) "
                    + "of content that is \(found)",
                remedy: "do not use this registry or mirror before its operator has explained it")
        }
        let accepted = outcome.head?.mediaType.flatMap { MediaType.accepted.contains($0) ? $0 : nil }
        let manifest = try Manifest(
            parsing: outcome.body, type: accepted ?? expecting?.mediaType, artifact: "\(reference)",
            by: found.algorithm)
        if let expecting {
            guard Int64(outcome.body.count) == expecting.size else {
                throw Failure(
                    .data, "verify", "\(reference)",
                    because: "it has \(outcome.body.count) bytes, not the promised \(expecting.size)",
                    remedy: "ask the image's publisher: its index is wrong")
            }
            if MediaType.accepted.contains(expecting.mediaType),
                manifest.descriptor.mediaType != expecting.mediaType
            {
                throw Failure(
                    .data, "verify", "\(reference)",
                    because: "it is \(manifest.descriptor.mediaType), "
                        + "but was promised as \(expecting.mediaType)",
                    remedy: "ask the image's publisher: its index is wrong")
            }
        }
        return manifest
    }

    private static func drift(_ artifact: String, found: Digest, promised: Digest) -> Failure {
        Failure(
            .data, "verify", artifact, because: "its content is \(found), not the promised \(promised)",
            remedy: "fetch it again; if it stays so, the registry or mirror holds other content than it says")
    }

    /// Fetches `blob` of the image `reference` into `sink`, going on at ``BlobSink/received``. After
    /// return the sink has finished, and so verified size and digest. URLs in the descriptor are not used.
    /// - Throws: a ``Failure`` of kind `data` when the bytes were wrong twice, of the sink's own kinds,
    ///   `unavailable`, `denied`, or `busy` when the task was cancelled.
    package func fetch(
        _ blob: Descriptor, of reference: Reference, into sink: any BlobSink
    ) async throws(Failure) {
        let artifact = "the blob \(blob.digest) of \(reference)"
        let sources = try await endpoints.candidates(for: reference.domain).map { endpoint in
            Source(access: access(endpoint, reference: reference), authority: endpoint.authority) {
                () throws(AttemptError) in
                try await self.request(endpoint, reference: reference, path: "blobs/\(blob.digest)").address
            } onUnreachable: {
                await self.endpoints.avoid(endpoint)
            }
        }
        let download = BlobDownload(
            web, item: "\(blob.digest)", artifact: artifact, size: blob.size, into: sink)
        try await download.run(sources)
    }

    /// The verified bytes of a small blob.
    /// - Throws: a ``Failure`` of kind `data` when it is larger than `limit` bytes; else as of
    ///   ``fetch(_:of:into:)``.
    package func bytes(
        _ blob: Descriptor, of reference: Reference, limit: Int
    ) async throws(Failure) -> [UInt8] {
        guard blob.size <= limit else {
            throw Failure(
                .data, "read", "the blob \(blob.digest) of \(reference)",
                because: "it has \(blob.size) bytes, more than \(limit)")
        }
        let sink = MemorySink(expecting: blob.digest, limit: blob.size)
        try await fetch(blob, of: reference, into: sink)
        return sink.bytes
    }

    /// Asks the endpoints of a registry in their order, until one has it.
    func firstCandidate<Result: Sendable>(
        _ reference: Reference, body: (Endpoint, Bool) async throws(AttemptError) -> Result
    ) async throws(Failure) -> Result {
        var failures: [Failure] = []
        let candidates = try await endpoints.candidates(for: reference.domain)
        for (index, endpoint) in candidates.enumerated() {
            do throws(AttemptError) {
                return try await body(endpoint, index == candidates.count - 1)
            } catch {
                failures.append(error.failure)
                if error.isUnreachable { await endpoints.avoid(endpoint) }
                if !error.mayTryElsewhere { break }
            }
        }
        throw AttemptError.combined(failures)
    }

    func attempts(_ isLast: Bool) -> Int? { isLast ? nil : min(2, web.settings.retry.attempts) }

    func access(_ endpoint: Endpoint, reference: Reference, actions: String = "pull") -> AccessScope {
        AccessScope(
            authority: endpoint.authority, repository: endpoint.prefix + reference.repository,
            actions: actions)
    }

    func request(
        _ endpoint: Endpoint, reference: Reference, path: String
    ) async throws(AttemptError) -> HTTPRequest {
        let scheme = await endpoints.scheme(of: endpoint, web)
        return HTTPRequest(
            address: endpoint.address(scheme, target: "/v2/\(endpoint.prefix)\(reference.repository)/\(path)")
        )
    }
}
