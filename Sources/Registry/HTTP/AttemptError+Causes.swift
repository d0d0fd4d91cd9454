// SPDX-License-Identifier: Apache-2.0
internal import OCI

private let writeHTTPS = "write https:// in place of http://, or leave the scheme out"
private let writeProxyLogin = "write it into the proxy variable: http://USER:PASSWORD@HOST:PORT"

/// A failed connection in words.
extension TransportError.Cause {
    var kind: Failure.Kind {
        switch self {
        case .localPeer, .certificateWanted, .proxy(401), .proxy(407): .denied
        case .ownCertificate, .authorities, .malformedProxy: .configuration
        default: .unavailable
        }
    }

    /// What is wrong with `place`, the host and the port that were asked.
    func reason(at place: String) -> String {
        switch self {
        case .unresolvable: "the name of \(place) is not known"
        case .unresolvableProxy: "the name of the proxy in front of \(place) is not known"
        case .malformedProxy: "the variable that names the proxy in front of \(place) cannot be read"
        case .unreachable: "\(place) cannot be connected to"
        case .unreachableProxy: "the proxy in front of \(place) cannot be connected to"
        case .certificate: "\(place) does not prove its name"
        case .authorities: "the certificate authorities to verify \(place) by cannot be read"
        case .ownCertificate: "the client certificate for \(place) cannot be used"
        case .certificateWanted: "\(place) does not accept this client"
        case .proxy(401), .proxy(407): "the proxy in front of \(place) requires authentication"
        case .proxy: "the proxy cannot reach \(place)"
        case .handshake: "no TLS connection to \(place)"
        case .plainServer: "\(place) speaks plain HTTP, without TLS"
        case .secureServer: "\(place) does not answer in HTTP, perhaps in TLS"
        case .stalled: "\(place) sends nothing, or too slowly"
        case .interrupted: "the connection to \(place) broke off"
        case .localPeer: "\(place) resolves to this host itself"
        case .other: "\(place) was not understood"
        }
    }

    /// What may help.
    func remedy(at address: HTTPURL) -> String {
        let trust = "name it with --insecure \(address.authority)"
        return switch self {
        case .unresolvable: "check the name, the resolver and the proxy variables"
        case .unresolvableProxy: "check the proxy variables, or go around it with NO_PROXY=\(address.host)"
        case .malformedProxy:
            "write \(address.scheme)_proxy or all_proxy as http://HOST:PORT, or unset it"
        case .unreachable: "check that it runs, and the proxy variables"
        case .unreachableProxy:
            "check \(address.scheme)_proxy and all_proxy, or go around it with NO_PROXY=\(address.host)"
        case .certificate:
            "name its certificate authority with --ca, or trust it with --insecure \(address.authority)"
        case .authorities:
            "install the package ca-certificates, or name a PEM file in SSL_CERT_FILE or with --ca"
        case .ownCertificate: "check the files of --client-cert and --client-key"
        case .certificateWanted:
            "show it a client certificate that it knows with --client-cert and --client-key"
        case .proxy(401), .proxy(407): writeProxyLogin
        case .proxy: "check the proxy variables, or go around it with NO_PROXY=\(address.host)"
        case .handshake: "if it speaks plain HTTP and you trust the network, \(trust)"
        case .plainServer: "if you trust the network, \(trust)"
        case .secureServer: writeHTTPS
        case .stalled: "check the network, then run it again"
        case .interrupted: "run it again to resume"
        case .localPeer: "do not trust that registry with a login"
        case .other: "check that it speaks HTTP"
        }
    }
}

/// An answer without success in words.
extension HTTPResponse {
    /// What is wrong beyond the status, where there is more to say of it, and what may help.
    typealias Refusal = (kind: Failure.Kind, reason: String?, remedy: String)

    /// A refusal of this client or its login; `nil` for other answers.
    func denial(_ status: Int) -> Refusal? {
        let place = address.authority
        let logIn = "with 'podman login \(place)' or 'docker login \(place)', or set REGISTRY_AUTH_FILE"
        switch status {
        case 401:
            guard let login else { return (.denied, "it needs a login", "log in \(logIn)") }
            return (.denied, "it refuses the login of \(login)", "log in again \(logIn)")
        case 403:
            return (
                .denied, "permission denied" + (login.map { " with the login of \($0)" } ?? ""),
                "log in to \(place) as somebody who may, or set REGISTRY_AUTH_FILE"
            )
        case 407: return (.denied, "the proxy in front of it requires authentication", writeProxyLogin)
        default: return nil
        }
    }

    /// What any other status means.
    func refusal(_ status: Int) -> Refusal {
        let place = address.authority
        let (reason, remedy): (String?, String) =
            switch status {
            case 400 where wantsTLS: ("it speaks TLS, and no plain HTTP", writeHTTPS)
            case 400:
                (
                    "it could not read the request",
                    "see whether it speaks TLS, or wants a client certificate (--client-cert, --client-key)"
                )
            case 404, 410:
                ("not found", "check the name and the tag or path, and the mirrors that are set")
            case 429:
                ("too many requests", "wait, log in to \(place) for a larger quota, or use a mirror")
            default: (nil, "check the status of \(place), then run it again")
            }
        return (.unavailable, reason, remedy)
    }

    /// Whether the server says that it was spoken to without TLS: nginx, Go and Apache answer so.
    private var wantsTLS: Bool {
        guard address.scheme == .http else { return false }
        let said = String(decoding: body.prefix(4096), as: UTF8.self).lowercased()
        return said.contains("plain http") || said.contains("http request to an https server")
    }
}
