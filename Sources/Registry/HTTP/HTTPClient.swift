// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Whose credentials a request may use: those for `repository` at `authority`.
struct AccessScope: Sendable, Hashable {
    /// `host[:port]` that credentials are looked up for.
    var authority: String
    /// The path that they are narrowed to; empty for files.
    var repository: String
    /// What a token is asked for: `pull`, `pull,push`; empty for files, which no tokens are asked for.
    var actions: String
    /// Another repository that a blob is mounted from.
    var origin: String?

    /// The scopes of the distribution token specification.
    var scopes: [String] {
        guard !actions.isEmpty else { return [] }
        return ["repository:\(repository):\(actions)"] + (origin.map { ["repository:\($0):pull"] } ?? [])
    }

    /// The scopes to ask for where a challenge names `scope`: what the registry says, but for a repository
    /// of ours all that will be needed, so that one token serves HEAD and push.
    func scopes(challenged scope: String?) -> [String] {
        let named = (scope ?? "").split(separator: " ").map(String.init)
        guard actions != "pull" else { return named.isEmpty ? scopes : named }
        func resource(_ scope: String) -> Substring {
            scope.dropLast(scope.reversed().prefix { $0 != ":" }.count)
        }
        return scopes + named.filter { one in !scopes.contains { resource($0) == resource(one) } }
    }
}

/// HTTP as it is used here: redirects, authorization, waits and repeats around the engine.
final class HTTPClient: Sendable {
    let settings: TransferSettings
    let engine: TransferEngine
    private let proxies: ProxySettings
    private let authorizer: Authorizer
    private let pacing = RateLimiter()
    private let trusts: Trusts
    /// The certificates that servers showed, by host and port: a connection that is used again shows none.
    private let certificates = Monitor<[String: ServerCertificate]>([:])

    init(_ settings: TransferSettings) throws(Failure) {
        self.settings = settings
        proxies = ProxySettings(environment: settings.environment)
        engine = try TransferEngine(
            .init(
                jobs: max(1, settings.jobs), perHost: max(1, settings.jobsPerHost),
                smallMultiple: max(1, settings.smallMultiple),
                authorities: settings.authorities, proxies: proxies,
                connectTime: settings.connectTime,
                slowestSpeed: settings.slowestSpeed, patience: settings.patience,
                memory: max(1 << 20, settings.memory)))
        authorizer = Authorizer(Credentials(environment: settings.environment))
        trusts = Trusts(settings)
    }

    /// What TLS with the server at `address` rests on.
    func trust(in address: HTTPURL) async throws(AttemptError) -> TLSTrust {
        if address.scheme == .http { return TLSTrust() }
        let trusts = trusts
        do throws(Failure) {
            if trusts.isKnown(address) { return try trusts.trust(in: address) }
            return try await onThread { () throws(Failure) in try trusts.trust(in: address) }
        } catch {
            throw AttemptError(error)
        }
    }

    /// Whether plain HTTP and TLS without proof are allowed at `address`.
    func isInsecure(_ address: HTTPURL) -> Bool {
        settings.insecureHosts.contains(address.authority)
            || settings.insecureHosts.contains("\(address.host):\(address.port)")
    }

    /// - Throws: a failure of kind `denied` for plain HTTP to a server that was not named insecure.
    func permit(_ address: HTTPURL, for artifact: String) throws(AttemptError) {
        guard address.scheme == .http, !isInsecure(address) else { return }
        throw AttemptError(
            Failure(
                .denied, "fetch", artifact,
                because: "it redirects to \(address), over plain HTTP, where anyone can read and change it",
                remedy:
                    "use https, or name the server with --insecure \(address.authority); if it is the login page of a "
                    + "network, log in with a browser on this host"))
    }

    /// Sends `request`, follows redirects and answers a challenge. Returns whatever complete answer ends
    /// this, an error of the server included.
    /// - Parameter decide: asked for the heads of successes only.
    func attempt(
        _ request: HTTPRequest, as access: AccessScope?, artifact: String, into channel: SinkQueue? = nil,
        decide: @escaping @Sendable (ResponseHead) -> BodyDisposition = { _ in .collect }
    ) async throws(AttemptError) -> HTTPResponse {
        var authorization: String?
        if let access { authorization = await authorizer.known(access, at: request.address) }
        for round in 0... {
            var request = request
            if let authorization { request.authorize(authorization) }
            var outcome = try await follow(request, artifact: artifact, into: channel, decide: decide)
            if let access, authorization != nil { outcome.login = await authorizer.login(for: access) }
            guard let access, let head = outcome.head, head.status == 401, round < Self.mostTokens,
                outcome.address.isSameOrigin(as: request.address)
            else { return outcome }
            let challenges = Challenge.parse(head.all("www-authenticate"))
            if authorization != nil, challenges.contains(where: \.wantsMoreRights) { return outcome }
            authorization = try await authorizer.answer(
                challenges, from: outcome, for: access, rejected: authorization, isOwn: round > 0,
                through: self,
                artifact: artifact)
            if authorization == nil { return outcome }
            guard case .stream = request.body else { continue }
            // What was streamed is gone; its sender begins again, with the new token.
            throw AttemptError(
                AttemptError(outcome, artifact: artifact).failure, transient: true, wait: .zero)
        }
        fatalError("the loop has no end")
    }

    /// The certificate of the server that answered, noted for those that answer over the same connection.
    private func certificate(of outcome: HTTPResponse) -> ServerCertificate? {
        guard outcome.address.scheme == .https else { return nil }
        return certificates.locked { known in
            let server = "\(outcome.address.host):\(outcome.address.port)"
            if let shown = outcome.certificate { known[server] = shown }
            return known[server]
        }
    }

    /// Tells who answered.
    func tell(_ item: String, asked: HTTPURL, outcome: HTTPResponse) {
        settings.onEvent?(.answered(item: item, answer: ServerAnswer(asked: asked, outcome: outcome)))
    }

    /// A token that others use may be used up before its first request here; the second is for this request only.
    private static let mostTokens = 2
    private static let redirects: Set<Int> = [301, 302, 303, 307, 308]
    private static let mostRedirects = 10

    /// Sends `request` and follows redirects. Credentials are dropped for good as soon as scheme, host or
    /// port change (CVE-2026-50151 and its like).
    func follow(
        _ request: HTTPRequest, artifact: String, into channel: SinkQueue? = nil,
        decide: @escaping @Sendable (ResponseHead) -> BodyDisposition = { _ in .collect }
    ) async throws(AttemptError) -> HTTPResponse {
        var request = request
        for _ in 0...Self.mostRedirects {
            try permit(request.address, for: artifact)
            request.verifiesServer = !isInsecure(request.address)
            request.trust = try await trust(in: request.address)
            var outcome = await engine.perform(request, into: channel) { head in
                (200..<300).contains(head.status) ? decide(head) : .collect
            }
            outcome.certificate = certificate(of: outcome)
            switch outcome.ending {
            case .complete: break
            case .broken(var error):
                if error.cause == .unreachable, proxies.isNamed(in: error.text, for: request.address) {
                    error.cause = .unreachableProxy
                }
                var setback = AttemptError(error, artifact: artifact, at: request.address)
                if error.cause == .certificate { await explain(&setback, error: error, at: request) }
                if [.unresolvable, .unresolvableProxy].contains(error.cause),
                    let name = HostLookup.name(in: error.text),
                    await HostLookup.isUnknown(name)
                {
                    setback.isTransient = false
                }
                throw setback
            case .refused(let setback): throw setback
            case .cancelled: throw AttemptError.interrupted(artifact)
            }
            guard let head = outcome.head, Self.redirects.contains(head.status),
                let location = head["location"]
            else { return outcome }
            request = try redirected(request, to: location, artifact: artifact)
        }
        throw AttemptError(
            Failure(
                .unavailable, "fetch", artifact,
                because:
                    "it was redirected more than \(Self.mostRedirects) times, at last to \(request.address)",
                remedy: "check the URL, and the mirrors that are set"))
    }

    /// Adds what the certificates show to a failure of their proof. They are asked for by a request without a login.
    private func explain(_ setback: inout AttemptError, error: TransportError, at failed: HTTPRequest) async {
        var request = HTTPRequest(address: failed.address)
        request.method = .head
        request.verifiesServer = false
        request.refusesLocalPeer = failed.refusesLocalPeer
        request.wantsCertificates = true
        let shown = await engine.perform(request).certificates
        let found = ShownCertificate.explain(shown, complaint: error.text, at: failed.address)
        guard let (reason, remedy) = found else { return }
        setback.failure.reason =
            "\(failed.address.authority) does not prove its name: \(reason) (\(error.text))"
        setback.failure.remedy = remedy
    }

    private func redirected(
        _ request: HTTPRequest, to location: String, artifact: String
    ) throws(AttemptError) -> HTTPRequest {
        var next = request
        do throws(Failure) {
            next.address = try HTTPURL(location, relativeTo: request.address)
        } catch {
            throw AttemptError(
                Failure(
                    .unavailable, "fetch", artifact,
                    because:
                        "\(request.address.authority) redirects it to a place that is not one: \(error.reason)"
                ))
        }
        guard case .none = request.body else {
            throw AttemptError(
                Failure(
                    .unavailable, "send to", "\(request.address)",
                    because: "it redirects what is sent to \(next.address)",
                    remedy: "name that place itself, if it is to be trusted"))
        }
        if !next.address.isSameOrigin(as: request.address) {
            next.headers.removeAll { $0.name == "Authorization" }
        }
        return next
    }

    /// Repeats `body` while its failures may pass, with growing waits between.
    /// - Parameter progress: a measure of how far it got; attempts that raise it do not count.
    func persist<Result: Sendable>(
        _ item: String, at authority: String, attempts: Int? = nil, progress: () -> Int64 = { 0 },
        body: () async throws(AttemptError) -> Result
    ) async throws(AttemptError) -> Result {
        var fruitless = 0
        var highest = progress()
        while true {
            if let (left, reason) = pacing.left(authority) {
                try await sleep(left, item: item, reason: reason)
            }
            let setback: AttemptError
            do throws(AttemptError) { return try await body() } catch { setback = error }
            guard setback.isTransient else { throw setback }
            let now = progress()
            // A trickle is not progress, else a server could keep us for ever.
            fruitless = now >= highest + 1 << 16 ? 1 : fruitless + 1
            highest = max(highest, now)
            guard fruitless < attempts ?? settings.retry.attempts else { throw setback }
            var wait = settings.retry.wait(after: fruitless)
            if let asked = setback.wait {
                guard asked <= settings.retry.longestAsked else {
                    var failure = setback.failure
                    failure.reason += ", and asked to wait \(asked.components.seconds) seconds"
                    throw AttemptError(failure)
                }
                wait = max(asked, .zero)
                pacing.hold(authority, for: wait, because: setback.failure.reason)
                continue
            }
            try await sleep(wait, item: item, reason: setback.failure.reason)
        }
    }

    private func sleep(_ time: Duration, item: String, reason: String) async throws(AttemptError) {
        guard time > .zero else { return }
        settings.onEvent?(.waiting(item: item, reason: reason, time: time))
        do { try await Task.sleep(for: time) } catch { throw AttemptError.interrupted(item) }
    }

    /// A small answer in memory, repeated where that may help.
    /// - Throws: for every status but those of `accepted` too.
    func collect(
        _ request: HTTPRequest, as access: AccessScope?, item: String, artifact: String, attempts: Int? = nil,
        accepting accepted: Set<Int> = [200]
    ) async throws(AttemptError) -> HTTPResponse {
        var request = request
        request.answerSize = request.answerSize ?? 0
        let asked = request
        return try await persist(item, at: request.address.authority, attempts: attempts) {
            () throws(AttemptError) in
            let outcome = try await attempt(asked, as: access, artifact: artifact)
            guard let head = outcome.head, accepted.contains(head.status) else {
                throw AttemptError(outcome, artifact: artifact)
            }
            if let encoding = head.encoding, asked.method != .head {
                throw AttemptError.encoded(encoding, artifact: artifact, address: outcome.address)
            }
            tell(item, asked: asked.address, outcome: outcome)
            return outcome
        }
    }
}
