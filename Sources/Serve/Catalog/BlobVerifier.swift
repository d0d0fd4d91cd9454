// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import OCI

/// Hashes the blobs that are served, once as long as the files that hold them do not change.
///
/// sendfile hands bytes from the file to the socket, and the program does not see them. So a blob is hashed beside its
/// first response, and the end of every response waits for the outcome: see ``BlobSender``.
final class BlobVerifier: Sendable {
    /// That a copy of a blob had the right bytes, and the state its files were in.
    struct Proof: Sendable {
        fileprivate let files: [FileState]

        /// Whether the files are still in that state, as far as the file system says.
        func holds() -> Bool { files.allSatisfy { FileState($0.file)?.matches($0) == true } }
    }

    /// The outcome of a check.
    typealias Outcome = Result<Proof, Failure>

    private struct Key: Hashable, Sendable {
        let digest: Digest
        let copy: Int
    }

    private enum Entry: Sendable {
        case checking([EventLoopPromise<Outcome>])
        case checked(Outcome, files: [FileState])
    }

    private let entries = Guarded<[Key: Entry]>([:])
    private let pool: NIOThreadPool
    private let stopped = Guarded(false)
    private let damaged: @Sendable (Digest, Failure) -> Void

    /// - Parameters:
    ///   - pool: its threads hash; a hash of a large blob keeps one of them busy for long.
    ///   - damaged: called for every blob that fails, once for each state of its files.
    init(pool: NIOThreadPool, damaged: @escaping @Sendable (Digest, Failure) -> Void) {
        self.pool = pool
        self.damaged = damaged
    }

    /// Ends running hashes soon.
    func stop() { stopped.withLock { $0 = true } }

    /// What is known of a copy without waiting: its outcome, if its files are as they were then.
    func known(_ digest: Digest, copy: Int) -> Outcome? {
        let key = Key(digest: digest, copy: copy)
        guard case .checked(let outcome, let files)? = entries.withLock({ $0[key] }) else { return nil }
        return files.allSatisfy { FileState($0.file)?.matches($0) == true } ? outcome : nil
    }

    /// Whether the copy `index` of the blob has the right bytes: at once where it is known, else after its
    /// hash. Several who ask at a time wait for one hash.
    func check(
        _ digest: Digest, copy index: Int, regions: [Region], on loop: any EventLoop
    ) -> EventLoopFuture<Outcome> {
        if let outcome = known(digest, copy: index) { return loop.makeSucceededFuture(outcome) }
        let key = Key(digest: digest, copy: index)
        let promise = loop.makePromise(of: Outcome.self)
        let first = entries.withLock { entries in
            if case .checking(let waiting)? = entries[key] {
                entries[key] = .checking(waiting + [promise])
                return false
            }
            entries[key] = .checking([promise])
            return true
        }
        if first {
            pool.submit { state in
                let active = if case .active = state { true } else { false }
                self.run(key, regions: regions, active: active)
            }
        }
        return promise.futureResult
    }

    private func run(_ key: Key, regions: [Region], active: Bool) {
        let before = FileState.all(of: regions)
        let start = FileState.now()
        let outcome = active ? hash(key.digest, regions: regions) : .failure(Self.interrupted(key.digest))
        let after = FileState.all(of: regions)
        let steady = before.count == after.count && zip(before, after).allSatisfy { $0.matches($1) }
        // A change within the clock's grain leaves the times as they are: such a proof is good for those
        // who wait for it, and is not kept. That a blob is damaged is kept, so that another copy is used.
        let settled = before.allSatisfy { $0.changed + FileState.grain < start }
        let failed = if case .failure(let failure) = outcome { failure.kind == .data } else { false }
        let keep = active && steady && (settled || failed) && !stopped.withLock { $0 }
        let promises = entries.withLock { entries in
            guard case .checking(let waiting)? = entries[key] else {
                return [EventLoopPromise<Outcome>]()
            }
            entries[key] = keep ? .checked(outcome.map { Proof(files: before) }, files: before) : nil
            return waiting
        }
        if case .failure(let failure) = outcome, active, !stopped.withLock({ $0 }) {
            damaged(key.digest, failure)
        }
        for promise in promises { promise.succeed(outcome.map { Proof(files: before) }) }
    }

    private func hash(_ digest: Digest, regions: [Region]) -> Result<Void, Failure> {
        let stopped = self.stopped
        var stream = VerifyingStream(
            RegionStream(regions), digest: digest, size: Catalog.size(regions), artifact: "the blob \(digest)"
        )
        do throws(Failure) {
            try stream.forEachChunk(of: 1 << 20) { (_) throws(Failure) in
                if stopped.withLock({ $0 }) { throw Self.interrupted(digest) }
            }
            return .success(())
        } catch { return .failure(error) }
    }

    private static func interrupted(_ digest: Digest) -> Failure {
        Failure(.busy, "verify", "the blob \(digest)", because: "the server stops")
    }
}

/// What the file system says of a file's state: a change of the content changes one of these.
private struct FileState: Sendable {
    let file: File
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    /// Nanoseconds since 1970 of the last change of content, and of anything.
    private let modified: Int64
    let changed: Int64

    /// No file system has coarser times: FAT counts 2 s.
    static let grain: Int64 = 2_000_000_000

    init?(_ file: File) {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { return nil }
        self.file = file
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = max(modified, Self.nanoseconds(status.st_ctim))
    }

    static func all(of regions: [Region]) -> [FileState] {
        var seen: Set<Int32> = []
        return regions.filter { seen.insert($0.file.descriptor).inserted }.compactMap { FileState($0.file) }
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }

    func matches(_ other: FileState) -> Bool {
        (device, inode, size, modified, changed)
            == (other.device, other.inode, other.size, other.modified, other.changed)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
