// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import OCI

/// A copy of a bundle on another medium: its bytes, in one file or in volumes, and the files beside it.
///
/// All is written to `NAME.copying`, flushed, read back from the medium and verified there; then it gets its names. A run
/// that is killed leaves that folder, and the next one compares what is in it with the bundle and resumes. What was at the
/// names before stays until then. All methods block.
package final class BundleCopy: Sendable {
    /// What a copy does now.
    package enum Step: Sendable { case writing, reading }

    /// How a copy ended.
    package struct Outcome: Encodable, Sendable {
        /// A file of the copy.
        package struct File: Encodable, Sendable { package let path: String, size: Int64 }
        /// The identity of both.
        package let digest: Digest
        /// The files: of the bundle, then those beside it.
        package let files: [File]
        /// Bytes of the bundle.
        package let size: Int64
        /// Bytes that an earlier run had written.
        package let found: Int64
        /// Whether the copy was there already; then it was read and verified as a new one is.
        package let unchanged: Bool
        /// Whether the system let go of all that it had of the copy in memory before it was read.
        package let fromMedium: Bool
        /// Files of an older bundle of that name, or beside it, which this one does not have.
        package let removed: [String]
    }

    /// What may be beside a bundle, after its name.
    package static let companions = [".sig", ".provenance.json", ".spdx.json"]

    private let bundle: Bundle
    private let folder: String
    private let scratch: HeldFolder
    private let form: CopyForm

    /// Prepares to copy `bundle` to `folder`: takes the right to write there, and finds out whether it fits.
    /// - Parameter volumeSize: splits it into files of so many bytes; `nil` for one file where the medium can hold it.
    /// - Throws: a `Failure` of kind `input` where the folder is not there; of kind `space` where the bundle does not fit,
    ///   naming what is needed, what is free, and what size of volumes would fit; `busy` while another run copies there;
    ///   of kind `usage` for the folder that it is in.
    package init(of bundle: Bundle, to folder: String, volumeSize: Int64?) throws(Failure) {
        self.bundle = bundle
        self.folder = folder
        let target = try Folder.open(folder)
        try Self.check(bundle, isNotIn: target)
        let name = CopyForm.name(of: bundle)
        scratch = try HeldFolder(at: "\(folder)/\(name).copying", for: "\(folder)/\(name)")
        do throws(Failure) {
            let probe = try File.unnamed(in: scratch.path)
            form = try CopyForm(of: bundle, wanting: volumeSize, limits: try MediumLimits(of: probe))
        } catch {
            // Empty where nothing was begun; what a former run has written stays.
            rmdir(scratch.path)
            throw error
        }
    }

    private static func check(_ bundle: Bundle, isNotIn target: Folder) throws(Failure) {
        let source = try Folder.open(AtomicWrite.folder(of: bundle.path))
        var (one, other) = (stat(), stat())
        guard fstat(source.descriptor, &one) == 0, fstat(target.descriptor, &other) == 0 else {
            throw Failure.system("examine", artifact: target.path)
        }
        guard one.st_ino == other.st_ino, one.st_dev == other.st_dev else { return }
        throw Failure(
            .usage, "copy", bundle.path, because: "it is in \(target.path) already",
            remedy: "name another folder")
    }

    /// Makes the copy.
    /// - Parameter progress: given the step and the bytes so far, from any thread.
    /// - Throws: a `Failure` of kind `data` for a damaged blob of the bundle, naming its files; of kind `io` where the medium
    ///   gives other bytes than were written; of kind `space` where it is full.
    package func run(progress: @Sendable (Step, Int64) -> Void = { _, _ in }) throws(Failure) -> Outcome {
        try finishRenaming()
        // As it would be read; a run that was killed may have left another one behind it.
        let older = try? Bundle(opening: "\(folder)/\(form.name)")
        if let isFresh = freshness(of: try? Bundle(opening: form.files(in: folder)[0].path), progress) {
            return try finish(over: older, found: bundle.size, fromMedium: isFresh, unchanged: true)
        }
        let written = try write { progress(.writing, $0) }
        try readBack { progress(.reading, $0) }
        return try finish(over: older, found: written.found, fromMedium: written.isFresh, unchanged: false)
    }

    /// Whether nothing of a whole copy in the wanted form was in memory when it was read; `nil` for any other.
    private func freshness(
        of copy: Bundle?, _ progress: @Sendable (Step, Int64) -> Void
    ) -> Bool? {
        guard let copy, copy.indexDigest == bundle.indexDigest, copy.size == bundle.size,
            copy.volumes.volumeSize == form.volumeSize
        else { return nil }
        let isFresh = copy.dropCachedPages()
        return copy.verify(progress: { progress(.reading, $0) }).isEmpty ? isFresh : nil
    }

    /// Gives the copy its names, and removes what only belongs to `older`, which was there before.
    private func finish(
        over older: Bundle?, found: Int64, fromMedium: Bool, unchanged: Bool
    ) throws(Failure) -> Outcome {
        let beside = try takeCompanions()
        let stale = older.map { $0.indexDigest != bundle.indexDigest } ?? false ? staleCompanions() : []
        let removed = try putInPlace() + stale
        for path in stale { unlink(path) }
        return Outcome(
            digest: bundle.indexDigest,
            files: form.files(in: folder).map { .init(path: $0.path, size: $0.size) } + beside,
            size: bundle.size, found: found, unchanged: unchanged, fromMedium: fromMedium, removed: removed)
    }

    // MARK: the bundle

    private func write(
        progress: @Sendable (Int64) -> Void
    ) throws(Failure) -> (found: Int64, isFresh: Bool) {
        let names = form.files(in: scratch.path)
        var files: [File] = []
        for name in names {
            let file = try File.create(name.path)
            if try file.size() > name.size, ftruncate(file.descriptor, off_t(name.size)) != 0 {
                throw Failure.system("shorten", artifact: name.path)
            }
            files.append(file)
        }
        var isNew = true
        for file in files where try file.size() > 0 { isNew = false }
        do throws(Failure) { try reserve(names, files: files) } catch {
            if isNew { scratch.remove() }
            throw error
        }
        var writer = try MediumWriter(Volumes(files, size: form.size, volumeSize: form.volumeSize))
        var source = ReadAhead(
            SequentialStream(bundle), buffers: 4, of: 4 << 20, filledPer: form.volumeSize ?? form.size)
        while try source.withNext({ (bytes) throws(Failure) in try writer.append(bytes) }) {
            progress(writer.end)
        }
        let isFresh = try writer.finish()
        try AtomicWrite.flushFolder(of: names[0].path)
        return (writer.found, isFresh)
    }

    /// Finds out whether there is room for what is not there yet, and takes it.
    private func reserve(_ names: [(path: String, size: Int64)], files: [File]) throws(Failure) {
        let free = try MediumLimits(of: files[0]).free
        let needed = try MediumLimits.lacking(files, sizes: names.map(\.size))
        func refuse() -> Failure {
            let old = form.files(in: folder).filter { access($0.path, F_OK) == 0 }.map(\.path)
            return Failure(
                .space, "copy \(bundle.path) to", folder,
                because: "\(needed) bytes of it are not there yet, and \(free) are free",
                remedy: old.isEmpty
                    ? "free \(max(1, needed - free)) bytes, or take another medium; then run it again"
                    : "remove \(old[0]), which stays until the new one is whole, or take another medium; then run it again"
            )
        }
        guard needed <= free else { throw refuse() }
        for (name, file) in zip(names, files) where sealift_reserve(file.descriptor, off_t(name.size)) != 0 {
            // A file system that reserves nothing may still be full later.
            if errno == ENOSPC || errno == EDQUOT { throw refuse() }
        }
    }

    private func readBack(progress: @Sendable (Int64) -> Void) throws(Failure) {
        func refuse(_ path: String, reason: String) -> Failure {
            Failure(
                .io, "read back", path, because: "the medium gives other bytes than were written: \(reason)",
                remedy: "do not trust this medium: copy to another one; run it again to write here once more")
        }
        let copy: Bundle
        do throws(Failure) { copy = try Bundle(opening: "\(scratch.path)/\(form.name)") } catch {
            throw error.kind == .data ? refuse(error.artifact, reason: error.reason) : error
        }
        guard copy.indexDigest == bundle.indexDigest else {
            throw refuse(copy.path, reason: "its identity is \(copy.indexDigest)")
        }
        let damages = copy.verify(progress: progress)
        guard let first = damages.first else { return }
        guard first.failure.kind == .data else { throw first.failure }
        throw refuse(
            first.files.joined(separator: ", "),
            reason: "\(damages.count) blobs are damaged, the first is \(first.failure.artifact)")
    }

    // MARK: names

    /// Gives what is in the scratch folder its names: volumes from the first, then what is beside them. Then what is left of
    /// an older copy goes, volumes or the one file.
    /// - Returns: what was removed.
    private func putInPlace() throws(Failure) -> [String] {
        let names = form.files(in: folder).map(\.path) + Self.companions.map { "\(folder)/\(form.name)\($0)" }
        for name in names {
            let prepared = scratch.path + name.dropFirst(folder.utf8.count)
            guard access(prepared, F_OK) == 0 else { continue }
            guard rename(prepared, name) == 0 else { throw Failure.system("put in place", artifact: name) }
        }
        try AtomicWrite.flushFolder(of: names[0])
        let removed = Volumes.removeOlder(at: "\(folder)/\(form.name)", than: form.files(in: folder))
        scratch.remove()
        return removed
    }

    /// Finishes what a former run was about to: once the first file has its name, all others are whole.
    private func finishRenaming() throws(Failure) {
        let prepared = try Folder.open(scratch.path).names()
        let first = form.files(in: scratch.path)[0].path
        guard !prepared.isEmpty, access(first, F_OK) != 0, access(form.files(in: folder)[0].path, F_OK) == 0
        else { return }
        for name in form.files(in: scratch.path) where access(name.path, F_OK) == 0 {
            guard rename(name.path, folder + name.path.dropFirst(scratch.path.utf8.count)) == 0 else {
                throw Failure.system("put in place", artifact: name.path)
            }
        }
    }

    // MARK: what is beside it

    /// Copies what is beside the bundle to the scratch folder, where it is read back.
    private func takeCompanions() throws(Failure) -> [Outcome.File] {
        var taken: [Outcome.File] = []
        for suffix in Self.companions where access(bundle.path + suffix, F_OK) == 0 {
            let source = try File.open(bundle.path + suffix)
            let copy = try File.create("\(scratch.path)/\(form.name)\(suffix)")
            let size = try source.size()
            guard ftruncate(copy.descriptor, 0) == 0 else {
                throw Failure.system("shorten", artifact: copy.path)
            }
            var stream = source.stream(count: size)
            var end: Int64 = 0
            var hash = SHA256()
            try stream.forEachChunk { (bytes) throws(Failure) in
                try copy.write(bytes, at: end)
                hash.update(bytes)
                end += Int64(bytes.count)
            }
            try copy.synchronize()
            _ = copy.dropCachedPages()
            let wanted = Descriptor(mediaType: MediaType.octets, digest: hash.digest(), size: size)
            var again = VerifyingStream(copy.stream(count: size), descriptor: wanted, artifact: copy.path)
            do throws(Failure) { try again.forEachChunk { _ in } } catch {
                guard error.kind == .data else { throw error }
                throw Failure(
                    .io, "read back", copy.path, because: "the medium gives other bytes than were written",
                    remedy: "do not trust this medium: copy to another one")
            }
            taken.append(.init(path: "\(folder)/\(form.name)\(suffix)", size: size))
        }
        return taken
    }

    /// What an older bundle of the name has beside it and this one has not: a signature of other bytes, say.
    private func staleCompanions() -> [String] {
        Self.companions.filter { access(bundle.path + $0, F_OK) != 0 }
            .map { "\(folder)/\(form.name)\($0)" }.filter { access($0, F_OK) == 0 }
    }
}
