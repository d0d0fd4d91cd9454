// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import OCI

/// The files that a bundle is written to before it has its name, and their journal.
final class PartialFiles: Sendable {
    let volumes: Volumes
    let journal: Journal
    /// How far each blob had come when the files were opened.
    let progress: [Digest: Journal.Progress]
    /// What the damaged blobs of a bundle that is there already belong to: it is made again.
    let damaged: [String]
    private let base: String
    private let names: [(path: String, size: Int64)]
    private let size: Int64
    private let tools: [ToolFile]

    /// Opens what is there of `plan` at `base`, or begins again; `nil` when the whole bundle is there.
    /// - Parameter accepts: whether the outcome of the bundle that is there will do.
    init?(
        _ plan: BundlePlan, at base: String, tools: [ToolFile], accepting accepts: (BuildOutcome?) -> Bool
    ) throws(Failure) {
        let journal = try Journal("\(base).journal")
        let identity = Journal.Identity(
            index: plan.indexDigest, size: plan.size, volumeSize: plan.volumeSize)
        let names = Volumes.names(base, size: plan.size, volumeSize: plan.volumeSize)
        var state = try journal.load()
        if state.identity == identity, state.isComplete {
            try Self.rename(names, base: base, journal: journal)
            state = Journal.State()
        }
        if state.identity == nil, let there = Self.bundle(plan, at: base), accepts(there.outcome) {
            let damages = there.verify()
            guard !damages.isEmpty else {
                journal.remove()
                return nil
            }
            damaged = damages.map(\.owner)
        } else {
            damaged = []
        }
        if state.identity != identity || !state.isLaidOut || !Self.allThere(names) {
            let leftovers = StalePartialFiles(state, at: base)
            volumes = try Self.begin(plan, identity: identity, names: names, journal: journal, tools: tools)
            state = Journal.State(identity: identity, isLaidOut: true)
            state.blobs = try leftovers?.move(to: plan, in: volumes, journal) ?? [:]
        } else {
            volumes = try Self.open(names, plan: plan)
            try Self.reserve(names, of: plan, in: volumes)
            // Anyone who can write there may have changed them since, and a medium may have lost them.
            state.blobs = Self.checked(state.blobs, in: volumes)
        }
        self.journal = journal
        self.base = base
        self.names = names
        size = plan.size
        self.tools = tools
        progress = state.blobs
    }

    /// Writes what `plan` says in place of the draft: the index and the bundle document, at the same places.
    func write(_ plan: BundlePlan) throws(Failure) { try plan.writeKnown(to: volumes, tools) }

    /// Flushes all bytes, then gives the files their names.
    func putInPlace() throws(Failure) {
        for file in volumes.files { try file.synchronize() }
        try journal.noteComplete()
        try Self.rename(names, base: base, journal: journal)
    }

    /// The bundle of `plan` that is at `base` already. Its blobs are not read.
    private static func bundle(_ plan: BundlePlan, at base: String) -> Bundle? {
        guard let bundle = try? Bundle(opening: base), bundle.size == plan.size,
            let draft = try? bundle.draft(), draft.indexDigest == plan.indexDigest,
            bundle.volumes.volumeSize == plan.volumeSize
        else { return nil }
        return bundle
    }

    private static func allThere(_ names: [(path: String, size: Int64)]) -> Bool {
        names.allSatisfy { name in (try? File.open(name.path + partial).size()) == name.size }
    }

    private static func open(
        _ names: [(path: String, size: Int64)], plan: BundlePlan
    ) throws(Failure) -> Volumes {
        var files: [File] = []
        for name in names { files.append(try File.create(name.path + partial)) }
        return Volumes(files, size: plan.size, volumeSize: plan.volumeSize)
    }

    /// New files, their space reserved, with every header and every known blob in them.
    private static func begin(
        _ plan: BundlePlan, identity: Journal.Identity, names: [(path: String, size: Int64)],
        journal: Journal, tools: [ToolFile]
    ) throws(Failure) -> Volumes {
        for name in names { unlink(name.path + partial) }
        do throws(Failure) {
            try journal.begin(identity)
            let volumes = try open(names, plan: plan)
            try reserve(names, of: plan, in: volumes)
            try plan.writeKnown(to: volumes, tools)
            try journal.noteLayout()
            return volumes
        } catch {
            for name in names { unlink(name.path + partial) }
            journal.remove()
            throw error
        }
    }

    /// Reserves the space of all files at once.
    /// - Throws: a `Failure` of kind `space` that names what is needed and what is free, or the size of volumes that fit.
    private static func reserve(
        _ names: [(path: String, size: Int64)], of plan: BundlePlan, in volumes: Volumes
    ) throws(Failure) {
        guard let first = volumes.files.first else { return }
        let limits = try MediumLimits(of: first)
        for name in names { try limits.check(name.path, size: name.size, least: plan.leastVolume) }
        let free = limits.free
        let needed = try MediumLimits.lacking(volumes.files, sizes: names.map(\.size))
        func noSpace() -> Failure {
            Failure(
                .space, "reserve the space for", first.path,
                because: "it needs \(needed) bytes, and \(free) are free there",
                remedy: "free \(max(1, needed - free)) bytes, or name a place on another file system")
        }
        guard needed <= free else { throw noSpace() }
        for (file, name) in zip(volumes.files, names) where name.size > 0 {
            guard try allocate(name.size, of: file) else { throw noSpace() }
        }
    }

    /// Makes `file` of `size`, with its blocks where the file system can reserve them without filling them; `false` where
    /// there is no room.
    private static func allocate(_ size: Int64, of file: File) throws(Failure) -> Bool {
        while sealift_fallocate(file.descriptor, off_t(size)) != 0 {
            switch errno {
            case EINTR: continue
            case ENOSPC, EDQUOT: return false
            case EOPNOTSUPP, ENOSYS: break
            default: throw Failure.system("reserve the space for", artifact: file.path)
            }
            guard ftruncate(file.descriptor, off_t(size)) == 0 else {
                throw Failure.system("reserve the space for", artifact: file.path)
            }
            break
        }
        return true
    }

    /// Of what an earlier writer has noted as finished, that which the medium really holds.
    private static func checked(
        _ blobs: [Digest: Journal.Progress], in volumes: Volumes
    ) -> [Digest: Journal.Progress] {
        blobs.filter { digest, progress in
            guard progress.done else { return true }
            let descriptor = Descriptor(mediaType: MediaType.octets, digest: digest, size: progress.size)
            var stream = VerifyingStream(
                volumes.stream(at: progress.offset, count: progress.size), descriptor: descriptor,
                artifact: "\(digest)")
            return (try? stream.forEachChunk { _ in }) != nil
        }
    }

    /// Gives the files their names and removes what is left of a former bundle, in whatever form it was.
    private static func rename(
        _ names: [(path: String, size: Int64)], base: String, journal: Journal
    ) throws(Failure) {
        for name in names where access(name.path + partial, F_OK) == 0 {
            guard Glibc.rename(name.path + partial, name.path) == 0 else {
                throw Failure.system("put in place", artifact: name.path)
            }
        }
        // Not before the new names are on the medium: one of the two is always there.
        try AtomicWrite.flushFolder(of: base)
        _ = Volumes.removeOlder(at: base, than: names)
        try AtomicWrite.flushFolder(of: base)
        journal.remove()
    }

    static let partial = ".partial"
}

extension BundlePlan {
    /// Writes every header, every known blob, the tools and the end of the tar.
    fileprivate func writeKnown(to volumes: Volumes, _ files: [ToolFile]) throws(Failure) {
        var start: [UInt8] = []
        for (name, bytes) in [(FormatName.layoutMember, FormatName.layout), (FormatName.indexMember, index)] {
            start += Member.header(name, size: Int64(bytes.count)) + bytes
            start += [UInt8](repeating: 0, count: Int(TarOffsets.padded(Int64(bytes.count))) - bytes.count)
        }
        try volumes.write(start, at: 0)
        for blob in blobs {
            let size = blob.descriptor.size
            let header = Member.header(blob.descriptor.digest.layoutPath, size: size)
            try volumes.write(header + (blob.bytes ?? []), at: blob.offset - Int64(header.count))
        }
        for placed in tools { try write(placed, to: volumes, files: files) }
    }

    /// Writes a tool, unless its bytes are there already.
    private func write(_ placed: PlacedTool, to volumes: Volumes, files: [ToolFile]) throws(Failure) {
        let (tool, offset) = (placed.tool, placed.offset)
        let header = Member.header(tool.name, size: tool.size)
        try volumes.write(header, at: offset - Int64(header.count))
        var there = VerifyingStream(
            volumes.stream(at: offset, count: tool.size), descriptor: tool.descriptor, artifact: tool.owner)
        if (try? there.forEachChunk { _ in }) != nil { return }
        guard let file = files.first(where: { $0.tool == tool }) else {
            throw Failure(.fault, "carry", tool.owner, because: "its file was not given")
        }
        var stream = file.stream()
        var end = offset
        try stream.forEachChunk { (bytes) throws(Failure) in
            try volumes.write(bytes, at: end)
            end += Int64(bytes.count)
        }
    }
}
