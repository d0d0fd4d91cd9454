// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// What the writer of another bundle has left at the same path: kept open, already without a name.
struct StalePartialFiles {
    private let volumes: Volumes
    private let blobs: [Digest: Journal.Progress]

    /// Opens the files that `state` speaks of; `nil` where they are not all there.
    init?(_ state: Journal.State, at base: String) {
        guard let identity = state.identity, state.isLaidOut, !state.blobs.isEmpty else { return nil }
        let names = Volumes.names(base, size: identity.size, volumeSize: identity.volumeSize)
        var files: [File] = []
        for name in names {
            let path = name.path + PartialFiles.partial
            guard let file = try? File.open(path), (try? file.size()) == name.size else { return nil }
            files.append(file)
        }
        // Unnamed at once: two bundles are never left over, and their space comes back when we are done.
        for name in names { unlink(name.path + PartialFiles.partial) }
        volumes = Volumes(files, size: identity.size, volumeSize: identity.volumeSize)
        blobs = state.blobs
    }

    /// Copies the finished blobs that `plan` also has, each verified against its digest on the way; what is not
    /// right is left to be fetched.
    func move(
        to plan: BundlePlan, in target: Volumes, _ journal: Journal
    ) throws(Failure) -> [Digest: Journal.Progress] {
        var moved: [Digest: Journal.Progress] = [:]
        for blob in plan.blobs where blob.bytes == nil {
            let digest = blob.descriptor.digest
            guard let old = blobs[digest], old.done, old.size == blob.descriptor.size,
                old.offset >= 0, old.offset <= volumes.size - old.size
            else { continue }
            let copy = Journal.Progress(
                offset: blob.offset, size: old.size, received: old.size, done: true)
            var hash = SHA256()
            var stream = volumes.stream(at: old.offset, count: old.size)
            var end = blob.offset
            try stream.forEachChunk { (bytes) throws(Failure) in
                try target.write(bytes, at: end)
                hash.update(bytes)
                end += Int64(bytes.count)
            }
            guard hash.digest() == digest else { continue }
            try journal.note(digest, progress: copy)
            moved[digest] = copy
        }
        return moved
    }
}
