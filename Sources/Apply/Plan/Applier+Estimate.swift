// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
package import OCI

extension Applier {
    /// How much of the bundle is read to measure this host: 32 MiB.
    private static let sample: Int64 = 32 << 20

    /// The plan with the time that each step takes at least: its bytes at the speed at which this host reads, verifies and
    /// unpacks the start of the largest blob. Nothing is assumed of what cannot be measured without writing to the store:
    /// that comes on top. Without a large blob there is nothing to measure, and no times.
    package func estimated(_ plan: ApplyPlan) throws(Failure) -> ApplyPlan {
        guard let rate = try measuredRate() else { return plan }
        var plan = plan
        for index in plan.steps.indices {
            let step = plan.steps[index]
            plan.steps[index].seconds = step.isDone ? 0 : Double(step.bytes) / rate
        }
        plan.basis =
            "the bytes of each step at \(max(1, Int(rate / 1e6))) MB/s, measured now by reading and unpacking the start of the largest blob; writing and repacking come on top"
        return plan
    }

    /// Bytes a second of the bundle, of the largest blob's first 32 MiB; `nil` where nothing is large.
    private func measuredRate() throws(Failure) -> Double? {
        let blob = bundle.blobs.map(\.descriptor).max { $0.size < $1.size }
        guard let blob, blob.size >= 1 << 20 else { return nil }
        let clock = ContinuousClock()
        let start = clock.now
        let packed = CountedStream(rest: try bundle.open(blob))
        var plain = try decompressed(packed, limit: nil, isPromised: true, artifact: "\(blob.digest)")
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        while packed.count < Self.sample, try plain.read(into: buffer) > 0 {}
        let time = start.duration(to: clock.now).components
        return Double(packed.count) / max(Double(time.seconds) + Double(time.attoseconds) / 1e18, 1e-6)
    }
}
