// SPDX-License-Identifier: Apache-2.0
internal import CDeflate

/// Writes gzip (RFC 1952) on all cores, whose bytes depend on the input and on libdeflate's version, not on the time,
/// a name, how the input was cut into pieces, the processor or how many cores there are.
///
/// Every MiB of input becomes a gzip member of its own, as RFC 1952 section 2.2 allows and every reader accepts. What
/// ISA-L deflates differs between processors, and a repacked tarball is part of a layer, whose id must be the same on
/// every host.
package final class GzipWriter {
    /// 1, the fastest of libdeflate: what is repacked is big, and read once on each node.
    private static let level: Int32 = 1
    private static let member = 1 << 20

    private let sink: (UnsafeRawBufferPointer) throws(Failure) -> Void
    private let batch = 2 * processorCount
    private var members: [[UInt8]] = []
    private var current: [UInt8] = []
    private var hasWritten = false

    /// Starts a gzip file whose bytes go to `sink`, in order.
    package init(to sink: @escaping (UnsafeRawBufferPointer) throws(Failure) -> Void) { self.sink = sink }

    /// Compresses `bytes`, in order.
    /// - Throws: what the sink throws; a ``Failure`` of kind `busy` where there is no memory.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, Self.member - current.count)
            current.append(contentsOf: rest.prefix(count))
            rest = rest.dropFirst(count)
            if current.count == Self.member { try endMember() }
        }
    }

    /// Compresses `bytes`, in order.
    /// - Throws: as the writes do.
    package func write(_ bytes: [UInt8]) throws(Failure) {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(Failure) in try write(buffer) }
        }
        try outcome.get()
    }

    /// Ends the file: after return the sink has all bytes. Write no more.
    /// - Throws: as the writes do.
    package func finish() throws(Failure) {
        if !current.isEmpty || !hasWritten && members.isEmpty {
            members.append(current)
            current = []
        }
        try flush()
    }

    private func endMember() throws(Failure) {
        members.append(current)
        current = []
        current.reserveCapacity(Self.member)
        if members.count == batch { try flush() }
    }

    /// Compresses the members at hand, each on a core, and gives them to the sink in order.
    private func flush() throws(Failure) {
        let inputs = members
        members = []
        guard !inputs.isEmpty else { return }
        hasWritten = true
        for output in onAllCores(inputs, { Self.compressed($0) }) {
            guard let output else {
                throw Failure(
                    .busy, "compress", "", because: "there is no memory for it",
                    remedy: "end other programs, then run it again")
            }
            let outcome = output.withUnsafeBytes { buffer in
                Result { () throws(Failure) in try sink(buffer) }
            }
            try outcome.get()
        }
    }

    /// One member; `nil` where there is no memory.
    private static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        guard let compressor = libdeflate_alloc_compressor(level) else { return nil }
        defer { libdeflate_free_compressor(compressor) }
        let bound = libdeflate_gzip_compress_bound(compressor, bytes.count)
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = bytes.withUnsafeBytes {
                libdeflate_gzip_compress(compressor, $0.baseAddress, $0.count, buffer.baseAddress, bound)
            }
        }
        return output.isEmpty ? nil : output
    }
}
