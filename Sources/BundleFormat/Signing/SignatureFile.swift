// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// The signatures of a bundle, `BUNDLE.sig`: each is a line of base64, as `openssl base64 -A` and cosign write it.
struct SignatureFile {
    /// The signatures, in the order of their lines.
    var signatures: [[UInt8]] = []

    /// The most signatures of a bundle.
    static let mostSignatures = 64
    private static let largestSize = 16 << 10

    /// Reads the file at `path`; `nil` where there is none.
    /// - Throws: a `Failure` of kind `data` for what is not lines of base64.
    init?(at path: String) throws(Failure) {
        guard access(path, F_OK) == 0 else { return nil }
        let text = String(decoding: try File.open(path).bytes(limit: Self.largestSize), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 1, let signature = Data(base64Encoded: String(words[0])) else {
                throw Self.refuse(path)
            }
            signatures.append(Array(signature))
        }
        guard (1...Self.mostSignatures).contains(signatures.count) else { throw Self.refuse(path) }
    }

    /// Signatures to be written.
    init(_ signatures: [[UInt8]]) { self.signatures = signatures }

    /// The file's bytes.
    var bytes: [UInt8] {
        Array(signatures.map { Data($0).base64EncodedString() + "\n" }.joined().utf8)
    }

    private static func refuse(_ path: String) -> Failure {
        Failure(
            .data, "read the signatures", path, because: "it is not lines of base64, one for each signature",
            remedy: "copy it again")
    }
}
