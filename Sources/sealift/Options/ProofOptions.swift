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
        try await bundle.verifyFromMedium().damages.throwFirst()
    }
}

extension Bundle {
    /// Reads all of it, with a bar; from the medium where the system lets go of what it has in memory.
    func verifyFromMedium() async throws -> (isFresh: Bool, damages: [Damage]) {
        let progress = Progress("verify", total: size + required.bytes - missing.bytes)
        defer { progress.finish() }
        return try await onThread { () throws(Failure) in
            (self.dropCachedPages(), self.verify { progress.reach($0) })
        }
    }
}

extension [Bundle.Damage] {
    /// - Throws: the first damage, once all others have been reported.
    func throwFirst() throws(Failure) {
        for damage in dropFirst() { Console.report(damage.failure) }
        if let damage = first { throw damage.failure }
    }
}
