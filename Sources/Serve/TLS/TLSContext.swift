// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import OCI

/// What all TLS connections of a server share: certificate, key and rules.
///
/// TLS 1.2 with forward secrecy and authenticated ciphers, and TLS 1.3. Source: RFC 8446, RFC 9325.
final class TLSContext: Sendable {
    /// OpenSSL counts references to it by atomic operations.
    nonisolated(unsafe) private let context: OpaquePointer

    /// - Parameters:
    ///   - certificate: a chain of certificates as PEM, the server's own first.
    ///   - key: its private key as PEM, unencrypted.
    ///   - name: how errors name the certificate.
    /// - Throws: a ``Failure`` of kind `configuration` when one cannot be read, or they do not fit.
    init(certificate: [UInt8], key: [UInt8], name: String) throws(Failure) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw Failure(.fault, "serve TLS with", name, because: OpenSSLError.reason())
        }
        self.context = context
        let refusal =
            Self.rules(context) ?? Self.certificates(certificate, context: context)
            ?? Self.key(key, context: context)
        if let refusal {
            throw Failure(
                .configuration, "serve TLS with", name,
                because: "certificate and key cannot be used: \(refusal)",
                remedy: "give a PEM certificate chain and its unencrypted PEM key")
        }
    }

    deinit { SSL_CTX_free(context) }

    /// A new connection; `nil` where there is no memory for it.
    func session() -> TLSSession? { SSL_new(context).flatMap(TLSSession.init) }

    private static func rules(_ context: OpaquePointer) -> String? {
        guard sealift_ssl_restrict(context) == 1,
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1,
            SSL_CTX_set_num_tickets(context, 1) == 1
        else { return OpenSSLError.reason() }
        SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
        return nil
    }

    private static func certificates(_ pem: [UInt8], context: OpaquePointer) -> String? {
        guard let source = BIO_new_mem_buf(pem, Int32(pem.count)) else { return OpenSSLError.reason() }
        defer { BIO_free(source) }
        guard let own = PEM_read_bio_X509_AUX(source, nil, refusePassphrase, nil) else {
            return "no certificate in it: \(OpenSSLError.reason())"
        }
        defer { X509_free(own) }
        guard SSL_CTX_use_certificate(context, own) == 1 else { return OpenSSLError.reason() }
        while let next = PEM_read_bio_X509(source, nil, refusePassphrase, nil) {
            guard sealift_ssl_add_chain(context, next) == 1 else {
                X509_free(next)
                return OpenSSLError.reason()
            }
        }
        ERR_clear_error()
        return nil
    }

    private static func key(_ pem: [UInt8], context: OpaquePointer) -> String? {
        guard let source = BIO_new_mem_buf(pem, Int32(pem.count)) else { return OpenSSLError.reason() }
        defer { BIO_free(source) }
        guard let key = PEM_read_bio_PrivateKey(source, nil, refusePassphrase, nil) else {
            return "no private key in it: \(OpenSSLError.reason())"
        }
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
            return OpenSSLError.reason()
        }
        return nil
    }
}

/// The oldest error that OpenSSL noted on this thread, and the end of the others.
enum OpenSSLError {
    static func reason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "OpenSSL error \(code)"
    }
}

/// OpenSSL would ask at the terminal.
private func refusePassphrase(
    _ space: UnsafeMutablePointer<CChar>?, _ size: Int32, _ writing: Int32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }

/// Takes `http/1.1` out of what the client offers by ALPN; a client that offers only others is refused.
/// Source: RFC 7301, section 3.2.
private func selectProtocol(
    _ connection: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenLength: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ length: UInt32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let chosen, let chosenLength, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let wanted = "http/1.1"
    var rest = UnsafeBufferPointer(start: offered, count: Int(length))[...]
    while let count = rest.popFirst(), rest.count >= Int(count) {
        let name = rest.prefix(Int(count))
        if name.elementsEqual(wanted.utf8) {
            chosen.pointee = offered + name.startIndex
            chosenLength.pointee = count
            return SSL_TLSEXT_ERR_OK
        }
        rest = rest.dropFirst(Int(count))
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
