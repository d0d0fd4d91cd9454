// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The proxies that the usual variables name: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, each
/// in lower or upper case. libcurl itself leaves out `HTTP_PROXY`, which servers once filled from a request;
/// this program is none, unless it runs as a CGI script.
struct ProxySettings: Sendable {
    static let variables =
        ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap {
            [$0, $0.uppercased()]
        } + ["REQUEST_METHOD"]

    private let plain: String
    private let secure: String
    /// The hosts that are asked directly, as libcurl reads them: names, domains, addresses, networks.
    private let exceptions: String

    init(environment: [String: String]) {
        func value(_ name: String) -> String? {
            if name == "http_proxy", environment["REQUEST_METHOD"] != nil { return environment[name] }
            return [environment[name], environment[name.uppercased()]].compactMap(\.self).first {
                !$0.isEmpty
            }
        }
        let all = value("all_proxy") ?? ""
        plain = value("http_proxy") ?? all
        secure = value("https_proxy") ?? all
        exceptions = value("no_proxy") ?? ""
    }

    /// The proxy for requests of this scheme; empty for none. May hold a password: not for errors.
    func proxy(_ scheme: HTTPURL.Scheme) -> String { scheme == .http ? plain : secure }

    /// The hosts that are asked directly, for a request to `address`; `*`, all of them, where an entry names its host and
    /// port, as Go's tools read it: `HOST:PORT`, `.DOMAIN:PORT`.
    func exceptions(for address: HTTPURL) -> String {
        let names = exceptions.split { $0 == "," || $0.isWhitespace }
        let own = try? HostPort(address.host)
        let isNamed = names.contains { name in
            guard let place = try? HostPort(name), place.port ?? address.port == address.port,
                // Of names and networks without a port libcurl knows more.
                place.port != nil || place.isIPv6
            else { return false }
            let host = place.host.lowercased()
            if place.isIPv6 { return host == own?.host }
            let domain =
                host.hasPrefix("*.") ? String(host.dropFirst()) : host.hasPrefix(".") ? host : "." + host
            return host == address.host || (domain.count > 1 && address.host.hasSuffix(domain))
        }
        return isNamed ? "*" : exceptions
    }

    /// The port of that proxy; `nil` where there is none.
    func port(_ scheme: HTTPURL.Scheme) -> Int? {
        let text = proxy(scheme)
        if text.isEmpty { return nil }
        // libcurl's own default for a proxy, and that of proxies that are spoken to by TLS.
        return place(scheme)?.port.map(Int.init) ?? (text.hasPrefix("https:") ? 443 : 1080)
    }

    private func place(_ scheme: HTTPURL.Scheme) -> HostPort? {
        let place = proxy(scheme).split(separator: "/").first { !$0.hasSuffix(":") }
        return try? HostPort(place?.split(separator: "@").last ?? "")
    }

    /// Whether libcurl's complaint that it could not connect, on the way to `address`, is of the proxy: older releases
    /// name what they connect to, newer ones both.
    func isNamed(in complaint: String, for address: HTTPURL) -> Bool {
        guard let place = place(address.scheme), let port = port(address.scheme) else { return false }
        return complaint.contains(" \(place.host) port \(port) ") || complaint.contains(" via \(place.host) ")
    }
}
