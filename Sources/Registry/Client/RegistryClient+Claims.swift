// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What a registry says of itself that it has under a name or digest. A claim: nothing was read.
package struct ContentClaim: Sendable, Hashable {
    /// `Docker-Content-Digest`; `nil` where it is absent or not a digest.
    package let digest: Digest?
    /// `Content-Length` in bytes; `nil` where it is absent.
    package let size: Int64?

    init(_ head: ResponseHead) {
        digest = head["docker-content-digest"].flatMap { try? Digest($0) }
        size = head.length
    }

    /// What content that was read says of itself.
    init(of bytes: [UInt8]) { (digest, size) = (Digest(of: bytes), Int64(bytes.count)) }

    /// Whether something is claimed and nothing of it contradicts `content`. Digests of different algorithms do not.
    package func agrees(with content: Descriptor) -> Bool {
        guard size != nil || digest != nil else { return false }
        if let size, size != content.size { return false }
        guard let digest, digest.algorithm == content.digest.algorithm else { return true }
        return digest == content.digest
    }
}

/// Questions before a push go to the registry that a reference names itself, never to its mirrors.
extension RegistryClient {
    /// What the repository of `reference` claims of the blob, by a HEAD request; `nil` where it has none.
    /// - Throws: a ``Failure`` of kind `unavailable`, or `denied` where a login is needed.
    package func claim(of blob: Descriptor, in reference: Reference) async throws(Failure) -> ContentClaim? {
        let outcome = try await ask(
            .head, path: "blobs/\(blob.digest)", in: reference,
            artifact: Self.name(blob, reference: reference))
        guard let head = outcome.head, head.status == 200 else { return nil }
        return ContentClaim(head)
    }

    /// What the tag or digest of `reference` points to, as far as a HEAD request shows, or, where the registry
    /// does not speak HEAD, its content; `nil` where it points to nothing.
    /// - Throws: a ``Failure`` as of ``claim(of:in:)``.
    package func claim(of reference: Reference) async throws(Failure) -> ContentClaim? {
        let outcome = try await ask(
            .head, path: reference.manifestPath, in: reference, artifact: "\(reference)")
        if let status = outcome.head?.status, [405, 501].contains(status) {
            // HEAD is not spoken here.
            return try await content(of: reference).map { ContentClaim(of: $0.bytes) }
        }
        guard let head = outcome.head, head.status == 200 else { return nil }
        return ContentClaim(head)
    }

    /// The bytes that the tag or digest of `reference` points to, and their media type, unverified; `nil` where it leads
    /// to nothing.
    /// - Throws: a ``Failure`` as of ``claim(of:in:)``.
    package func content(of reference: Reference) async throws(Failure) -> (bytes: [UInt8], type: String?)? {
        let outcome = try await ask(
            .get, path: reference.manifestPath, in: reference, artifact: "\(reference)")
        guard let head = outcome.head, head.status == 200 else { return nil }
        return (outcome.body, head.mediaType)
    }

    /// Whether the registry lists referrers itself: the answer for `subject` is an index, which may be empty.
    /// - Throws: a ``Failure`` as of ``claim(of:in:)``.
    package func listsReferrers(of subject: Digest, in reference: Reference) async throws(Failure) -> Bool {
        let artifact = "the referrers of \(reference.domain)/\(reference.repository)@\(subject)"
        let outcome = try await ask(
            .get, path: "referrers/\(subject)", in: reference, artifact: artifact)
        // Some answer every unknown path with a page.
        return outcome.head?.status == 200 && outcome.head?.mediaType == MediaType.index
    }

    private func ask(
        _ method: HTTPRequest.Method, path: String, in reference: Reference, artifact: String
    ) async throws(Failure) -> HTTPResponse {
        try await pushing(to: reference) { (endpoint) throws(AttemptError) in
            var request = try await self.request(endpoint, reference: reference, path: path)
            request.method = method
            request.limit = Int(Manifest.largestSize)
            request.headers = [("Accept", MediaType.accepted.joined(separator: ", "))]
            // A repository that is not there yet is called forbidden by some, and a digest of an algorithm that is not
            // known, malformed; the push itself will tell.
            return try await self.web.collect(
                request, as: self.access(endpoint, reference: reference, actions: "pull,push"),
                item: artifact, artifact: artifact, accepting: [200, 400, 403, 404, 405, 501])
        }
    }
}

extension Reference {
    /// Where the distribution API has what the tag, or else the digest, points to.
    var manifestPath: String { "manifests/\(tag ?? digest?.description ?? "latest")" }
}
