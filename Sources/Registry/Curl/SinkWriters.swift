// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// A piece of memory on its way from the network to a sink.
// Unchecked: it has one owner at a time, and changes hands only under the lock of `Writers`.
final class Buffer: @unchecked Sendable {
    let memory: UnsafeMutableRawBufferPointer
    var count = 0

    init(capacity: Int) { memory = .allocate(byteCount: capacity, alignment: 4096) }
    deinit { memory.deallocate() }

    var room: Int { memory.count - count }

    /// Copies as much of `bytes` as there is room for; returns what is left over.
    func fill(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let taken = min(room, bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + taken])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
        count += taken
        return UnsafeRawBufferPointer(rebasing: bytes[taken...])
    }
}

/// What is to be done with one sink, in order, and what has become of it.
// Unchecked: all but the constants is only touched under the lock of `Writers`.
final class SinkQueue: @unchecked Sendable {
    enum Step: Sendable {
        case append(Buffer)
        case restart
        case call(@Sendable (Failure?) -> Void)
    }

    let sink: any BlobSink
    /// Told after each append how many bytes the sink took; `nil` after it was emptied.
    let onProgress: @Sendable (Int?) -> Void
    fileprivate(set) var steps: [Step] = []
    fileprivate(set) var isScheduled = false
    fileprivate(set) var failure: Failure?
    fileprivate(set) var held = 0

    init(_ sink: any BlobSink, onProgress: @escaping @Sendable (Int?) -> Void) {
        self.sink = sink
        self.onProgress = onProgress
    }
}

/// The threads that give bytes to sinks, so that hashing and writing never hold up the network thread,
/// and the bounded pool of buffers between the two.
final class SinkWriters: Sendable {
    private struct State {
        var free: [Buffer] = []
        var allocated = 0
        var ready: [SinkQueue] = []
        var starving = false
        var stopped = false
    }
    private let state = Monitor(State())
    private let capacity: Int
    private let limit: Int
    private let limitOfOne: Int
    private let onRoom: @Sendable () -> Void

    /// Starts one thread a core.
    /// - Parameters:
    ///   - memory: the most bytes that all buffers together have.
    ///   - onRoom: called when a buffer came free after one was asked for in vain, or when a sink failed.
    init(memory: Int = 8 << 20, buffer: Int = 256 << 10, onRoom: @escaping @Sendable () -> Void)
        throws(Failure)
    {
        capacity = buffer
        limit = max(4, memory / buffer)
        limitOfOne = max(2, limit / 2)
        self.onRoom = onRoom
        let state = state
        for _ in 0..<max(2, processorCount) {
            guard let failure = spawnThread({ Self.work(state, onRoom: onRoom) }) else { continue }
            state.locked { $0.stopped = true }
            state.wake()
            throw failure
        }
    }

    deinit {
        state.locked { $0.stopped = true }
        state.wake()
    }

    /// A buffer to fill; `nil` while the pool, or what one channel may have of it, is used up.
    func buffer(for channel: SinkQueue) -> Buffer? {
        state.locked { state in
            guard channel.held < limitOfOne, state.allocated < limit || !state.free.isEmpty else {
                state.starving = true
                return nil
            }
            channel.held += 1
            if let buffer = state.free.popLast() { return buffer }
            state.allocated += 1
            return Buffer(capacity: capacity)
        }
    }

    /// Adds a step to the channel's queue. Returns the failure that its sink already had, if any.
    @discardableResult
    func submit(_ step: SinkQueue.Step, to channel: SinkQueue) -> Failure? {
        let failure = state.locked { state in
            channel.steps.append(step)
            if !channel.isScheduled {
                channel.isScheduled = true
                state.ready.append(channel)
            }
            return channel.failure
        }
        state.wake()
        return failure
    }

    /// The failure of the channel's sink, if it had one.
    func failure(of channel: SinkQueue) -> Failure? { state.locked { _ in channel.failure } }

    /// Waits until all steps are done, then runs `body` on a writer's thread; it is left out when the sink
    /// has failed before. Clears the failure, so that the sink may be used again.
    func run(
        _ channel: SinkQueue, body: @escaping @Sendable () throws(Failure) -> Void = {}
    ) async throws(Failure) {
        let result: Result<Void, Failure> = await withCheckedContinuation { continuation in
            submit(
                .call { failure in
                    if let failure { return continuation.resume(returning: .failure(failure)) }
                    do throws(Failure) {
                        continuation.resume(returning: .success(try body()))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }, to: channel)
        }
        try result.get()
    }

    private static func work(_ state: Monitor<State>, onRoom: @Sendable () -> Void) {
        while true {
            let next: (SinkQueue, SinkQueue.Step, Failure?)?? = state.waiting { state in
                if !state.ready.isEmpty {
                    let channel = state.ready.removeFirst()
                    return (channel, channel.steps.removeFirst(), channel.failure)
                }
                return state.stopped ? .some(.none) : nil
            }
            guard let (channel, step, earlier) = next ?? nil else { return }
            let failure = perform(step, on: channel, earlier: earlier)
            let tell = state.locked { state in
                if case .append(let buffer) = step {
                    buffer.count = 0
                    channel.held -= 1
                    state.free.append(buffer)
                }
                channel.failure = failure
                if channel.steps.isEmpty { channel.isScheduled = false } else { state.ready.append(channel) }
                defer { state.starving = false }
                return state.starving || (failure != nil && earlier == nil)
            }
            if tell { onRoom() }
            state.wake()
        }
    }

    /// Does one step; returns the failure that the channel has after it.
    private static func perform(_ step: SinkQueue.Step, on channel: SinkQueue, earlier: Failure?) -> Failure?
    {
        do throws(Failure) {
            switch step {
            case .append(let buffer):
                if let earlier { return earlier }
                try channel.sink.append(UnsafeRawBufferPointer(rebasing: buffer.memory[..<buffer.count]))
                channel.onProgress(buffer.count)
            case .restart:
                if let earlier { return earlier }
                try channel.sink.restart()
                channel.onProgress(nil)
            case .call(let body):
                body(earlier)
            }
            return nil
        } catch {
            return error
        }
    }
}
