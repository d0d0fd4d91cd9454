// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A server that speaks the distribution API for a registry, itself or as its mirror.
struct Endpoint: Sendable, Hashable {
    let host: String
    /// `nil` where none was written: that of the scheme.
    let port: UInt16?
    /// The prefix of each repository's name; empty, or with a slash at its end.
    let prefix: String
    /// `nil` where none was written: https, or what an insecure server speaks.
    let scheme: HTTPURL.Scheme?

    /// The registry that a reference names.
    init(domain: String) throws(Failure) {
        // Docker's registry has another name than its images.
        try self.init(candidate: domain == "docker.io" ? "registry-1.docker.io" : domain)
    }

    /// `[scheme://]host[:port][/path]`.
    /// - Throws: a ``Failure`` of kind `configuration`.
    init(candidate: String) throws(Failure) {
        let hasScheme = candidate.hasPrefix("http://") || candidate.hasPrefix("https://")
        // "https://" before it would make a host of a foreign scheme.
        let isBare = !hasScheme && !candidate.split(separator: "/").contains { $0.hasSuffix(":") }
        let address = try HTTPURL(isBare ? "https://" + candidate : candidate)
        guard !address.target.contains("?") else {
            throw Failure(
                .configuration, "use the mirror", "\(address)", because: "it has a query",
                remedy: "write it as HOST[:PORT][/PATH]")
        }
        host = address.host
        scheme = hasScheme ? address.scheme : nil
        port = address.authority == address.host ? nil : address.port
        let path = address.path.split(separator: "/").joined(separator: "/")
        prefix = path.isEmpty ? "" : path + "/"
    }

    /// `host[:port]`.
    var authority: String { port.map { "\(host):\($0)" } ?? host }

    /// The root as a URL of that scheme.
    func address(_ scheme: HTTPURL.Scheme, target: String) -> HTTPURL {
        HTTPURL(scheme: scheme, host: host, port: port ?? (scheme == .https ? 443 : 80), target: target)
    }
}

/// Which endpoint a registry is asked at, and what that speaks.
actor Endpoints {
    private let mirrors: [String: [Endpoint]]
    private var schemes: [String: Task<HTTPURL.Scheme, Never>] = [:]
    private var unreachable: Set<String> = []

    /// - Throws: a ``Failure`` of kind `configuration` for a mirror that is not well formed, or that is
    ///   written with `http://` and was not named insecure.
    init(_ web: HTTPClient) throws(Failure) {
        var mirrors: [String: [Endpoint]] = [:]
        for (domain, candidates) in web.settings.mirrors {
            for candidate in candidates {
                let endpoint = try Endpoint(candidate: candidate)
                if endpoint.scheme == .http {
                    do throws(AttemptError) {
                        try web.permit(endpoint.address(.http, target: "/"), for: "the mirror \(candidate)")
                    } catch {
                        var failure = error.failure
                        failure.kind = .configuration
                        throw failure
                    }
                }
                mirrors[domain, default: []].append(endpoint)
            }
        }
        self.mirrors = mirrors
    }

    /// All endpoints for `domain` in the order in which they are asked: mirrors, then the registry itself;
    /// but last those that did not answer before.
    func candidates(for domain: String) throws(Failure) -> [Endpoint] {
        let all = (mirrors[domain] ?? []) + [try Endpoint(domain: domain)]
        return all.filter { !unreachable.contains($0.authority) }
            + all.filter { unreachable.contains($0.authority) }
    }

    /// Remembers that the server did not answer.
    func avoid(_ endpoint: Endpoint) { unreachable.insert(endpoint.authority) }

    /// What `endpoint` speaks: https, unless the user named it insecure and it does not.
    func scheme(of endpoint: Endpoint, _ web: HTTPClient) async -> HTTPURL.Scheme {
        if let scheme = endpoint.scheme { return scheme }
        guard
            web.isInsecure(endpoint.address(.https, target: "/"))
                || web.isInsecure(endpoint.address(.http, target: "/"))
        else {
            return .https
        }
        let task =
            schemes[endpoint.authority]
            ?? Task {
                var request = HTTPRequest(address: endpoint.address(.https, target: "/v2/"))
                request.verifiesServer = false
                if let trust = try? await web.trust(in: request.address) { request.trust = trust }
                let outcome = await web.engine.perform(request)
                return outcome.head == nil ? .http : .https
            }
        schemes[endpoint.authority] = task
        return await task.value
    }
}
