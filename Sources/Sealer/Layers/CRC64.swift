// SPDX-License-Identifier: Apache-2.0
internal import CISAL

/// CRC-64/ISO (ISO 3309, reflected, all ones in and out), which tar-split notes for each content. ISA-L
/// does the work.
struct CRC64: Sendable {
    private var value: UInt64 = 0

    /// Starts over no bytes.
    init() {}

    /// Feeds `bytes`, in order.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        value = crc64_iso_refl(value, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }

    /// The sum of all bytes fed so far, big-endian.
    var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) } }
}
