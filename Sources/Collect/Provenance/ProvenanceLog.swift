// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import Glibc
internal import OCI
package import Registry

/// Notes during a collect where content comes from. Any number of threads may use it.
package final class ProvenanceLog: Sendable {
    private struct State {
        var answers: [String: [Provenance.Answer]] = [:]
        var ways: [Digest: (way: Provenance.Way, place: String?, item: String?)] = [:]
    }
    private let state = Monitor(State())
    private let started = ProvenanceLog.now
    /// Different servers that are kept of one item.
    private static let mostAnswers = 16

    /// Begins a log.
    package init() {}

    private static var now: String { Date().formatted(.iso8601) }

    /// Takes what happens on the network; everything but answers is passed over.
    @Sendable package func take(_ event: TransferEvent) {
        guard case .answered(let item, let answer) = event else { return }
        let entry = Provenance.Answer(time: Self.now, server: answer)
        state.locked { state in
            var known = state.answers[item, default: []]
            known.removeAll { $0.server == answer }
            state.answers[item] = (known + [entry]).suffix(Self.mostAnswers)
        }
    }

    /// Notes how a blob came.
    /// - Parameters:
    ///   - place: a path of this host.
    ///   - item: what answers for it are named by.
    func note(_ digest: Digest, way: Provenance.Way, place: String? = nil, item: String? = nil) {
        state.locked { $0.ways[digest] = (way, place, item) }
    }

    /// The record of a bundle that is whole.
    func record(of plan: BundlePlan, _ prepared: Collector.Prepared, since: [String]) -> Provenance {
        let state = state.locked { $0 }
        let locals = Dictionary(
            prepared.images.map { ("\($0.reference)", $0.local) }, uniquingKeysWith: { first, _ in first })
        let blobs = plan.blobs.map { blob -> Provenance.Blob in
            let descriptor = blob.descriptor
            func entry(_ way: Provenance.Way, place: String? = nil, item: String? = nil) -> Provenance.Blob {
                Provenance.Blob(
                    digest: descriptor.digest, size: descriptor.size, owner: blob.owner, way: way,
                    place: place,
                    answers: item.flatMap { state.answers[$0] })
            }
            if let noted = state.ways[descriptor.digest] {
                return entry(noted.way, place: noted.place, item: noted.item)
            }
            guard blob.bytes != nil else { return entry(.earlier) }
            // Manifests: their answers are named by the reference.
            if let local = locals[blob.owner] ?? nil {
                return local.isFetched ? entry(.made) : entry(.archive, place: local.place)
            }
            if let known = prepared.known.first(where: { $0.contains(descriptor.digest) }) {
                return entry(.bundle, place: known.path)
            }
            return state.answers[blob.owner] == nil ? entry(.made) : entry(.network, item: blob.owner)
        }
        return Provenance(
            bundle: .init(path: prepared.output, digest: plan.indexDigest, size: plan.size),
            spec: prepared.sources.spec, lock: prepared.sources.lock, started: started, ended: Self.now,
            since: since, blobs: blobs)
    }
}

extension Provenance {
    /// The files that say what is asked for.
    struct Sources: Sendable {
        let spec: File
        let lock: File?

        /// Reads the spec, and the lock where there is one. Blocking.
        init(spec path: String) throws(Failure) {
            let lock = LockFile(forSpec: path).path
            spec = try Self.file(path)
            self.lock = access(lock, F_OK) == 0 ? try Self.file(lock) : nil
        }

        private static func file(_ path: String) throws(Failure) -> File {
            File(path: path, digest: Digest(of: try OCI.File.open(path).bytes(limit: 64 << 20)))
        }
    }
}
