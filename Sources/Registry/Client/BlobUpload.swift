// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// How a blob came to be in a repository.
package enum BlobArrival: Sendable {
    /// The repository had it.
    case present
    /// The registry took it from another of its repositories.
    case mounted
    /// Its bytes were sent.
    case uploaded
}

/// Brings one blob into one repository: POST, then PUT of one that one request may send, or PATCH after PATCH and a closing PUT;
/// after a failure the upload's status says where to resume.
///
/// Sources: OCI distribution specification 1.1, "Pushing blobs"; docker registry HTTP API V2, "Resumable push".
final class BlobUpload {
    let web: HTTPClient
    let blob: Descriptor
    let source: any ContentSource
    let access: AccessScope
    /// The address that uploads are begun at.
    let start: HTTPURL
    let artifact: String
    var item: String { "\(blob.digest)" }

    /// A repository that may have the blob, perhaps the one that it is pushed to; `nil` once that was refused.
    var origin: String?
    /// The upload under way.
    var session: Session?
    /// It failed in the middle: its status must be asked for.
    var isUncertain = false
    /// The closing request was sent, and its answer did not come.
    var isCommitting = false
    /// The registry takes no parts: all is sent in one request.
    var isWhole = false
    /// How often the registry said that it got something else than was sent.
    var mismatches = 0
    var parts: BlobChunks?

    /// An upload as the registry knows it.
    struct Session {
        /// Where the next request goes.
        var address: HTTPURL
        /// The registry itself, or another server that it names: that gets no login (GHSA-qvqc-4c52-x6qp).
        var isOfRegistry = true
        var refusesLocalPeer = false
        /// How many bytes the registry has.
        var confirmed: Int64 = 0
        /// The least that it takes at once.
        var leastChunk: Int64 = 1
    }

    /// The most bytes that are read before they are sent.
    static let largestInMemory: Int64 = 64 << 10

    init(
        _ web: HTTPClient, blob: Descriptor, from source: any ContentSource, to start: HTTPURL,
        as access: AccessScope, origin: String?, artifact: String
    ) {
        self.web = web
        self.blob = blob
        self.source = source
        self.start = start
        self.access = access
        self.origin = origin
        self.artifact = artifact
    }

    /// After return the registry has the blob. After a failure it has been asked to cancel the upload.
    func run() async throws(AttemptError) -> BlobArrival {
        web.settings.onEvent?(.started(item: item, size: blob.size, at: 0))
        do throws(AttemptError) {
            let arrival = try await web.persist(
                item, at: access.authority, progress: { self.session?.confirmed ?? 0 }
            ) { () throws(AttemptError) in try await self.attempt() }
            web.settings.onEvent?(.ended(item: item, failure: nil))
            return arrival
        } catch {
            await cancel()
            web.settings.onEvent?(.ended(item: item, failure: error.failure))
            throw error
        }
    }

    private func attempt() async throws(AttemptError) -> BlobArrival {
        parts = nil
        if isCommitting, try await isThere() { return .uploaded }
        isCommitting = false
        if isUncertain, session != nil { try await askStatus() }
        if session == nil, try await begin() {
            return origin == access.repository ? .present : .mounted
        }
        isUncertain = true
        try await send()
        return .uploaded
    }

    /// Whether the registry has the blob after all.
    private func isThere() async throws(AttemptError) -> Bool {
        var request = HTTPRequest(address: start.sibling("\(blob.digest)"))
        request.method = .head
        return try await web.attempt(request, as: access, artifact: artifact).head?.status == 200
    }

    /// Asks for an upload, or for the blob out of the repository ``origin``. Returns whether it was mounted.
    private func begin() async throws(AttemptError) -> Bool {
        var request = HTTPRequest(address: start)
        request.method = .post
        var access = access
        if let origin {
            request.address = start.adding(query: "mount=\(blob.digest)&from=\(origin)")
            if origin != access.repository { access.origin = origin }
        }
        let outcome = try await web.attempt(request, as: access, artifact: artifact)
        let status = outcome.head?.status ?? 0
        if origin != nil {
            if status == 201 {
                try check(digestOf: outcome)
                return true
            }
            origin = nil
            // Registries that mount nothing say so in many ways; what matters is what they say without it.
            if (400..<500).contains(status), ![408, 425, 429].contains(status) { return try await begin() }
        }
        guard status == 202 else { throw AttemptError(push: outcome, artifact) }
        session = Session(address: start)
        session?.leastChunk =
            outcome.head?["oci-chunk-min-length"].flatMap { Int64(sizeFromOutside: $0) } ?? 1
        try move(to: outcome, isRequired: true)
        isUncertain = false
        return false
    }

    /// Takes the place of the next request from an answer.
    func move(to outcome: HTTPResponse, isRequired: Bool = false) throws(AttemptError) {
        guard let location = outcome.head?["location"] else {
            guard isRequired else { return }
            throw refuse("\(outcome.address.authority) names no place to send it to")
        }
        do throws(Failure) {
            let address = try HTTPURL(location, relativeTo: outcome.address)
            session?.address = address
            session?.isOfRegistry = address.isSameOrigin(as: start)
            let registryIsLocal = start.isLocal || HTTPURL.isLocal(address: outcome.peer)
            session?.refusesLocalPeer = !address.isSameOrigin(as: start) && !registryIsLocal
        } catch {
            throw refuse(
                "\(outcome.address.authority) names a place that is not one to send it to: \(error.reason)")
        }
    }

    /// A request to the upload that is under way.
    func request(_ method: HTTPRequest.Method) -> HTTPRequest {
        var request = HTTPRequest(address: session?.address ?? start)
        request.method = method
        request.refusesLocalPeer = session?.refusesLocalPeer ?? false
        return request
    }

    /// Sends it, with the login only where the registry itself gets it.
    func perform(_ request: HTTPRequest) async throws(AttemptError) -> HTTPResponse {
        try await web.attempt(
            request, as: session?.isOfRegistry == false ? nil : access, artifact: artifact)
    }

    /// Asks how far the upload got; where the server does not know, it is given up and the next begins again.
    private func askStatus() async throws(AttemptError) {
        let outcome = try await perform(request(.get))
        let status = outcome.head?.status ?? 0
        guard ![408, 425, 429].contains(status), status < 500 else {
            throw AttemptError(push: outcome, artifact)
        }
        let confirmed = outcome.head?.confirmedBytes ?? 0
        if (200..<300).contains(status), confirmed <= blob.size {
            try move(to: outcome)
            session?.confirmed = confirmed
            isUncertain = false
        } else {
            await cancel()
        }
        web.settings.onEvent?(.restarted(item: item))
        web.settings.onEvent?(.received(item: item, bytes: Int(session?.confirmed ?? 0)))
    }

    /// Has the registry forget the upload, as well as that goes, even when this task was cancelled.
    func cancel() async {
        guard session != nil else { return }
        let request = request(.delete)
        let access = session?.isOfRegistry == false ? nil : access
        session = nil
        isUncertain = false
        let (web, artifact) = (web, artifact)
        await Task { _ = try? await web.attempt(request, as: access, artifact: artifact) }.value
    }

    /// - Throws: where the registry says that it has other content than was sent.
    func check(digestOf outcome: HTTPResponse) throws(AttemptError) {
        guard let said = outcome.head?["docker-content-digest"], said != "\(blob.digest)" else { return }
        throw AttemptError(
            Failure(
                .data, "push", artifact,
                because: "\(outcome.address.authority) says that it has \(said.prefix(80).filter(\.isASCII))",
                remedy: "do not use this registry before its operator has explained it"))
    }

    func refuse(_ reason: String) -> AttemptError {
        AttemptError(
            Failure(
                .unavailable, "push", artifact, because: reason,
                remedy: "check that it is a registry, and what is in front of it"))
    }
}

extension ResponseHead {
    /// How many bytes an upload has, by its `Range: 0-LAST`. `0-0` is what registries say of nothing.
    var confirmedBytes: Int64? {
        guard let text = self["range"] else { return nil }
        let value = text.hasPrefix("bytes=") ? text.dropFirst(6) : text[...]
        let ends = value.split(separator: "-", omittingEmptySubsequences: false).map {
            Int64(sizeFromOutside: $0)
        }
        guard ends.count == 2, ends[0] == 0, let last = ends[1], (0..<Descriptor.largestSize).contains(last)
        else { return nil }
        return last == 0 ? 0 : last + 1
    }
}
