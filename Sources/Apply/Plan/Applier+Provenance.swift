// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
package import OCI

extension Applier {
    /// What a person should know of the bundle before anything changes, a sentence each: who vouches for it, and
    /// whether the store's own record says that a newer one was applied since.
    package func warnings() throws(Failure) -> [String] {
        var warnings: [String] = []
        if bundle.signers.isEmpty {
            warnings.append(
                "\(bundle.path) is \(bundle.signatureSummary): anyone who could write it decides what is built"
            )
        }
        if let newer = try newerApply() {
            warnings.append(
                "\(bundle.path) is older than what the store has: \(newer.name) was applied from it, and from "
                    + "another bundle, \(newer.bundle), since; this brings the older state back")
        }
        return warnings
    }

    /// The last apply of another bundle of this name, where this one was applied before it.
    private func newerApply() throws(Failure) -> Receipt? {
        let receipts = try Receipt.all(in: store.path).filter {
            $0.name == bundle.spec.name && $0.platform == platform && $0.isDone
        }
        guard let own = receipts.last(where: { $0.bundle == bundle.indexDigest }), let last = receipts.last,
            last.bundle != own.bundle
        else { return nil }
        return last
    }
}
