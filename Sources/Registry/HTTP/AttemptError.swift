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
        failure = Failure(
            error.cause.kind, "fetch", artifact,
            because: "\(error.cause.reason(at: address.authority)) (\(error.text))",
            remedy: error.cause.remedy(at: address))
        isTransient =
            [
                .unresolvable, .unresolvableProxy, .unreachable, .unreachableProxy, .handshake, .stalled,
                .interrupted,
            ].contains(error.cause)
            || [502, 503, 504].contains { error.cause == .proxy(status: $0) }
        isUnreachable =
            [.unresolvable, .unresolvableProxy, .unreachable, .unreachableProxy].contains(error.cause)
    }

    /// What an answer without success, from `address`, means for `artifact`.
    init(_ outcome: HTTPResponse, artifact: String) {
        let status = outcome.head?.status ?? 0
        let errors = RegistryErrors(outcome.body, hiding: outcome.secrets)
        (code, message) = (errors.code, errors.message)
        wait = outcome.head?["retry-after"].flatMap(RetryAfter.init)?.wait
        isTransient = [408, 425, 429, 500, 502, 503, 504].contains(status)
        let refusal = outcome.denial(status) ?? outcome.refusal(status)
        let answer = "\(outcome.address.authority) answered \(status)" + (code.map { " \($0)" } ?? "")
        failure = Failure(
            refusal.kind, "fetch", artifact,
            because: [answer, refusal.reason].compactMap(\.self).joined(separator: ": ")
                + (message.map { "; it says: \($0)" } ?? ""),
            remedy: refusal.remedy)
    }

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

extension AttemptError {
    /// The answer was compressed on the way, though it was not asked for.
    static func encoded(_ encoding: String, artifact: String, address: HTTPURL) -> AttemptError {
        AttemptError(
            Failure(
                .data, "fetch", artifact,
                because: "\(address.authority), or a proxy before it, changed the content: "
                    + "Content-Encoding \(encoding.prefix(20).filter(\.isLetter))",
                remedy: "switch the proxy's compression off, or go around it with NO_PROXY=\(address.host)"))
    }
}
