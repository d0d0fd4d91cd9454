// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Keeps a small blob in memory.
final class MemorySink: BlobSink {
    private let content = Monitor<[UInt8]>([])
    private let digest: Digest?
    private let limit: Int64

    /// - Parameters:
    ///   - digest: what the content is verified against, if anything.
    ///   - limit: the most bytes that are taken.
    init(expecting digest: Digest?, limit: Int64) {
        self.digest = digest
        self.limit = limit
    }

    var bytes: [UInt8] { content.locked { $0 } }
    var received: Int64 { Int64(content.locked { $0.count }) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        let fits = content.locked { content in
            guard Int64(content.count + bytes.count) <= limit else { return false }
            // Room that is not used takes no memory; an array that grows is there twice.
            if content.count > 1 << 20, limit <= 64 << 20, content.capacity < Int(limit) {
                content.reserveCapacity(Int(limit))
            }
            content.append(contentsOf: bytes)
            return true
        }
        guard fits else { throw refuse("it has more than \(limit) bytes") }
    }

    func restart() { content.locked { $0 = [] } }

    func finish() throws(Failure) {
        guard let digest else { return }
        let found = Digest(of: bytes, digest.algorithm)
        guard found != digest else { return }
        restart()
        throw refuse("its content is \(found), not the promised \(digest)")
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(.data, "read", digest.map(\.description) ?? "the file", because: reason)
    }
}
