// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A manifest that a registry took.
package struct ManifestArrival: Sendable {
    /// The `subject` that the registry says it lists the manifest under (`OCI-Subject`); `nil` where it does not say.
    package let processedSubject: Digest?
}

/// Pushes go to the registry that a reference names itself, never to its mirrors.
extension RegistryClient {
    /// Brings `blob` into the repository of `reference`. After return the registry has it: taken from its
    /// repository `origin` where it allows that, else sent from `source`, every byte verified on the way. Where `origin` is
    /// that very repository, many registries say in the same answer that it has the blob.
    /// - Throws: a ``Failure`` of kind `data` where the source is damaged, and then the registry never has
    ///   the whole, or where the registry has other content than was sent; `unavailable`, `denied`, or
    ///   `busy` when the task was cancelled.
    package func push(
        _ blob: Descriptor, from source: any ContentSource, to reference: Reference, origin: Reference? = nil
    ) async throws(Failure) -> BlobArrival {
        try await pushing(to: reference) { (endpoint) throws(AttemptError) in
            let request = try await self.request(endpoint, reference: reference, path: "blobs/uploads/")
            let upload = BlobUpload(
                self.web, blob: blob, from: source, to: request.address,
                as: self.access(endpoint, reference: reference, actions: "pull,push"),
                origin: origin.map { endpoint.prefix + $0.repository },
                artifact: Self.name(blob, reference: reference))
            return try await upload.run()
        }
    }

    /// Puts `manifest` in place, under the tag of `reference`, or under its digest where there is no tag.
    /// - Parameter mayBeRefused: the registry may not take it, since it names manifests that it has not.
    /// - Returns: `nil` where it was refused and may be.
    /// - Throws: a ``Failure`` of kind `data` where the registry says that it is something else than was
    ///   sent, `unavailable` where it refuses it, `denied`.
    @discardableResult package func push(
        _ manifest: Manifest, to reference: Reference, mayBeRefused: Bool = false
    ) async throws(Failure) -> ManifestArrival? {
        return try await pushing(to: reference) { (endpoint) throws(AttemptError) in
            var request = try await self.request(
                endpoint, reference: reference,
                path: "manifests/\(reference.tag ?? "\(manifest.descriptor.digest)")")
            request.method = .put
            request.headers = [("Content-Type", manifest.descriptor.mediaType)]
            request.body = .bytes(manifest.raw)
            let artifact = "\(reference)"
            let (prepared, access) = (
                request, self.access(endpoint, reference: reference, actions: "pull,push")
            )
            return try await self.web.persist(artifact, at: endpoint.authority) { () throws(AttemptError) in
                let outcome = try await self.web.attempt(prepared, as: access, artifact: artifact)
                let status = outcome.head?.status ?? 0
                if mayBeRefused, [400, 404, 409, 412, 422].contains(status) { return nil }
                guard [200, 201, 202, 204].contains(status) else {
                    throw AttemptError(push: outcome, artifact)
                }
                try Self.check(manifest, against: outcome, artifact: artifact)
                return ManifestArrival(
                    processedSubject: outcome.head?["oci-subject"].flatMap { try? Digest($0) })
            }
        }
    }

    /// - Throws: where the registry says that it got something else than was sent, by whatever algorithm it says so.
    private static func check(
        _ manifest: Manifest, against outcome: HTTPResponse, artifact: String
    ) throws(AttemptError) {
        guard let said = outcome.head?["docker-content-digest"] else { return }
        if let digest = try? Digest(said), digest == Digest(of: manifest.raw, digest.algorithm) { return }
        throw AttemptError(
            Failure(
                .data, "push", artifact,
                because: "\(outcome.address.authority) says that it got "
                    + "\(said.prefix(80).filter(\.isASCII)), not \(manifest.descriptor.digest)",
                remedy: "do not use this registry before its operator has explained it"))
    }

    func pushing<Result: Sendable>(
        to reference: Reference, _ body: (Endpoint) async throws(AttemptError) -> Result
    ) async throws(Failure) -> Result {
        let endpoint = try Endpoint(domain: reference.domain)
        do throws(AttemptError) { return try await body(endpoint) } catch {
            var failure = error.failure
            if failure.operation == "fetch" { failure.operation = "push" }
            throw failure
        }
    }

    static func name(_ blob: Descriptor, reference: Reference) -> String {
        "the blob \(blob.digest) to \(reference.domain)/\(reference.repository)"
    }
}

extension AttemptError {
    /// What an answer without success to a push of `artifact` means.
    init(push outcome: HTTPResponse, _ artifact: String) {
        self.init(outcome, artifact: artifact)
        failure.operation = "push"
        let place = outcome.address.authority
        let status = outcome.head?.status ?? 0
        failure.reason = "\(place) answered \(status)" + (code.map { " \($0)" } ?? "")
        defer { if let message { failure.reason += "; it says: \(message)" } }
        switch status {
        case 401, 403:
            failure.reason += ": it needs a login that may push"
            if let login = outcome.login { failure.reason += ", and that of \(login) may not" }
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

extension HTTPURL {
    /// The address of `name` in place of `uploads/`.
    func sibling(_ name: String) -> HTTPURL {
        let path = target.hasSuffix("uploads/") ? String(target.dropLast("uploads/".count)) : target
        return HTTPURL(scheme: scheme, host: host, port: port, target: path + name)
    }
}
