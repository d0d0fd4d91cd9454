// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import Glibc
internal import OCI
internal import Spec

/// What `inspect --json` prints: `inspect/1` in `bundles/output.schema.json`.
struct InspectFacts: Encodable {
    let tool = ToolVersion()
    /// The version of the bundle's document.
    let version: Int
    let digest: Digest
    let size: Int64
    let blobs: Int
    let sizes: BundleSizes
    /// What a delta leaves out, and which of it no bundle given with it has.
    let required: [Required]
    let spec: Spec
    let lock: Lock
    let signature: SignatureFacts
    /// The trusted keys that have signed it.
    let signers: [Signer]
    /// The record of its origin beside it; absent where there is none.
    let provenance: ProvenanceFile?
    /// What apply must produce; absent where no rehearsal has derived it.
    let outcome: BuildOutcome?
    /// The executables that travel with it.
    let tools: [CarriedTool]

    struct Required: Encodable { let digest: Digest, size: Int64, owner: String, missing: Bool }

    init(_ bundle: Bundle) {
        required = bundle.required.map { item in
            Required(
                digest: item.descriptor.digest, size: item.descriptor.size, owner: item.owner,
                missing: !bundle.contains(item.descriptor.digest))
        }
        version = bundle.version
        digest = bundle.indexDigest
        size = bundle.size
        blobs = bundle.blobs.count
        sizes = BundleSizes(of: bundle)
        spec = bundle.spec
        lock = bundle.lock
        signature = SignatureFacts(bundle)
        signers = bundle.signers
        provenance = ProvenanceFile(beside: bundle)
        outcome = bundle.outcome
        tools = bundle.tools
    }
}

/// What is known of a bundle's signature.
struct SignatureFacts: Encodable {
    /// Whether a trusted key has signed, whether there is only no key to verify with, or no signature.
    enum State: String, Encodable { case verified, unchecked, absent }

    /// Where the signatures are; absent where there are none.
    let file: String?
    let state: State
    /// The trusted keys that have signed it.
    let signers: [Signer]

    init(_ bundle: Bundle) {
        signers = bundle.signers
        let isThere = access(bundle.signaturePath, F_OK) == 0
        file = isThere ? bundle.signaturePath : nil
        state = !bundle.signers.isEmpty ? .verified : isThere ? .unchecked : .absent
    }
}
