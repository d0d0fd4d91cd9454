// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

extension Bundle {
    /// Where the signatures of a bundle are: next to it, with `.sig` after its name.
    package var signaturePath: String { path + ".sig" }

    /// Signs ``index`` with each of `keys` and puts the signatures at ``signaturePath``.
    /// - Parameter adding: keeps the signatures that are there, those of others; otherwise they are replaced.
    package func sign(with keys: [SigningKey], adding: Bool = false) throws(Failure) {
        var file = SignatureFile([])
        if adding, let old = try SignatureFile(at: signaturePath) { file = old }
        for key in keys {
            // One that the key made earlier gives way: ECDSA makes another one each time.
            file.signatures.removeAll { key.isSignature($0, of: index) }
            file.signatures.append(try key.signature(of: index))
        }
        guard file.signatures.count <= SignatureFile.mostSignatures else {
            throw Failure(
                .configuration, "sign", path,
                because: "it would have more than \(SignatureFile.mostSignatures) signatures",
                remedy: "sign without --add")
        }
        try AtomicWrite.write(file.bytes, to: signaturePath)
    }

    /// Verifies the signatures at ``signaturePath`` over ``index``.
    ///
    /// The index names by digests every byte of the bundle, so a signature covers all of it.
    /// - Returns: those of `keys` that have signed, called by their ids.
    /// - Throws: a `Failure` of kind `data` unless one of `keys` has signed: also where no signature is there.
    @discardableResult
    package func checkSignature(by keys: [SigningKey]) throws(Failure) -> [Signer] {
        try Trust(keys).signers(of: index, signatures: signaturePath, bundle: path)
    }

    /// Who vouches for the bundle, in a few words: `signed by ops (key 0123456789abcdef)`.
    package var signatureSummary: String {
        if !signers.isEmpty { return "signed by " + signers.map(\.description).joined(separator: ", ") }
        return access(signaturePath, F_OK) == 0
            ? "signed, but no trusted key is here to check it" : "unsigned"
    }
}
