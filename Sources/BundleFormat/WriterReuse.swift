// SPDX-License-Identifier: Apache-2.0
public import OCI

extension BundleWriter {
    /// Copies what is pending here and is in `bundle`, and holds each copy to its digest on the way. A
    /// blob that is damaged there stays pending.
    ///
    /// Read and written rather than copied inside the kernel: the bytes must be hashed anyway, and members
    /// of tars, at multiples of 512 bytes, do not lie where file systems could share blocks.
    /// - Returns: the blobs that were taken.
    public func reuse(_ bundle: Bundle) throws(Failure) -> [Descriptor] {
        var taken: [Descriptor] = []
        for blob in pending {
            guard let regions = bundle.regions(of: blob.digest) else { continue }
            let sink = try sink(for: blob)
            if sink.received > 0 { try sink.restart() }
            var stream = VolumeStream(regions)
            do throws(Failure) {
                // Not through the bundle's verified stream: the sink hashes already.
                try stream.forEachChunk { (bytes) throws(Failure) in try sink.append(bytes) }
                try sink.finish()
                taken.append(blob)
            } catch  where error.kind == .data {
                continue
            }
        }
        return taken
    }
}
