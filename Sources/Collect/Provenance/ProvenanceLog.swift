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
    /// - Throws: a ``Failure`` where the spec or the lock cannot be read again.
    func record(of plan: BundlePlan, _ prepared: Collector.Prepared, since: [String]) throws(Failure)
        -> Provenance
    {
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
        let lock = LockFile(forSpec: prepared.parsed.path).path
        return Provenance(
            bundle: .init(path: prepared.output, digest: plan.indexDigest, size: plan.size),
            spec: try Self.file(prepared.parsed.path),
            lock: access(lock, F_OK) == 0 ? try Self.file(lock) : nil, started: started, ended: Self.now,
            since: since, blobs: blobs)
    }

    private static func file(_ path: String) throws(Failure) -> Provenance.File {
        Provenance.File(path: path, digest: Digest(of: try File.open(path).bytes(limit: 64 << 20)))
    }
}
