// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

/// Whether a bundle is read as a whole before anything leaves it.
struct ProofOptions: ParsableArguments {
    @Flag(help: "Check every byte of the bundle first, and begin only if all of it is as promised.")
    var verify = false

    /// Reads all of `bundle` where that was asked for, from the medium.
    /// - Throws: the first damage, once all others have been reported.
    func prove(_ bundle: Bundle) async throws {
        guard verify else { return }
        let progress = Progress(
            "verify", total: bundle.size + bundle.required.bytes - bundle.missing.bytes)
        defer { progress.finish() }
        let damages = try await onThread { () throws(Failure) in
            _ = bundle.dropCachedPages()
            return bundle.verify { progress.reach($0) }
        }
        progress.finish()
        for damage in damages.dropFirst() { Console.report(damage.failure) }
        if let damage = damages.first { throw damage.failure }
    }
}
