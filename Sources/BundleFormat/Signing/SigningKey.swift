// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import OCI

/// A key that signs bundles, or checks signatures: ECDSA on P-256, or Ed25519.
///
/// PEM in and out as OpenSSL and cosign write it: `PRIVATE KEY` (PKCS #8, RFC 5958) or `EC PRIVATE KEY`
/// (RFC 5915), unencrypted; `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 5480).
/// Unchecked: an `EVP_PKEY` is not changed after it is made, and OpenSSL lets threads share such a key.
package final class SigningKey: @unchecked Sendable {
    /// Whether it can sign, not only check.
    package let isPrivate: Bool
    private let key: OpaquePointer

    private init(taking key: OpaquePointer, isPrivate: Bool) {
        self.key = key
        self.isPrivate = isPrivate
    }

    deinit { EVP_PKEY_free(key) }

    /// Makes a new key on P-256.
    package static func generate() throws(Failure) -> SigningKey {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else {
            throw failed("make a key", "P-256")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw failed("make a key", "P-256") }
        return SigningKey(taking: key, isPrivate: true)
    }

    /// Reads a private or public key.
    /// - Parameter path: names the file in errors.
    /// - Throws: a `Failure` of kind `configuration` for what is neither, is encrypted, or is of another
    ///   kind than P-256 and Ed25519.
    package init(pem: [UInt8], path: String) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "read the key", path, because: reason,
                remedy: "make a pair with 'sealift keygen', or name another file")
        }
        guard pem.count <= 65536 else { throw refuse("it is too large for a key") }
        // No password: an encrypted key is refused instead of asked for at the terminal.
        let secret = Self.withMemory(pem) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in 0 }, nil) }
        let shared =
            secret == nil
            ? Self.withMemory(pem) { PEM_read_bio_PUBKEY($0, nil, { _, _, _, _ in 0 }, nil) } : nil
        ERR_clear_error()
        guard let key = secret ?? shared else {
            throw refuse("it holds no private or public key in PEM form that can be read without a password")
        }
        guard Self.isKnown(key) else {
            EVP_PKEY_free(key)
            throw refuse("it is neither on P-256 nor Ed25519")
        }
        self.key = key
        isPrivate = secret != nil
    }

    /// The private key's PEM (PKCS #8). Keep it from others' eyes.
    /// - Throws: a `Failure` of kind `configuration` for a key that is public only.
    package func privatePEM() throws(Failure) -> [UInt8] {
        guard isPrivate else {
            throw Failure(.configuration, "write", "the private key", because: "this key is public only")
        }
        return try pem { PEM_write_bio_PrivateKey($0, self.key, nil, nil, 0, nil, nil) }
    }

    /// The public key's PEM.
    package func publicPEM() throws(Failure) -> [UInt8] { try pem { PEM_write_bio_PUBKEY($0, self.key) } }

    /// Signs `bytes`: DER of ECDSA over their SHA-256, or Ed25519 over them.
    /// - Throws: a `Failure` of kind `configuration` for a key that is public only.
    package func signature(of bytes: [UInt8]) throws(Failure) -> [UInt8] {
        guard isPrivate else {
            throw Failure(
                .configuration, "sign", "with this key", because: "it is a public key",
                remedy: "name the file of the private key")
        }
        guard let context = EVP_MD_CTX_new() else { throw Self.failed("sign", "") }
        defer { EVP_MD_CTX_free(context) }
        var count = 0
        guard EVP_DigestSignInit(context, nil, hash, nil, key) == 1,
            EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1
        else { throw Self.failed("sign", "") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else {
            throw Self.failed("sign", "")
        }
        return Array(signature.prefix(count))
    }

    /// Whether `signature` is this key's over `bytes`.
    package func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, hash, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
    }

    /// SHA-256 for ECDSA; Ed25519 brings its own.
    private var hash: OpaquePointer? { EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? EVP_sha256() : nil }

    private static func isKnown(_ key: OpaquePointer) -> Bool {
        if EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 { return true }
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_EC,
            EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1
        else { return false }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            == "prime256v1"
    }

    private static func withMemory<Result>(_ bytes: [UInt8], _ body: (OpaquePointer?) -> Result) -> Result {
        bytes.withUnsafeBytes { buffer in
            let memory = BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count))
            defer { BIO_free(memory) }
            return body(memory)
        }
    }

    private func pem(_ write: (OpaquePointer) -> Int32) throws(Failure) -> [UInt8] {
        guard let memory = BIO_new(BIO_s_mem()) else { throw Self.failed("write", "the key") }
        defer { BIO_free(memory) }
        guard write(memory) == 1 else { throw Self.failed("write", "the key") }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = BIO_read(memory, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(Int(max(0, count))))
    }

    private static func failed(_ operation: String, _ artifact: String) -> Failure {
        let text = ERR_reason_error_string(ERR_get_error()).map { String(cString: $0) }
        ERR_clear_error()
        return Failure(.fault, operation, artifact, because: text ?? "libcrypto refuses")
    }
}
