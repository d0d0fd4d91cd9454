// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Glibc
package import OCI

/// A key that signs bundles, or checks signatures: ECDSA on P-256, or Ed25519.
///
/// PEM in and out as OpenSSL and cosign write it: `PRIVATE KEY` (PKCS #8, RFC 5958) or `EC PRIVATE KEY`
/// (RFC 5915), also encrypted with a passphrase; `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 5480).
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
            throw failed("make a key", artifact: "P-256")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw failed("make a key", artifact: "P-256") }
        return SigningKey(taking: key, isPrivate: true)
    }

    /// Reads a private or public key.
    /// - Parameters:
    ///   - path: names the file in errors.
    ///   - passphrase: asked for the passphrase of an encrypted key, and for nothing else; `nil` refuses one.
    /// - Throws: a `Failure` of kind `configuration` for what is neither, cannot be decrypted, or is of another
    ///   kind than P-256 and Ed25519.
    package init(
        pem: [UInt8], path: String, passphrase: (() throws(Failure) -> [UInt8])? = nil
    ) throws(Failure) {
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "read the key", path, because: reason,
                remedy: "make a pair with 'sealift keygen', or name another file")
        }
        guard pem.count <= 65536 else { throw refuse("it is too large for a key") }
        let isEncrypted = String(decoding: pem, as: UTF8.self).contains("ENCRYPTED")
        if isEncrypted, passphrase == nil {
            throw refuse("it is encrypted, and there is no passphrase for it")
        }
        // OpenSSL itself never asks at the terminal: without a passphrase the callback gives none.
        var phrase: [UInt8] = isEncrypted ? try passphrase?() ?? [] : []
        guard phrase.count < 1024 else { throw refuse("the passphrase is longer than 1023 bytes") }
        phrase.append(0)
        let secret = Self.privateKey(pem, phrase: &phrase)
        phrase.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
        if isEncrypted, secret == nil {
            ERR_clear_error()
            throw refuse("the passphrase does not decrypt it, or it is damaged")
        }
        let shared =
            secret == nil
            ? Self.withMemory(pem) { PEM_read_bio_PUBKEY($0, nil, { _, _, _, _ in 0 }, nil) } : nil
        ERR_clear_error()
        guard let key = secret ?? shared else {
            throw refuse("it holds no private or public key in PEM form ")
        }
        guard Self.isKnown(key) else {
            EVP_PKEY_free(key)
            throw refuse("it is neither on P-256 nor Ed25519")
        }
        self.key = key
        isPrivate = secret != nil
    }

    /// The private key in `pem`; `phrase` ends with NUL.
    private static func privateKey(_ pem: [UInt8], phrase: inout [UInt8]) -> OpaquePointer? {
        withMemory(pem) { memory in
            phrase.withUnsafeMutableBytes { bytes in
                PEM_read_bio_PrivateKey(
                    memory, nil,
                    { buffer, size, _, phrase in
                        guard let buffer, let phrase = phrase?.assumingMemoryBound(to: CChar.self) else {
                            return -1
                        }
                        let count = strlen(phrase)
                        guard count > 0, count < Int(size) else { return -1 }
                        memcpy(buffer, phrase, count)
                        return Int32(count)
                    }, bytes.baseAddress)
            }
        }
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER).
    package func fingerprint() throws(Failure) -> Digest {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_PUBKEY(key, &bytes)
        guard count > 0, let bytes else { throw Self.failed("read", artifact: "the public key") }
        defer { free(bytes) }
        return Digest(of: Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
    }

    /// The first 16 digits of ``fingerprint()``.
    package func keyID() throws(Failure) -> String { String(try fingerprint().hex.prefix(16)) }

    /// The private key's PEM, encrypted with `passphrase`: PKCS #8, PBES2 with AES-256-CBC and 600,000 rounds of
    /// PBKDF2 with HMAC-SHA-256, as OpenSSL 1.1 and later read it.
    /// - Throws: a `Failure` of kind `configuration` for a key that is public only, or an empty passphrase.
    package func privatePEM(passphrase: [UInt8]) throws(Failure) -> [UInt8] {
        guard isPrivate, (1...1023).contains(passphrase.count), !passphrase.contains(0) else {
            throw Failure(
                .configuration, "encrypt", "the private key",
                because: "the key is public only, or the passphrase is empty or longer than 1023 bytes")
        }
        guard let plain = EVP_PKEY2PKCS8(key) else {
            throw Self.failed("encrypt", artifact: "the private key")
        }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        let sealed = passphrase.withUnsafeBytes { phrase in
            PKCS8_encrypt(
                -1, EVP_aes_256_cbc(), phrase.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(phrase.count), nil, 0, 600_000, plain)
        }
        guard let sealed else { throw Self.failed("encrypt", artifact: "the private key") }
        defer { X509_SIG_free(sealed) }
        return try pem { PEM_write_bio_PKCS8($0, sealed) }
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
        guard let context = EVP_MD_CTX_new() else { throw Self.failed("sign", artifact: "") }
        defer { EVP_MD_CTX_free(context) }
        var count = 0
        guard EVP_DigestSignInit(context, nil, hash, nil, key) == 1,
            EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1
        else { throw Self.failed("sign", artifact: "") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else {
            throw Self.failed("sign", artifact: "")
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

    private static func withMemory<Result>(_ bytes: [UInt8], body: (OpaquePointer?) -> Result) -> Result {
        bytes.withUnsafeBytes { buffer in
            let memory = BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count))
            defer { BIO_free(memory) }
            return body(memory)
        }
    }

    private func pem(_ write: (OpaquePointer) -> Int32) throws(Failure) -> [UInt8] {
        guard let memory = BIO_new(BIO_s_mem()) else { throw Self.failed("write", artifact: "the key") }
        defer { BIO_free(memory) }
        guard write(memory) == 1 else { throw Self.failed("write", artifact: "the key") }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = BIO_read(memory, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(Int(max(0, count))))
    }

    private static func failed(_ operation: String, artifact: String) -> Failure {
        let text = ERR_reason_error_string(ERR_get_error()).map { String(cString: $0) }
        ERR_clear_error()
        return Failure(.fault, operation, artifact, because: text ?? "libcrypto refuses")
    }
}
