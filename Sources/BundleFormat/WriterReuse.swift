// SPDX-License-Identifier: Apache-2.0
public import OCI

extension BundleWriter {
    /// Copies what is pending here and is in `bundle`, inside the kernel where the file systems can, and
    /// holds each copy to its digest. A blob that is damaged there stays pending.
    /// - Returns: the blobs that were taken.
    public func reuse(_ bundle: Bundle) throws(Failure) -> [Descriptor] {
        var taken: [Descriptor] = []
        for blob in pending {
            guard let regions = bundle.regions(of: blob.digest),
                regions.reduce(0, { $0 + $1.count }) == blob.size
            else { continue }
            let sink = try pendingSink(for: blob.digest)
            try sink.copy(regions)
            do throws(Failure) {
                try sink.finish()
                taken.append(blob)
            } catch  where error.kind == .data {
                continue
            }
        }
        return taken
    }
}
