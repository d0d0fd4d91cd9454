// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// The bytes of a request's body, read by a thread of its own and kept a little ahead of the network.
// Unchecked: the stream is touched by that one thread only, which `start` makes at most once.
final class Feed: @unchecked Sendable {
    enum Taken {
        case bytes(Int)
        case later
        case failed(Failure)
    }
    private struct State {
        var pieces: [ArraySlice<UInt8>] = []
        var ended = false
        var abandoned = false
        var starving = false
        var failure: Failure?
    }

    /// How many bytes there are in all.
    let length: Int64
    private var stream: any ByteStream
    private let onTaken: @Sendable (Int) -> Void
    private let state = Monitor(State())

    /// - Parameter onTaken: called, on the engine's thread, for every piece that goes to the network.
    init(_ stream: any ByteStream, length: Int64, onTaken: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.stream = stream
        self.length = length
        self.onTaken = onTaken
    }

    /// Starts reading. `onBytes` is called when bytes came that were asked for in vain.
    func start(_ onBytes: @escaping @Sendable () -> Void) {
        let failure = spawnThread { [self] in
            do throws(Failure) {
                try stream.forEachChunk { (bytes) throws(Failure) in
                    let goesOn: Bool = state.waiting { state in
                        if state.abandoned { return false }
                        guard state.pieces.count < 4 else { return nil }
                        state.pieces.append(Array(bytes)[...])
                        return true
                    }
                    if !goesOn { throw Failure(.busy, "send", "", because: "it was given up") }
                    tell(onBytes)
                }
            } catch {
                state.locked { $0.failure = error }
            }
            state.locked { $0.ended = true }
            tell(onBytes)
        }
        guard let failure else { return }
        state.locked { ($0.failure, $0.ended) = (failure, true) }
        tell(onBytes)
    }

    /// Lets the reading thread end early.
    func abandon() {
        state.locked { $0.abandoned = true }
        state.wake()
    }

    /// Copies the next bytes; `bytes(0)` is the end.
    func take(into target: UnsafeMutableRawBufferPointer) -> Taken {
        defer { state.wake() }
        let taken: Taken = state.locked { state in
            if let failure = state.failure { return .failed(failure) }
            guard let first = state.pieces.first else {
                if state.ended { return .bytes(0) }
                state.starving = true
                return .later
            }
            let count = min(first.count, target.count)
            target.copyBytes(from: first.prefix(count))
            if count == first.count {
                state.pieces.removeFirst()
            } else {
                state.pieces[0] = first.dropFirst(count)
            }
            return .bytes(count)
        }
        if case .bytes(let count) = taken, count > 0 { onTaken(count) }
        return taken
    }

    private func tell(_ onBytes: @Sendable () -> Void) {
        let wasStarving = state.locked { state in
            defer { state.starving = false }
            return state.starving
        }
        if wasStarving { onBytes() }
    }
}
