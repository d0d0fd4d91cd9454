// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A running SHA-256, which every id is.
package typealias SHA256 = ContentHash

/// A running hash over the bytes fed to it, by the algorithm of a digest (FIPS 180-4). OpenSSL does the work.
package struct ContentHash: ~Copyable {
    private let context: OpaquePointer
    private let count: Int

    /// Starts over no bytes.
    package init(_ algorithm: Digest.Algorithm = .sha256) {
        count = algorithm.count
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, algorithm.method, nil) == 1 else {
            fatalError("libcrypto has no \(algorithm)")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Feeds `bytes`, in order.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        guard EVP_DigestUpdate(context, base, bytes.count) == 1 else {
            fatalError("libcrypto failed to hash")
        }
    }

    /// The digest of all bytes fed so far. More may be fed afterwards.
    package func digest() -> Digest {
        guard let copy = EVP_MD_CTX_new() else { fatalError("libcrypto has no memory") }
        defer { EVP_MD_CTX_free(copy) }
        var bytes = [UInt8](repeating: 0, count: count)
        guard EVP_MD_CTX_copy_ex(copy, context) == 1, EVP_DigestFinal_ex(copy, &bytes, nil) == 1 else {
            fatalError("libcrypto failed to finish a hash")
        }
        return Digest(bytes: bytes)
    }
}

extension Digest {
    /// The digest of `bytes`.
    package init(of bytes: [UInt8], _ algorithm: Algorithm = .sha256) {
        self = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: algorithm.count) { digest in
            let isDone = bytes.withUnsafeBytes {
                EVP_Digest($0.baseAddress, $0.count, digest.baseAddress, nil, algorithm.method, nil) == 1
            }
            guard isDone else { fatalError("libcrypto failed to hash") }
            return Digest(bytes: digest)
        }
    }
}

extension Digest.Algorithm {
    /// OpenSSL's implementation.
    fileprivate var method: OpaquePointer? { self == .sha256 ? Method.sha256 : Method.sha512 }

    /// Looked up once: OpenSSL would do so, under a lock, for each hash.
    private enum Method {
        nonisolated(unsafe) static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)
        nonisolated(unsafe) static let sha512 = EVP_MD_fetch(nil, "SHA512", nil)
    }
}
