// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import OCI

extension Collector {
    /// Proves the builds without collecting: fetches the base's layers, the files and the configs of images into a
    /// temporary folder, which is gone afterwards.
    /// - Throws: a `Failure` that lists all mistakes with their places in the spec.
    package func check() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sealift-check-\(UUID())").path
        try makeFolder(folder)
        defer { try? removeTree(at: folder) }
        var options = options
        let name = "\(options.spec.spec.name).sealift"
        // What an earlier bundle has is not fetched again.
        if FileManager.default.fileExists(atPath: name) { options.reuse.append(name) }
        options.output = "\(folder)/\(name)"
        // Nothing is made: what the lock does not have yet is proved as it is now.
        options.takesUnlocked = true
        try await Collector(options, client: client, events: events).prove()
    }

    private func prove() async throws {
        let prepared = try await prepare()
        try RunCoverage(isAsked: options.rehearsesRun).check(prepared.parsed.spec)
        let needed = prepared.neededToProve
        let others = Set(prepared.bundled.flatMap(\.blobs).map(\.digest)).subtracting(needed)
        let writer = try await onThread { () throws(Failure) in
            let plan = try BundlePlan(
                spec: prepared.parsed.spec, lock: prepared.lock, images: prepared.bundled, have: others)
            return try BundleWriter(plan, at: prepared.output)
        }
        let sources = Sources(prepared)
        let pending = sources.spread(writer.pending)
        let size = writer.plan.size
        events(
            .planned(
                size: size, blobs: writer.plan.blobs.count,
                present: size - pending.clampedTotal(\.size),
                names: sources.names))
        _ = try await prove(
            prepared, bringing: pending, sources: sources, into: writer, executingRun: options.rehearsesRun)
    }

    /// Brings `blobs`, which prove the builds, and proves these.
    /// - Parameter executesRun: whether RUN is executed already, where all that it is over is at hand.
    /// - Returns: the rehearsal, which derives the outcome once all other blobs are there.
    /// - Throws: a ``Failure`` that lists all mistakes with their places in the spec, those of the preparation and of
    ///   what could not be had among them.
    func prove(
        _ prepared: Prepared, bringing blobs: [Descriptor], sources: Sources, into writer: BundleWriter,
        executingRun executesRun: Bool = false
    ) async throws -> (rehearsal: Rehearsal, came: [Came]) {
        let results = try await inParallel(blobs, width: prepared.content.worksAtOnce) { blob in
            try await attempted { try await bring(blob, sources: sources, into: writer) }
        }
        var (prepared, came) = (prepared, [Came]())
        for (blob, result) in zip(blobs, results) {
            switch result {
            case .success(let one): came.append(one)
            case .failure(let failure): prepared.note(failure, of: blob)
            }
        }
        events(.proving)
        do throws(Failure) {
            let rehearsal = try prepared.rehearsal(
                over: writer, beside: prepared.output, executesRun: options.rehearsesRun, events)
            try await onThread { () throws(Failure) in try rehearsal.prove(executingRun: executesRun) }
            return (rehearsal, came)
        } catch { throw Mistakes.joined(to: error, in: prepared.parsed) }
    }
}
