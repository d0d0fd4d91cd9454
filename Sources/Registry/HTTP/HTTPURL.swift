// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import OCI

/// An http or https URL, split by libcurl's own parser, so that what is checked is what is connected to.
struct HTTPURL: Sendable, Hashable {
    enum Scheme: String, Sendable {
        case http
        case https
    }

    let scheme: Scheme
    /// Lower case; IPv6 in brackets.
    let host: String
    let port: UInt16
    /// Path and query, from the slash.
    let target: String

    init(scheme: Scheme, host: String, port: UInt16, target: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
    }

    /// Parses `text`, or resolves it against `base` as the `Location` of a redirect (RFC 3986, 5.2).
    /// - Throws: a ``Failure`` of kind `configuration`; for a user name or password in it too, because a
    ///   URL is kept in the lock.
    init(_ text: String, relativeTo base: HTTPURL? = nil) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            let shown = text.prefix { $0 != "?" && $0 != "@" }.prefix(200)
            return Failure(
                .configuration, "read the URL", "'\(shown.filter { $0.isASCII && !$0.isNewline })'",
                because: reason, remedy: "write it like https://host/path")
        }
        guard let handle = curl_url() else { throw refuse("no memory") }
        defer { curl_url_cleanup(handle) }
        if let base { curl_url_set(handle, CURLUPART_URL, base.text, 0) }
        let flags = UInt32(CURLU_DISALLOW_USER) | (base == nil ? 0 : UInt32(CURLU_URLENCODE))
        let code = curl_url_set(handle, CURLUPART_URL, text, flags)
        guard code != CURLUE_USER_NOT_ALLOWED else {
            throw refuse("it holds a user name or password; put them into the registry auth file")
        }
        guard code == CURLUE_OK else { throw refuse(String(cString: curl_url_strerror(code))) }
        func part(_ part: CURLUPart, flags: Int32 = 0) -> String? {
            var value: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, part, &value, UInt32(flags)) == CURLUE_OK, let value else {
                return nil
            }
            defer { curl_free(value) }
            return String(cString: value)
        }
        guard let scheme = part(CURLUPART_SCHEME).flatMap(Scheme.init) else {
            throw refuse("only http and https are fetched")
        }
        guard let host = part(CURLUPART_HOST), !host.isEmpty,
            let port = part(CURLUPART_PORT, flags: CURLU_DEFAULT_PORT).flatMap(UInt16.init), port > 0
        else { throw refuse("it names no host") }
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port
        target = (part(CURLUPART_PATH) ?? "/") + (part(CURLUPART_QUERY).map { "?" + $0 } ?? "")
    }

    /// The whole URL. May hold a secret in its query: not for errors.
    var text: String { "\(scheme.rawValue)://\(authority)\(target)" }

    /// `host[:port]`, the port left out where it is the scheme's own.
    var authority: String { port == (scheme == .https ? 443 : 80) ? host : "\(host):\(port)" }

    /// The path without query.
    var path: String { String(target.prefix { $0 != "?" }) }

    /// The server's own loopback or link-local addresses, as names and literals.
    var isLocal: Bool {
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        return Self.isLocal(address: host.filter { $0 != "[" && $0 != "]" })
    }

    /// Whether an IP address, as text, is loopback, link-local or unspecified.
    static func isLocal(address: String) -> Bool {
        var text = address.lowercased()
        if text.hasPrefix("::ffff:") { text = String(text.dropFirst(7)) }
        if text.contains(":") {
            let linkLocal = ["fe8", "fe9", "fea", "feb"].contains { text.hasPrefix($0) }
            return text == "::1" || text == "::" || linkLocal
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, parts.allSatisfy({ $0 != nil }) else { return false }
        return parts[0] == 127 || parts[0] == 0 || (parts[0] == 169 && parts[1] == 254)
    }

    /// Whether a secret meant for this server may go to `other`: same scheme, host and port.
    func isSameOrigin(as other: HTTPURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }
}

extension HTTPURL: CustomStringConvertible {
    /// The URL without its query, where storage services keep signatures.
    var description: String { "\(scheme.rawValue)://\(authority)\(path)" }
}
