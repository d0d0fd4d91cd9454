// SPDX-License-Identifier: Apache-2.0
internal import Build
package import BundleFormat
internal import Glibc
internal import OCI
package import Registry
internal import Spec

/// Collects a bundle: resolve, plan, fetch, verify, put in place.
package struct Collector: Sendable {
    let options: CollectOptions
    let client: RegistryClient
    let events: @Sendable (CollectEvent) -> Void

    /// A collector that fetches through `client` and reports to `events` what happens.
    package init(
        _ options: CollectOptions, client: RegistryClient, events: @escaping @Sendable (CollectEvent) -> Void
    ) {
        self.options = options
        self.client = client
        self.events = events
    }

    /// All that is known before data is fetched.
    struct Prepared: Sendable {
        let parsed: ParsedSpec
        let sources: Provenance.Sources
        let lock: Lock
        let images: [ResolvedImage]
        let files: [ResolvedFile]
        let bundled: [BundleImage]
        /// The blobs that the isolated host has.
        let had: Set<Digest>
        let plan: BundlePlan
        let hold: OutputHold
        var output: String { hold.path }
        /// Bundles at hand: blobs are copied out of them in place of the network.
        var known: [Bundle] { content.bundles }
        let content: ContentCache
        /// The executables that travel with it.
        let tools: [CarriedTool]
        /// The mistakes that were found so far.
        var faults: SpecFaults
        /// The files whose digest only fetching shows, where none is fetched.
        let unknown: [(title: String, size: Int64?)]

        /// What must be at hand to prove the builds: the base's layers, the files, and the configs of images.
        var neededToProve: Set<Digest> {
            var needed = Set(files.map(\.locked.digest))
            needed.formUnion(bundled.chartFiles(of: parsed.spec).map(\.descriptor.digest))
            for image in bundled {
                for case .image(let config, let layers) in image.manifests.map(\.content) {
                    needed.insert(config.digest)
                    if image.reference == parsed.spec.base?.image { needed.formUnion(layers.map(\.digest)) }
                }
            }
            return needed
        }

        /// Notes that a blob which proves the builds could not be had.
        mutating func note(_ failure: Failure, of blob: Descriptor) {
            for file in files where file.locked.digest == blob.digest {
                faults.note(failure, ofFile: file.locked.name)
            }
            for image in bundled where image.blobs.contains(where: { $0.digest == blob.digest }) {
                faults.note(failure, ofImage: image.reference, in: parsed.spec)
            }
        }

        /// The builds, over what `writer` has so far.
        func rehearsal(
            over writer: BundleWriter, beside output: String, executesRun: Bool,
            _ events: @escaping @Sendable (CollectEvent) -> Void
        ) throws(Failure) -> Rehearsal {
            let scratch = ScratchFolder(beside: output).path
            try makeFolder(scratch)
            return Rehearsal(
                parsed, images: bundled, files: lock.files, content: FirstSource(sources: [writer] + known),
                scratch: scratch, faults: faults, executesRun: executesRun, isDelta: !had.isEmpty,
                note: { events(.note($0)) })
        }

        /// The plan with its outcome: the same blobs at the same places.
        func plan(with outcome: BuildOutcome?, _ volumeSize: Int64?) throws(Failure) -> BundlePlan {
            try BundlePlan(
                spec: parsed.spec, lock: lock, images: bundled, have: had, volumeSize: volumeSize,
                outcome: outcome, tools: tools)
        }
    }

    /// What a collect would fetch, as far as it is known without fetching a layer or a file.
    package struct Preview: Sendable {
        /// The layout, without the files whose digest only fetching shows, and without the outcome.
        package let plan: BundlePlan
        /// The files whose digest is not known, by their titles, each with its size where the server states it.
        package let unknown: [(title: String, size: Int64?)]
    }

    /// Lays the bundle out without fetching any layer or file.
    /// - Throws: a `Failure` that lists the mistakes that show without them.
    package func plan() async throws -> Preview {
        let prepared = try await prepare(fetchingFiles: false)
        ScratchFolder(beside: prepared.output).remove()
        try Mistakes(prepared.parsed, problems: prepared.faults.problems).report()
        return Preview(plan: prepared.plan, unknown: prepared.unknown)
    }

    /// Collects the bundle.
    ///
    /// Afterwards it is at its path whole and verified, and nothing else of it is left. After a failure
    /// or a kill what lay there before is unchanged, and the next run resumes.
    package func run() async throws -> Collected {
        let prepared = try await prepare()
        defer { ScratchFolder(beside: prepared.output).remove() }
        let (plan, output) = (prepared.plan, prepared.output)
        let coverage = RunCoverage(isAsked: options.rehearsesRun)
        try coverage.check(prepared.parsed.spec)
        let writer = try await onThread { () throws(Failure) in
            try BundleWriter(plan, at: output, tools: options.tools) {
                coverage.isMet(by: $0, of: prepared.parsed.spec)
            }
        }
        if writer.isAlreadyThere {
            try Mistakes(prepared.parsed, problems: prepared.faults.problems).report()
            let there = try await onThread { () throws(Failure) in try Bundle(opening: output).plan() }
            return collected(prepared, plan: there, unchanged: true)
        }
        if let first = writer.damaged.first {
            events(
                .note(
                    "\(output) is there and \(writer.damaged.count) of its blobs are damaged, the first of \(first): what is whole is copied, the rest is fetched again"
                ))
        }
        let (came, rehearsal, proof) = try await bringAll(of: prepared, into: writer)
        events(.deriving)
        let final = try await onThread { () throws(Failure) in
            try proof.finish(prepared.parsed)
            let final = try prepared.plan(with: rehearsal.derive(), options.volumeSize)
            try writer.finish(as: final)
            return final
        }
        var made = collected(
            prepared, plan: final, fetched: came.clampedTotal(\.fetched), copied: came.clampedTotal(\.copied))
        made.provenance = options.log.record(of: final, prepared, since: options.since)
        return made
    }

    /// Brings every blob that `writer` lacks: first what proves the spec, which then is proved, then the rest.
    private func bringAll(
        of prepared: Prepared, into writer: BundleWriter
    ) async throws -> (came: [Came], rehearsal: Rehearsal, proof: LayerProof) {
        let (plan, sources) = (prepared.plan, Sources(prepared))
        let pending = sources.spread(writer.pending)
        let present = plan.size - pending.clampedTotal { $0.size - writer.received(of: $0.digest) }
        events(.planned(size: plan.size, blobs: plan.blobs.count, present: present, names: sources.names))
        let first = prepared.neededToProve
        var (rehearsal, came) = try await prove(
            prepared, bringing: pending.filter { first.contains($0.digest) }, sources: sources, into: writer)
        let proof = try await onThread { [rehearsal] () throws(Failure) in try rehearsal.layerProof() }
        came += try await inParallel(
            pending.filter { !first.contains($0.digest) }, width: prepared.content.worksAtOnce
        ) { blob in
            let came = try await bring(blob, sources: sources, into: writer)
            if proof.awaits(blob.digest) { try await onThread { () throws(Failure) in proof.verify(blob) } }
            return came
        }
        return (came, rehearsal, proof)
    }

    private func collected(
        _ prepared: Prepared, plan: BundlePlan, fetched: Int64 = 0, copied: Int64 = 0,
        unchanged: Bool = false
    ) -> Collected {
        Collected(
            path: prepared.output, digest: plan.indexDigest, size: plan.size, blobs: plan.blobs.count,
            fetched: fetched, copied: copied, required: plan.required.count,
            requiredBytes: plan.required.bytes, tools: plan.tools.map(\.tool), unchanged: unchanged)
    }
}
