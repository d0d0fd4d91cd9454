// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
package import OCI

/// Who answered a request, for a record of where content came from. Holds no secret: URLs are without their queries, in
/// which signed ones carry theirs.
package struct ServerAnswer: Sendable, Hashable, Encodable {
    /// The URL that was asked, of a mirror too.
    package let asked: String
    /// The URL that answered, after redirects.
    package let answered: String
    /// The address that was connected to; `nil` where a proxy is between.
    package let address: String?
    /// The certificate that the server showed last; `nil` over plain HTTP.
    package let certificate: ServerCertificate?

    init(asked: HTTPURL, outcome: HTTPResponse) {
        self.asked = asked.withoutQuery
        answered = outcome.address.withoutQuery
        address = outcome.peer.isEmpty ? nil : outcome.peer
        certificate = outcome.certificate
    }
}

/// A server's certificate.
package struct ServerCertificate: Sendable, Hashable, Encodable {
    /// Whose it is, as OpenSSL writes it.
    package let subject: String
    /// Who signed it.
    package let issuer: String
    /// The SHA-256 of its DER form: `openssl x509 -fingerprint -sha256`.
    package let fingerprint: Digest

    /// - Parameter pem: the certificate as text; `nil` is returned for what is none.
    init?(subject: String, issuer: String, pem: String) {
        let lines = pem.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") && !$0.isEmpty }
        guard let der = Data(base64Encoded: lines.joined()), !der.isEmpty else { return nil }
        self.subject = subject
        self.issuer = issuer
        fingerprint = Digest(of: Array(der))
    }
}

extension HTTPURL {
    /// The URL without its query.
    fileprivate var withoutQuery: String {
        HTTPURL(scheme: scheme, host: host, port: port, target: path).text
    }
}
