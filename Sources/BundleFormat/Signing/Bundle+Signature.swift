// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
package import OCI

extension Bundle {
    /// Where the signature of a bundle lies: beside it, with `.sig` after its name.
    package var signaturePath: String { path + ".sig" }

    /// Signs ``index`` and puts the signature at ``signaturePath``: base64 and a newline, as
    /// `openssl base64 -A` and cosign write it. An older signature there is replaced.
    package func sign(with key: SigningKey) throws(Failure) {
        let text = Data(try key.signature(of: index)).base64EncodedString() + "\n"
        try Durable.write(Array(text.utf8), to: signaturePath)
    }

    /// Holds the signature at ``signaturePath`` to ``index``.
    ///
    /// The index leads by digests to every byte of the bundle, so the signature speaks for all of it.
    /// - Throws: a `Failure` of kind `data` unless one of `keys` has made it: where it is missing too.
    package func checkSignature(by keys: [SigningKey]) throws(Failure) {
        func refuse(_ reason: String, _ remedy: String) -> Failure {
            Failure(.data, "accept the signature of", path, because: reason, remedy: remedy)
        }
        guard access(signaturePath, F_OK) == 0 else {
            throw refuse(
                "there is no \(signaturePath), and a key was given",
                "ask whoever made the bundle for its signature")
        }
        let text = String(decoding: try File.open(signaturePath).bytes(limit: 4096), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let signature = Data(base64Encoded: String(words[0])) else {
            throw refuse("\(signaturePath) is not one line of base64", "copy it again")
        }
        guard keys.contains(where: { $0.isSignature(Array(signature), of: index) }) else {
            throw refuse(
                "\(signaturePath) was not made over this bundle by a key that was given",
                "do not use the bundle; ask whoever made it which key signs")
        }
    }
}
