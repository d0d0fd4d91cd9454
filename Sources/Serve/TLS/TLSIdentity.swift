// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import OCI

/// A certificate chain and its private key, with which a server speaks TLS 1.2 and 1.3.
package struct TLSIdentity: Sendable {
    /// The certificates as PEM, the server's own first. Clients of a self-signed one are given this.
    package let certificate: String
    private let key: [UInt8]
    private let name: String

    /// Reads PEM files.
    /// - Throws: a `Failure` of kind `input` or `denied` when one cannot be read; whether they fit shows
    ///   when the server starts.
    package init(certificatePath: String, keyPath: String) throws(Failure) {
        certificate = String(decoding: try File.open(certificatePath).bytes(limit: 1 << 20), as: UTF8.self)
        key = try File.open(keyPath).bytes(limit: 1 << 20)
        name = certificatePath
    }

    /// Makes a new P-256 key, which never leaves this process, and a certificate for `name`, `others`,
    /// `localhost` and the loopback addresses, signed by itself and valid from a day ago for 397 days.
    /// - Parameters:
    ///   - name: a host name or an IP address.
    ///   - others: the same, further ones.
    /// - Throws: a `Failure` of kind `usage` when one is neither.
    package init(selfSignedFor name: String, also others: [String] = []) throws(Failure) {
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:".utf8)
        for name in [name] + others {
            guard (1...253).contains(name.utf8.count), name.utf8.allSatisfy(letters.contains) else {
                throw Failure(
                    .usage, "make a certificate for", "'\(name.prefix(60))'",
                    because: "it is neither a host name nor an address",
                    remedy: "name the host as its clients do, without a port")
            }
        }
        guard let made = SelfSigned.make(for: name, also: others) else {
            throw Failure(.fault, "make a certificate for", name, because: "libcrypto refused")
        }
        (certificate, key) = made
        self.name = name
    }

    /// The rules of TLS connections that present this certificate.
    /// - Throws: a ``Failure`` of kind `configuration` when certificate and key do not fit.
    func context() throws(Failure) -> TLSContext {
        try TLSContext(certificate: Array(certificate.utf8), key: key, name: name)
    }
}

/// A certificate that vouches for itself. Source: RFC 5280.
private enum SelfSigned {
    static func make(for name: String, also others: [String]) -> (certificate: String, key: [UInt8])? {
        guard let key = makeKey() else { return nil }
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { return nil }
        defer { X509_free(certificate) }
        var serial: [UInt8] = [UInt8](repeating: 0, count: 8)
        guard RAND_bytes(&serial, 8) == 1 else { return nil }
        let number = serial.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1
        guard X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), 397 * 86400) != nil,
            X509_set_pubkey(certificate, key) == 1,
            let subject = X509_get_subject_name(certificate),
            // A common name has 64 characters at most; the names that count are the alternative ones.
            X509_NAME_add_entry_by_txt(
                subject, "CN", MBSTRING_UTF8, String(name.prefix(64)), -1, -1, 0) == 1,
            X509_set_issuer_name(certificate, subject) == 1
        else { return nil }
        let names = ([name] + others + ["localhost", "127.0.0.1", "::1"]).map { name in
            let isAddress = name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." }
            return (isAddress ? "IP:" : "DNS:") + name
        }.joined(separator: ",")
        guard add(NID_subject_alt_name, value: names, to: certificate),
            add(NID_basic_constraints, value: "critical,CA:TRUE,pathlen:0", to: certificate),
            add(NID_key_usage, value: "critical,digitalSignature,keyCertSign", to: certificate),
            add(NID_ext_key_usage, value: "serverAuth", to: certificate),
            X509_sign(certificate, key, EVP_sha256()) > 0,
            let certificateText = text({ PEM_write_bio_X509($0, certificate) }),
            let keyText = text({ PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) })
        else { return nil }
        return (String(decoding: certificateText, as: UTF8.self), keyText)
    }

    private static func makeKey() -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1
        else { return nil }
        return key
    }

    private static func add(_ kind: Int32, value: String, to certificate: OpaquePointer) -> Bool {
        guard let made = X509V3_EXT_conf_nid(nil, nil, kind, value) else { return false }
        defer { X509_EXTENSION_free(made) }
        return X509_add_ext(certificate, made, -1) == 1
    }

    private static func text(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
        guard let memory = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(memory) }
        guard write(memory) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = BIO_read(memory, &bytes, Int32(bytes.count))
        return count > 0 ? Array(bytes[..<Int(count)]) : nil
    }
}
