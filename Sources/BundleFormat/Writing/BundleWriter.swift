// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import Synchronization

/// Writes a planned bundle: every blob straight to its place, several at once, each byte once.
///
/// The bytes go to `PATH.partial` (or `PATH.001.partial` …), whose space is reserved at the start, and
/// `PATH.journal` notes what is finished. A writer that is dropped or killed leaves both, and the next one,
/// also in another process, resumes. `finish()` gives the bundle its name.
/// All methods block, and may be called from any thread.
package final class BundleWriter: Sendable {
    /// What is being written.
    package let plan: BundlePlan
    /// Where it will be: the name of the file, or the base of the volumes' names.
    package let path: String
    /// Whether the bundle was there already when the writer was made, so that nothing is to be done.
    package let isAlreadyThere: Bool

    /// What is damaged in a bundle of this plan that was there when the writer was made: references and titles of
    /// files. It stays until the new one takes its place.
    package let damaged: [String]

    private let places: [Digest: BundlePlan.Blob]
    private let files: PartialFiles?
    private let state: Mutex<State>

    private struct State {
        var progress: [Digest: Journal.Progress] = [:]
        var open: Set<Digest> = []
        var isFinished = false
    }

    /// Prepares to write `plan` at `path`: reserves the space, writes all that is known, takes over what
    /// an earlier writer of this bundle, or the leftovers of another one at the same path, have of its blobs.
    /// - Throws: a `Failure` of kind `busy` while another writer is at `path`; `space` when there is not
    ///   enough, naming what is needed and what is free; `denied` or `io` from the file system.
    /// - Parameters:
    ///   - tools: the files of the plan's tools.
    ///   - accepts: whether a bundle of this plan that is there, with that outcome, need not be made again.
    package init(
        _ plan: BundlePlan, at path: String, tools: [ToolFile] = [],
        accepting accepts: (BuildOutcome?) -> Bool = { _ in true }
    ) throws(Failure) {
        self.plan = plan
        self.path = path
        places = Dictionary(uniqueKeysWithValues: plan.blobs.map { ($0.descriptor.digest, $0) })
        let files = try PartialFiles(plan, at: path, tools: tools, accepting: accepts)
        self.files = files
        isAlreadyThere = files == nil
        damaged = files?.damaged ?? []
        state = Mutex(State(progress: files?.progress ?? [:], isFinished: files == nil))
    }

    /// The blobs that are not yet in place, in order of their offsets.
    package var pending: [Descriptor] {
        state.withLock { state in
            if state.isFinished { return [] }
            return plan.blobs.filter { $0.bytes == nil && state.progress[$0.descriptor.digest]?.done != true }
                .map(\.descriptor)
        }
    }

    /// How many bytes of the blob are there already, finished or not.
    package func received(of digest: Digest) -> Int64 {
        guard let place = places[digest] else { return 0 }
        return state.withLock { state in
            if state.isFinished || place.bytes != nil { return place.descriptor.size }
            return state.progress[digest]?.received ?? 0
        }
    }

    /// The bytes of a blob that is in place; `nil` for any other.
    func finishedStream(of digest: Digest) -> (any ByteStream)? {
        guard let place = places[digest], let files else { return nil }
        let isDone = state.withLock { place.bytes != nil || $0.progress[digest]?.done == true }
        return isDone ? files.volumes.stream(at: place.offset, count: place.descriptor.size) : nil
    }

    /// Where the bytes of a pending blob go. What is there of it is read and hashed before this returns,
    /// so that `received` of the sink says where to resume.
    /// - Throws: a `Failure` of kind `fault` for a blob that is not pending or has a sink already.
    package func sink(for blob: Descriptor) throws(Failure) -> any BlobSink {
        let digest = blob.digest
        guard let place = places[digest], place.bytes == nil, let files else {
            throw refuse(digest, wanted: "pending")
        }
        let received: Int64? = state.withLock { state in
            let progress = state.progress[digest]
            guard !state.isFinished, progress?.done != true, state.open.insert(digest).inserted else {
                return nil
            }
            return progress?.received ?? 0
        }
        guard let received else { throw refuse(digest, wanted: "pending and without a sink") }
        do throws(Failure) {
            return try BundleBlobSink(place, files: files.volumes, resumingAt: received, of: self)
        } catch {
            close(digest)
            throw error
        }
    }

    private func refuse(_ digest: Digest, wanted: String) -> Failure {
        Failure(.fault, "write the blob", "\(digest)", because: "it is not \(wanted) in \(path)")
    }

    /// Notes how far a blob has come, in memory and in the journal.
    func note(_ place: BundlePlan.Blob, received: Int64, done: Bool) throws(Failure) {
        let digest = place.descriptor.digest
        let progress = Journal.Progress(
            offset: place.offset, size: place.descriptor.size, received: received, done: done)
        state.withLock { $0.progress[digest] = progress }
        try files?.journal.note(digest, progress: progress)
    }

    /// Forgets that the blob has a sink.
    func close(_ digest: Digest) { state.withLock { _ = $0.open.remove(digest) } }

    /// Copies the bytes of `blob` from `source`, verified; resumes if something is there.
    package func fill(_ blob: Descriptor, from source: any ContentSource) throws(Failure) {
        let sink = try sink(for: blob)
        var stream = try source.open(blob)
        var skip = sink.received
        try stream.forEachChunk { (bytes) throws(Failure) in
            let skipped = Int(min(skip, Int64(bytes.count)))
            skip -= Int64(skipped)
            try sink.append(UnsafeRawBufferPointer(rebasing: bytes[skipped...]))
        }
        try sink.finish()
    }

    /// Gives the bundle its name: after return it is on the medium, whole, under ``path``, and the
    /// temporary files are gone. An older bundle there is replaced. A repeated call does nothing.
    /// - Throws: a `Failure` of kind `fault` while blobs are pending; then nothing has changed.
    /// - Parameter plan: the final plan, where the one that was written is a draft without its outcome: the same blobs at
    ///   the same places but for the bundle document.
    package func finish(as final: BundlePlan? = nil) throws(Failure) {
        let missing = pending
        guard missing.isEmpty else {
            throw Failure(
                .fault, "finish", path,
                because: "\(missing.count) blobs are pending, the first is \(missing[0].digest)")
        }
        if state.withLock({ $0.isFinished }) { return }
        if let final {
            guard final.size == plan.size, final.blobs.map(\.offset) == plan.blobs.map(\.offset) else {
                throw Failure(.fault, "finish", path, because: "the outcome would move its blobs")
            }
            try files?.write(final)
        }
        try files?.putInPlace()
        state.withLock { $0.isFinished = true }
    }
}
