// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// Answers challenges, and keeps what was accepted. Sources: distribution's token authentication
/// specification; RFC 6749, 6 (identity tokens); RFC 7617 (basic).
actor Authorizer {
    private struct Entry {
        var value: String
        var expiry: ContinuousClock.Instant?
    }
    private struct Key: Hashable {
        var access: AccessScope
        /// A token for https is not sent over http.
        var scheme: HTTPURL.Scheme
    }
    private let credentials: Credentials
    private var entries: [Key: Entry] = [:]
    private var running: [Key: Task<Result<Entry?, AttemptError>, Never>] = [:]

    /// The logins that were found, in words.
    private var logins: [AccessScope: String] = [:]

    init(_ credentials: Credentials) { self.credentials = credentials }

    /// The value of `Authorization` that was good for `access` before, as long as it is.
    func known(_ access: AccessScope, at address: HTTPURL) -> String? {
        guard access.authority == address.authority,
            let entry = entries[Key(access: access, scheme: address.scheme)]
        else { return nil }
        if let expiry = entry.expiry, expiry <= ContinuousClock.now { return nil }
        return entry.value
    }

    /// Whose login it is that was found for `access`, and where; `nil` where none was.
    func login(for access: AccessScope) -> String? { logins[access] }

    /// A value of `Authorization` that answers one of `challenges`; `nil` where there is no login to.
    /// Requests that are challenged at the same time share one token.
    /// - Parameter isOwn: gets a token that no other request is given.
    func answer(
        _ challenges: [Challenge], from outcome: HTTPResponse, for access: AccessScope, rejected: String?,
        isOwn: Bool,
        through web: HTTPClient, artifact: String
    ) async throws(AttemptError) -> String? {
        let key = Key(access: access, scheme: outcome.address.scheme)
        if isOwn {
            let own = try await obtain(
                challenges, outcome: outcome, access: access, web: web, artifact: artifact)
            return own.flatMap { $0.value == rejected ? nil : $0.value }
        }
        if let value = known(access, at: outcome.address), value != rejected { return value }
        let task =
            running[key]
            ?? Task {
                do throws(AttemptError) {
                    return .success(
                        try await obtain(
                            challenges, outcome: outcome, access: access, web: web, artifact: artifact))
                } catch {
                    return .failure(error)
                }
            }
        running[key] = task
        let result = await task.value
        running[key] = nil
        guard let entry = try result.get(), entry.value != rejected else { return nil }
        entries[key] = entry
        return entry.value
    }

    private func obtain(
        _ challenges: [Challenge], outcome: HTTPResponse, access: AccessScope, web: HTTPClient,
        artifact: String
    ) async throws(AttemptError) -> Entry? {
        let credentials = credentials
        let stored: StoredLogin?
        do throws(Failure) {
            stored = try await onThread { () throws(Failure) in
                try credentials.login(for: access.authority, access.repository)
            }
        } catch {
            throw AttemptError(error, elsewhere: false)
        }
        logins[access] = stored?.description
        let login = stored?.login
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }), !access.scopes.isEmpty {
            return try await token(
                bearer, outcome: outcome, access: access, login: login, web: web, artifact: artifact)
        }
        guard challenges.contains(where: { $0.scheme == "basic" }), let basic = login?.basic else {
            return nil
        }
        return Entry(value: basic)
    }

    private func token(
        _ challenge: Challenge, outcome: HTTPResponse, access: AccessScope, login: Login?, web: HTTPClient,
        artifact: String
    ) async throws(AttemptError) -> Entry {
        let realm = try Realm(challenge.parameters["realm"] ?? "", named: outcome, artifact: artifact)
        let request = Self.request(challenge, to: realm, access: access, login: login)
        let answer: HTTPResponse
        do throws(AttemptError) {
            let sent = logins[access]
            answer = try await web.persist(artifact, at: realm.address.authority) { () throws(AttemptError) in
                var outcome = try await web.follow(request, artifact: artifact)
                outcome.login = sent
                guard outcome.head?.status == 200 else { throw AttemptError(outcome, artifact: artifact) }
                return outcome
            }
        } catch {
            var setback = error
            setback.failure.reason = "no token for \(access.authority): \(setback.failure.reason)"
            throw setback
        }
        return try Self.parse(answer, artifact: artifact)
    }

    /// The request for a token: OAuth 2.0's with an identity token, else a GET that may have a login.
    private static func request(
        _ challenge: Challenge, to realm: Realm, access: AccessScope, login: Login?
    ) -> HTTPRequest {
        let scopes = access.scopes(challenged: challenge.parameters["scope"])
        var query: [(String, String)] = []
        if let service = challenge.parameters["service"] { query.append(("service", service)) }
        var request = HTTPRequest(address: realm.address)
        request.refusesLocalPeer = realm.refusesLocalPeer
        request.limit = 1 << 20
        if case .identity(let token) = login {
            query += [
                ("scope", scopes.joined(separator: " ")), ("grant_type", "refresh_token"),
                ("client_id", "sealift"), ("refresh_token", token),
            ]
            request.method = .post
            request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            request.body = .bytes(Array(form(query).utf8))
            request.secrets.append(token)
        } else {
            query += scopes.map { ("scope", $0) }
            request.address = realm.address.adding(query: form(query))
            if let basic = login?.basic { request.authorize(basic) }
        }
        return request
    }

    private static func parse(_ answer: HTTPResponse, artifact: String) throws(AttemptError) -> Entry {
        if answer.head?.isPage == true { throw AttemptError.page(answer.address, artifact: artifact) }
        let fields = try? JSONText.decode(TokenAnswer.self, from: answer.body)
        guard let text = fields?.token, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw AttemptError(
                Failure(
                    .unavailable, "fetch", artifact,
                    because: "the answer of \(answer.address.authority) holds no token",
                    remedy: "check that it is a token server"))
        }
        // The specification's least is a minute. A tenth is left for the way.
        let seconds = min(max(fields?.seconds ?? 60, 60), 86400)
        return Entry(value: "Bearer " + text, expiry: .now + .seconds(seconds * 0.9))
    }

    private static func form(_ fields: [(String, String)]) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
        let digits = Array("0123456789ABCDEF")
        func escape(_ text: String) -> String {
            text.utf8.reduce(into: "") { all, byte in
                if plain.contains(byte) {
                    all.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    all += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
                }
            }
        }
        return fields.map { "\($0.0)=\(escape($0.1))" }.joined(separator: "&")
    }
}

/// What a token server answers: `token`, or `access_token` as OAuth 2 names it.
private struct TokenAnswer: Decodable {
    /// Not empty.
    var token: String?
    /// How long it is good; some servers write the number as a text.
    var seconds: Double?

    private enum Key: String, CodingKey { case token, access_token, expires_in }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) -> String? {
            (try? fields.decodeIfPresent(String.self, forKey: key)).flatMap { $0.isEmpty ? nil : $0 }
        }
        token = text(.token) ?? text(.access_token)
        let number = try? fields.decodeIfPresent(Double.self, forKey: .expires_in)
        seconds = (number ?? text(.expires_in).flatMap { Double($0) }).flatMap { $0.isFinite ? $0 : nil }
    }
}

/// Where a registry sends its users for tokens. A hostile registry may name a place that gets at a login or
/// at services of this host (CVE-2026-48978).
struct Realm {
    let address: HTTPURL
    /// The connection must not reach this host either, whatever its name resolves to.
    let refusesLocalPeer: Bool

    /// - Throws: a failure of kind `denied` for a realm that a registry at `outcome` may not name.
    init(_ text: String, named outcome: HTTPResponse, artifact: String) throws(AttemptError) {
        let registry = outcome.address
        func refuse(_ reason: String) -> AttemptError {
            AttemptError(
                Failure(
                    .denied, "fetch", artifact,
                    because: "\(registry.authority) asks for the login to be sent \(reason)",
                    remedy: "do not log in to this registry before its operator has explained it"),
                elsewhere: false)
        }
        do throws(Failure) { address = try HTTPURL(text) } catch {
            throw refuse("to a place that is not one: \(error.reason)")
        }
        if registry.scheme == .https, address.scheme == .http {
            throw refuse("over plain HTTP, to \(address)")
        }
        let registryIsLocal = registry.isLocal || HTTPURL.isLocal(address: outcome.peer)
        refusesLocalPeer = !registryIsLocal
        if address.isLocal, !registryIsLocal { throw refuse("to this host itself, at \(address)") }
    }
}

extension HTTPURL {
    /// The same with more in its query.
    func adding(query: String) -> HTTPURL {
        let joint = target.contains("?") ? "&" : "?"
        return HTTPURL(scheme: scheme, host: host, port: port, target: target + joint + query)
    }
}
