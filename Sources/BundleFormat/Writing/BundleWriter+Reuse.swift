// SPDX-License-Identifier: Apache-2.0
package import OCI

extension BundleWriter {
    /// Copies the pending `blob` out of `bundle` and holds the copy to its digest on the way.
    ///
    /// Read and written rather than copied inside the kernel: the bytes must be hashed anyway, and members
    /// of tars, at multiples of 512 bytes, are not where file systems could share blocks.
    /// - Returns: whether it is in place now; `false` where `bundle` does not have it, or has it damaged:
    ///   then it is pending as before, from its first byte.
    package func reuse(_ blob: Descriptor, from bundle: Bundle) throws(Failure) -> Bool {
        guard let regions = bundle.regions(of: blob.digest) else { return false }
        let sink = try sink(for: blob)
        if sink.received > 0 { try sink.restart() }
        var stream = VolumeStream(regions)
        do throws(Failure) {
            // Not through the bundle's verified stream: the sink hashes already.
            try stream.forEachChunk { (bytes) throws(Failure) in try sink.append(bytes) }
            try sink.finish()
            return true
        } catch {
            guard error.kind == .data else { throw error }
            try sink.restart()
            return false
        }
    }
}
