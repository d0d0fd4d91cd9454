// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What belongs to a manifest. Source: OCI distribution specification 1.1, "Listing Referrers".
extension RegistryClient {
    /// The most pages of a list that are read.
    private static let mostPages = 100

    /// Whether the registry has the tag or digest of `reference`.
    /// - Throws: a ``Failure`` of kind `unavailable`, or `denied` where a login is needed.
    package func has(_ reference: Reference) async throws(Failure) -> Bool {
        let name = reference.digest?.description ?? reference.tag ?? "latest"
        let outcome = try await firstCandidate(reference) { (endpoint, isLast) throws(AttemptError) in
            var request = try await self.request(endpoint, reference: reference, path: "manifests/\(name)")
            request.method = .head
            request.headers.append(("Accept", MediaType.accepted.joined(separator: ", ")))
            return try await self.web.collect(
                request, as: self.access(endpoint, reference: reference), item: "\(reference)",
                artifact: "\(reference)",
                attempts: self.attempts(isLast), accepting: [200, 404])
        }
        return outcome.head?.status == 200
    }

    /// The manifests whose subject is `digest`, as the registry lists them; `nil` where it has no such list.
    /// - Throws: a ``Failure`` of kind `data` for an answer that is no index; else as of ``has(_:)``.
    package func referrers(
        of digest: Digest, in reference: Reference
    ) async throws(Failure) -> [Descriptor]? {
        try await firstCandidate(reference) { (endpoint, isLast) throws(AttemptError) in
            var request = try await self.request(endpoint, reference: reference, path: "referrers/\(digest)")
            request.headers.append(("Accept", MediaType.index))
            request.limit = Int(Manifest.largestSize)
            let artifact = "the referrers of \(reference.domain)/\(reference.repository)@\(digest)"
            var found: [Descriptor] = []
            for _ in 0..<Self.mostPages {
                let outcome = try await self.web.collect(
                    request, as: self.access(endpoint, reference: reference), item: artifact,
                    artifact: artifact,
                    attempts: self.attempts(isLast), accepting: [200, 400, 404, 405, 501])
                guard let head = outcome.head, head.status == 200 else { return nil }
                // Some answer every unknown path with a page.
                guard head.mediaType == MediaType.index else { return nil }
                do throws(Failure) {
                    found += try Manifest(parsing: outcome.body, type: MediaType.index, artifact: artifact)
                        .manifests
                } catch {
                    throw AttemptError(error)
                }
                guard let next = Self.next(head, address: outcome.address),
                    next.isSameOrigin(as: request.address)
                else {
                    return found
                }
                request.address = next
            }
            return found
        }
    }

    /// The next page that an answer names: `Link: </v2/…>; rel="next"` (RFC 8288).
    private static func next(_ head: ResponseHead, address: HTTPURL) -> HTTPURL? {
        guard
            let link = head.all("link").first(where: {
                $0.contains("rel=\"next\"") || $0.contains("rel=next")
            }),
            let start = link.firstIndex(of: "<"), let end = link[start...].firstIndex(of: ">")
        else { return nil }
        return try? HTTPURL(String(link[link.index(after: start)..<end]), relativeTo: address)
    }
}
