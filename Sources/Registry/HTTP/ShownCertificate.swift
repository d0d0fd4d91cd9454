// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What a server's certificate says of itself, as libcurl lists it; nothing of it is proved.
struct ShownCertificate: Sendable, Equatable {
    /// The names and addresses that it is for.
    var names: [String] = []
    /// Who signed it.
    var issuer = ""
    /// Seconds since 1970.
    var start: Int64?
    /// Seconds since 1970.
    var expiry: Int64?

    /// - Parameter lines: `NAME:VALUE` each (`CURLINFO_CERTINFO`).
    init(_ lines: [String]) {
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = String(line[line.index(after: colon)...])
            switch line[..<colon] {
            case "Issuer": issuer = value
            case "Subject" where names.isEmpty: names = Self.commonName(value)
            case "X509v3 Subject Alternative Name":
                names = value.split(separator: ",").map { name in
                    String(name.drop { $0 != ":" }.dropFirst())
                }
            case "Start date": start = Self.seconds(value)
            case "Expire date": expiry = Self.seconds(value)
            default: break
            }
        }
    }

    private static func commonName(_ subject: String) -> [String] {
        let field = subject.split(separator: ",").first { $0.drop(while: \.isWhitespace).hasPrefix("CN") }
        return field.map { [String($0.drop { $0 != "=" }.dropFirst().drop(while: \.isWhitespace))] } ?? []
    }

    /// `Nov 26 14:03:23 2026 GMT`, as OpenSSL prints it.
    private static func seconds(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 5 else { return nil }
        return RetryAfter.date("-, \(words[1]) \(words[0]) \(words[3]) \(words[2]) \(words[4])")
    }

    /// Why OpenSSL did not take what the server has shown, and what to do, in words.
    /// - Parameters:
    ///   - chain: the server's certificate, and those above it.
    ///   - complaint: OpenSSL's words.
    ///   - now: what this host's clock says, in seconds since 1970.
    /// - Returns: `nil` where the certificates do not show more than the words do.
    static func explain(
        _ chain: [ShownCertificate], complaint: String, at address: HTTPURL, now: Int64 = Int64(time(nil))
    ) -> (reason: String, remedy: String)? {
        func date(_ seconds: Int64?) -> String { seconds.flatMap(UTCTime.text) ?? "an unknown time" }
        let clock = "this host's clock says \(date(now))"
        let trust = "to go on without proof, --insecure \(address.authority)"
        let setClock = "set this host's clock if it is wrong; otherwise"
        if complaint.contains("has expired"), let late = chain.first(where: { ($0.expiry ?? .max) < now }) {
            return (
                "its certificate expired on \(date(late.expiry)), and \(clock)",
                "\(setClock) the operator of \(address.host) must renew it; \(trust)"
            )
        }
        if complaint.contains("not yet valid"), let early = chain.first(where: { ($0.start ?? 0) > now }) {
            return (
                "its certificate is valid from \(date(early.start)), and \(clock)",
                "\(setClock) wait until then, or ask the operator of \(address.host); \(trust)"
            )
        }
        guard let own = chain.first else { return nil }
        if complaint.contains("subject name") {
            let names = own.names.prefix(10).joined(separator: ", ")
            return (
                "its certificate is for \(names.isEmpty ? "no name" : names), not for \(address.host)",
                "write one of the certificate's names, or trust it with --insecure \(address.authority)"
            )
        }
        if complaint.contains("issuer") || complaint.contains("signed")
            || complaint.contains("first certificate")
        {
            return (
                "its certificate is signed by '\(own.issuer.prefix(200))', which this host does not trust",
                "name that certificate authority with --ca FILE, or trust the server with --insecure \(address.authority)"
            )
        }
        return nil
    }
}
