// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A failure of one attempt, and whether another may help.
struct AttemptError: Error, Sendable {
    var failure: Failure
    /// The same request may succeed later.
    var isTransient = false
    /// How long the server asked to wait.
    var wait: Duration?
    /// Another candidate may have it.
    var mayTryElsewhere = true
    /// The server was not reached at all.
    var isUnreachable = false
    /// What is there already is worth nothing: the next attempt begins at the first byte.
    var forgetsBytes = false
    /// What the registry called it: `DIGEST_INVALID`.
    var code: String?
    /// What it said of it.
    var message: String?

    init(
        _ failure: Failure, transient: Bool = false, wait: Duration? = nil, elsewhere: Bool = true,
        forgetting: Bool = false
    ) {
        self.failure = failure
        isTransient = transient
        self.wait = wait
        mayTryElsewhere = elsewhere
        forgetsBytes = forgetting
    }

    /// The task was cancelled.
    static func interrupted(_ artifact: String) -> AttemptError {
        AttemptError(
            Failure(
                .busy, "fetch", artifact, because: "it was interrupted",
                remedy: "run it again to resume"), elsewhere: false)
    }

    /// What a failed connection to `address` means for `artifact`.
    init(_ error: TransportError, artifact: String, at address: HTTPURL) {
        let place = address.authority
        let (reason, remedy): (String, String) =
            switch error.cause {
            case .unresolvable:
                ("the name of \(place) is not known", "check the name, the resolver and the proxy variables")
            case .unreachable:
                ("\(place) cannot be connected to", "check that it runs, and the proxy variables")
            case .certificate:
                (
                    "\(place) does not prove its name",
                    "name its certificate authority with --ca, or trust it with --insecure \(place)"
                )
            case .authorities:
                (
                    "the certificate authorities to verify \(place) by cannot be read",
                    "install the package ca-certificates, or name a PEM file in SSL_CERT_FILE or with --ca"
                )
            case .ownCertificate:
                (
                    "the client certificate for \(place) cannot be used",
                    "check the files of --client-cert and --client-key"
                )
            case .certificateWanted:
                (
                    "\(place) does not accept this client",
                    "show it a client certificate that it knows with --client-cert and --client-key"
                )
            case .proxy(401), .proxy(407):
                (
                    "the proxy in front of \(place) requires authentication",
                    "write it into the proxy variable: http://USER:PASSWORD@HOST:PORT"
                )
            case .proxy:
                (
                    "the proxy cannot reach \(place)",
                    "check the proxy variables, or go around it with NO_PROXY=\(address.host)"
                )
            case .handshake:
                (
                    "no TLS connection to \(place)",
                    "if it speaks plain HTTP and you trust the network, name it with --insecure \(place)"
                )
            case .plainServer:
                (
                    "\(place) speaks plain HTTP, without TLS",
                    "if you trust the network, name it with --insecure \(place)"
                )
            case .secureServer: ("\(place) does not answer in HTTP, perhaps in TLS", Self.writeHTTPS)
            case .stalled:
                ("\(place) sends nothing, or too slowly", "check the network, then run it again")
            case .interrupted:
                ("the connection to \(place) broke off", "run it again to resume")
            case .localPeer:
                ("\(place) resolves to this host itself", "do not trust that registry with a login")
            case .other: ("\(place) was not understood", "check that it speaks HTTP")
            }
        let kind: Failure.Kind =
            switch error.cause {
            case .localPeer, .certificateWanted, .proxy(401), .proxy(407): .denied
            case .ownCertificate, .authorities: .configuration
            default: .unavailable
            }
        failure = Failure(
            kind, "fetch", artifact, because: "\(reason) (\(error.text))", remedy: remedy)
        isTransient =
            [.unresolvable, .unreachable, .handshake, .stalled, .interrupted].contains(error.cause)
            || [502, 503, 504].contains { error.cause == .proxy(status: $0) }
        isUnreachable = [.unresolvable, .unreachable].contains(error.cause)
    }

    /// What an answer without success, from `address`, means for `artifact`.
    init(_ outcome: HTTPResponse, artifact: String) {
        let status = outcome.head?.status ?? 0
        let place = outcome.address.authority
        let errors = RegistryErrors(outcome.body, hiding: outcome.secrets)
        (code, message) = (errors.code, errors.message)
        let answer = "\(place) answered \(status)" + (code.map { " \($0)" } ?? "")
        wait = outcome.head?["retry-after"].flatMap(RetryAfter.init)?.wait
        isTransient = [408, 425, 429, 500, 502, 503, 504].contains(status)
        let (kind, reason, remedy): (Failure.Kind, String, String) =
            switch status {
            case 401 where outcome.login != nil:
                (
                    .denied, "\(answer): it refuses the login of \(outcome.login ?? "")",
                    "log in again with 'podman login \(place)' or 'docker login \(place)', or set REGISTRY_AUTH_FILE"
                )
            case 401:
                (
                    .denied, "\(answer): it needs a login",
                    "log in with 'podman login \(place)' or 'docker login \(place)', or set REGISTRY_AUTH_FILE"
                )
            case 403:
                (
                    .denied,
                    "\(answer): permission denied" + (outcome.login.map { " with the login of \($0)" } ?? ""),
                    "log in to \(place) as somebody who may, or set REGISTRY_AUTH_FILE"
                )
            case 400 where outcome.wantsTLS:
                (.unavailable, "\(answer): it speaks TLS, and no plain HTTP", Self.writeHTTPS)
            case 400:
                (
                    .unavailable, "\(answer): it could not read the request",
                    "see whether it speaks TLS, or wants a client certificate (--client-cert, --client-key)"
                )
            case 407:
                (
                    .denied, "\(answer): the proxy in front of it requires authentication",
                    "write it into the proxy variable: http://USER:PASSWORD@HOST:PORT"
                )
            case 404, 410:
                (
                    .unavailable, "\(answer): not found",
                    "check the name and the tag or path, and the mirrors that are set"
                )
            case 429:
                (
                    .unavailable, "\(answer): too many requests",
                    "wait, log in to \(place) for a larger quota, or use a mirror"
                )
            default: (.unavailable, answer, "check the status of \(place), then run it again")
            }
        failure = Failure(
            kind, "fetch", artifact, because: reason + (message.map { "; it says: \($0)" } ?? ""),
            remedy: remedy)
    }

    private static let writeHTTPS = "write https:// in place of http://, or leave the scheme out"

    /// The answer is a page for people where content was due.
    static func page(_ address: HTTPURL, artifact: String) -> AttemptError {
        AttemptError(
            Failure(
                .unavailable, "fetch", artifact,
                because: "\(address) is a page for a browser, perhaps a login page",
                remedy:
                    "open it in a browser on this host: log in to the network there, or go around the proxy with "
                    + "NO_PROXY=\(address.host)"))
    }

    /// One failure out of those of all candidates.
    static func combined(_ failures: [Failure]) -> Failure {
        guard var last = failures.last else { fatalError("nothing has failed") }
        let reasons = failures.map(\.reason).reduce(into: [String]()) { all, reason in
            if !all.contains(reason) { all.append(reason) }
        }
        last.reason = reasons.joined(separator: "; ")
        // Wrong bytes anywhere weigh more than no answer.
        if let data = failures.first(where: { $0.kind == .data }) {
            last.kind = .data
            last.remedy = data.remedy
        }
        return last
    }
}

extension HTTPResponse {
    /// Whether the server says that it was spoken to without TLS: nginx, Go and Apache answer so.
    fileprivate var wantsTLS: Bool {
        guard address.scheme == .http else { return false }
        let said = String(decoding: body.prefix(4096), as: UTF8.self).lowercased()
        return said.contains("plain http") || said.contains("http request to an https server")
    }
}
