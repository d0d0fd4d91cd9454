// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Registry
internal import Synchronization

/// Bringing blobs where they are needed, with no question before those that the registry answers by the way.
///
/// A request to mount a blob from the repository that it is for begins an upload where it is not there, and says so where it
/// is. Registries that mount nothing begin an upload in any case; which kind this is shows the first small blob.
extension Pusher {
    /// How a blob came to be in one repository.
    typealias Arrival = (way: BlobArrival, bytes: Int64)

    /// The largest blob that is sent to learn what the registry does.
    private static let largestProbe: Int64 = 1 << 20

    /// What the registry does with requests to mount.
    private final class Mounting: Sendable {
        private let state: Mutex<(fromItself: Bool, fromOthers: Bool)>

        init(fromItself: Bool) { state = Mutex((fromItself, true)) }

        /// Whether the answer to a push of a blob from `origin` says that the blob is there already.
        func answers(from origin: Reference?) -> Bool {
            state.withLock { origin == nil ? $0.fromItself : $0.fromItself && $0.fromOthers }
        }

        /// Notes that a blob was not taken from another repository that has it.
        func noteRefusal() { state.withLock { $0.fromOthers = false } }
    }

    /// Brings each blob to all repositories that need it.
    func bring(_ moves: [PushSurvey.Move]) async throws -> [Arrival] {
        let probes = moves.indices.filter { index in
            moves[index].holders.isEmpty && moves[index].absent.isEmpty
                && moves[index].blob.descriptor.size <= Self.largestProbe
        }
        guard let probe = probes.min(by: { moves[$0].blob.descriptor.size < moves[$1].blob.descriptor.size })
        else { return try await bring(moves, by: Mounting(fromItself: false)) }
        let move = moves[probe]
        let mounting = Mounting(fromItself: true)
        let first = try await bring(move, by: mounting)
        var rest = moves
        rest.remove(at: probe)
        if rest.isEmpty { return first }
        // It is there now: a registry that mounts from itself says so.
        var answers = first[0].way == .present
        if !answers {
            answers = try await push(move.blob, to: move.unasked[0], origin: move.unasked[0]) == .present
        }
        return first + (try await bring(rest, by: answers ? mounting : Mounting(fromItself: false)))
    }

    private func bring(_ moves: [PushSurvey.Move], by mounting: Mounting) async throws -> [Arrival] {
        try await inParallel(moves, width: client.requestsAtOnce) { move in
            try await bring(move, by: mounting)
        }.flatMap { $0 }
    }

    /// One blob to all repositories that need it: sent to the first, mounted in the others where that goes.
    private func bring(_ move: PushSurvey.Move, by mounting: Mounting) async throws -> [Arrival] {
        let blob = move.blob.descriptor
        var origin = move.holders.first
        var arrivals: [Arrival] = []
        for (index, reference) in move.places.enumerated() {
            let isUnasked = index >= move.absent.count
            let isAnswered = isUnasked && mounting.answers(from: origin)
            let way: BlobArrival
            if isUnasked, !isAnswered, try await holds(blob, in: reference) {
                way = .present
            } else {
                way = try await push(
                    move.blob, to: reference, origin: origin ?? (isAnswered ? reference : nil))
                if origin != nil, way == .uploaded { mounting.noteRefusal() }
            }
            if arrivals.isEmpty, way != .uploaded, move.holders.isEmpty { events(.present(bytes: blob.size)) }
            origin = origin ?? reference
            arrivals.append((way, blob.size))
        }
        return arrivals
    }

    private func push(
        _ blob: PushPlan.Blob, to reference: Reference, origin: Reference?
    ) async throws -> BlobArrival {
        do throws(Failure) {
            return try await client.push(blob.descriptor, from: source, to: reference, origin: origin)
        } catch {
            throw source.bundle.explained(error, operation: "push")
        }
    }
}
