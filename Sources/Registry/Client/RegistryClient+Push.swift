// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Pushes go to the registry that a reference names itself, never to its mirrors.
extension RegistryClient {
    /// Whether the repository of `reference` has the blob, as far as a HEAD request tells.
    /// - Throws: a ``Failure`` of kind `unavailable`, or `denied` where a login is needed.
    package func holds(_ blob: Descriptor, in reference: Reference) async throws(Failure) -> Bool {
        let artifact = Self.name(blob, reference: reference)
        let outcome = try await head("blobs/\(blob.digest)", reference: reference, artifact: artifact)
        return outcome.head?.status == 200
    }

    /// What the tag or digest of `reference` leads to; `nil` where it leads to nothing.
    /// - Throws: a ``Failure`` as of ``holds(_:in:)``.
    package func digest(of reference: Reference) async throws(Failure) -> Digest? {
        let path = "manifests/\(reference.tag ?? reference.digest?.description ?? "latest")"
        let outcome = try await head(path, reference: reference, artifact: "\(reference)")
        guard outcome.head?.status == 200 else { return nil }
        // A registry that does not say gets the manifest once more.
        return outcome.head?["docker-content-digest"].flatMap { try? Digest($0) }
    }

    /// Brings `blob` into the repository of `reference`. After return the registry has it: taken from its
    /// repository `origin` where it allows that, else sent from `source`, every byte verified on the way.
    /// - Throws: a ``Failure`` of kind `data` where the source is damaged, and then the registry never has
    ///   the whole, or where the registry has other content than was sent; `unavailable`, `denied`, or
    ///   `busy` when the task was cancelled.
    package func push(
        _ blob: Descriptor, from source: any ContentSource, to reference: Reference, origin: Reference? = nil
    ) async throws(Failure) -> BlobArrival {
        try await pushing(to: reference) { (endpoint) throws(Setback) in
            let request = try await self.request(endpoint, reference: reference, path: "blobs/uploads/")
            let upload = Upload(
                self.web, blob: blob, from: source, to: request.address,
                as: self.access(endpoint, reference: reference, actions: "pull,push"),
                origin: origin.map { endpoint.prefix + $0.repository },
                artifact: Self.name(blob, reference: reference))
            return try await upload.run()
        }
    }

    /// Puts `manifest` in place, under the tag of `reference`, or under its digest where there is no tag.
    /// - Parameter mayBeRefused: the registry may not take it, since it leads to manifests that it has not.
    /// - Returns: whether it was taken.
    /// - Throws: a ``Failure`` of kind `data` where the registry says that it is something else than was
    ///   sent, `unavailable` where it refuses it, `denied`.
    @discardableResult package func push(
        _ manifest: Manifest, to reference: Reference, mayBeRefused: Bool = false
    ) async throws(Failure) -> Bool {
        let digest = manifest.descriptor.digest
        return try await pushing(to: reference) { (endpoint) throws(Setback) in
            var request = try await self.request(
                endpoint, reference: reference, path: "manifests/\(reference.tag ?? "\(digest)")")
            request.method = .put
            request.headers = [("Content-Type", manifest.descriptor.mediaType)]
            request.body = .bytes(manifest.raw)
            let artifact = "\(reference)"
            let (prepared, access) = (
                request, self.access(endpoint, reference: reference, actions: "pull,push")
            )
            return try await self.web.persist(artifact, at: endpoint.authority) { () throws(Setback) in
                let outcome = try await self.web.attempt(prepared, as: access, artifact: artifact)
                let status = outcome.head?.status ?? 0
                if mayBeRefused, [400, 404, 409, 412, 422].contains(status) { return false }
                guard [200, 201, 202, 204].contains(status) else { throw Setback(push: outcome, artifact) }
                if let said = outcome.head?["docker-content-digest"], said != "\(digest)" {
                    throw Setback(
                        Failure(
                            .data, "push", artifact,
                            because: "\(outcome.address.authority) says that it got "
                                + "\(said.prefix(80).filter(\.isASCII)), not \(digest)",
                            remedy: "do not use this registry before its operator has explained it"))
                }
                return true
            }
        }
    }

    private func head(
        _ path: String, reference: Reference, artifact: String
    ) async throws(Failure) -> Outcome {
        try await pushing(to: reference) { (endpoint) throws(Setback) in
            var request = try await self.request(endpoint, reference: reference, path: path)
            request.method = .head
            request.headers = [("Accept", MediaType.accepted.joined(separator: ", "))]
            // A repository that is not there yet is called forbidden by some; the push itself will tell.
            return try await self.web.collect(
                request, as: self.access(endpoint, reference: reference, actions: "pull,push"),
                item: artifact,
                artifact: artifact, accepting: [200, 403, 404, 405, 501])
        }
    }

    private func pushing<Result: Sendable>(
        to reference: Reference, _ body: (Endpoint) async throws(Setback) -> Result
    ) async throws(Failure) -> Result {
        let endpoint = try Endpoint(domain: reference.domain)
        do throws(Setback) { return try await body(endpoint) } catch {
            var failure = error.failure
            if failure.operation == "fetch" { failure.operation = "push" }
            throw failure
        }
    }

    private static func name(_ blob: Descriptor, reference: Reference) -> String {
        "the blob \(blob.digest) to \(reference.domain)/\(reference.repository)"
    }
}

extension Setback {
    /// What an answer without success to a push of `artifact` means.
    init(push outcome: Outcome, _ artifact: String) {
        self.init(outcome, artifact: artifact)
        failure.operation = "push"
        let place = outcome.address.authority
        let status = outcome.head?.status ?? 0
        failure.reason = "\(place) answered \(status)" + (code.map { " \($0)" } ?? "")
        switch status {
        case 401, 403: failure.reason += ": it needs a login that may push"
        case 404:
            failure.remedy =
                "create the repository, or its project, first: some registries do not by themselves"
        case 405:
            failure.kind = .denied
            failure.reason += ": it takes no pushes"
            failure.remedy = "it is read-only, or a cache: name a registry that can be written to"
        case 413:
            failure.reason += ": too much at once for \(place) or a proxy before it"
            failure.remedy = "send less at once, like --chunk-size 16MiB, or raise the proxy's limit"
        case 400, 409, 412, 415, 422:
            failure.reason += ": it refuses this"
            failure.remedy = "ask its operator whether it takes such images"
        default: break
        }
    }
}

extension WebAddress {
    /// The address of `name` in place of `uploads/`.
    func sibling(_ name: String) -> WebAddress {
        let path = target.hasSuffix("uploads/") ? String(target.dropLast("uploads/".count)) : target
        return WebAddress(scheme: scheme, host: host, port: port, target: path + name)
    }
}
