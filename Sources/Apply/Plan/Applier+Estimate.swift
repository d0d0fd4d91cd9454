// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
package import OCI

extension Applier {
    /// Bytes of the bundle a second that are unpacked and written when nothing else holds up: what two cores
    /// reach with gzip layers on a disk. The medium is often slower, and is measured.
    private static let assumedRate = 200e6
    /// Bytes of a compressed tarball a second that are repacked: inflated, and deflated again, on two cores.
    private static let repackRate = 80e6
    /// How much of the bundle is read to measure the medium: 32 MiB.
    private static let sample: Int64 = 32 << 20

    /// The plan with the time that each step is expected to take: its bytes over the slower of two rates, that
    /// of the medium, measured by reading up to 32 MiB of what is to be read, and an assumed one of unpacking
    /// and writing. It is an estimate: what is in the system's cache reads faster than the rest will.
    package func estimated(_ plan: ApplyPlan) throws(Failure) -> ApplyPlan {
        var plan = plan
        let rate = try measuredRate()
        let slower = min(rate ?? Self.assumedRate, Self.assumedRate)
        for index in plan.steps.indices {
            let step = plan.steps[index]
            plan.steps[index].seconds = step.isDone ? 0 : Double(step.bytes) / slower
        }
        let builds = plan.steps.suffix(spec.builds.count).indices
        for (index, build) in zip(builds, spec.builds) where !plan.steps[index].isDone {
            for case .putRepacked(_, let name, _) in build.context {
                let size = bundle.file(name, for: platform)?.size ?? 0
                plan.steps[index].seconds = (plan.steps[index].seconds ?? 0) + Double(size) / Self.repackRate
            }
        }
        func told(_ rate: Double) -> String { "\(Int(rate / 1e6)) MB/s" }
        plan.basis =
            "the bytes of each step at \(told(slower)): "
            + (rate.map { "reading the bundle was measured at \(told($0)), " } ?? "")
            + "unpacking and writing are assumed at \(told(Self.assumedRate)), repacking at \(told(Self.repackRate))"
        return plan
    }

    /// Bytes a second of the largest blob's first 32 MiB, hashing included; `nil` where nothing is large.
    private func measuredRate() throws(Failure) -> Double? {
        let blob = bundle.blobs.map(\.descriptor).max { $0.size < $1.size }
        guard let blob, blob.size >= 1 << 20 else { return nil }
        var stream = try bundle.open(blob)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { buffer.deallocate() }
        let clock = ContinuousClock()
        let start = clock.now
        var count: Int64 = 0
        while count < min(Self.sample, blob.size) { count += Int64(try stream.read(into: buffer)) }
        let time = start.duration(to: clock.now).components
        return Double(count) / max(Double(time.seconds) + Double(time.attoseconds) / 1e18, 1e-6)
    }
}
