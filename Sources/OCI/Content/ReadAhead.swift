// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A stream that a thread of its own reads ahead of the consumer, through a ring of a few buffers: so the
/// work upstream (a medium, inflating, hashing) and the consumer's overlap.
///
/// Errors arrive where they happened, after the bytes before them. The thread ends when the upstream does,
/// or, at its next buffer, when the last copy of this value is gone.
package struct ReadAhead: ByteStream {
    private let consumer: Consumer

    /// Starts to read `upstream`, which the caller gives up: no other code may read it from now on.
    /// - Parameters:
    ///   - upstream: what is read, to its end.
    ///   - buffers: how many buffers the ring has, at least 2.
    ///   - size: bytes of each buffer.
    ///   - section: where given, each buffer is filled, but for the last of every so many bytes. Else one is passed on once
    ///     half of it is full.
    package init(
        _ upstream: any ByteStream, buffers: Int = 4, of size: Int = 1 << 18, filledPer section: Int64? = nil
    ) {
        let ring = Ring(buffers: max(2, buffers), size: size)
        consumer = Consumer(ring)
        let given = GivenUp(stream: upstream, section: section)
        // The consumer's first read reports that there is no thread.
        if let failure = spawnThread({ given.pump(into: ring) }) { ring.end(failure) }
    }

    /// Copies the next bytes, waiting for them.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        try consumer.read(into: buffer)
    }

    /// Gives the next bytes to `body` in place, without a copy; `false` when there are none left.
    package mutating func withNext(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        try consumer.withNext(body)
    }

    /// Holds the ring for the consumer alone; when it goes, the thread is notified.
    private final class Consumer {
        private let ring: Ring
        private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
        private var ended = false

        init(_ ring: Ring) { self.ring = ring }
        deinit { ring.abandon() }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
            guard try fill() else { return 0 }
            let count = min(buffer.count, rest.count)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            return count
        }

        func withNext(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) -> Bool {
            guard try fill() else { return false }
            let bytes = rest
            rest = UnsafeRawBufferPointer(start: nil, count: 0)
            try body(bytes)
            return true
        }

        private func fill() throws(Failure) -> Bool {
            if !rest.isEmpty { return true }
            if ended { return false }
            guard let next = try ring.next() else {
                ended = true
                return false
            }
            rest = next
            return true
        }
    }

    // Unchecked: `init` takes the stream over, and only the one thread that runs `pump` touches it.
    private struct GivenUp: @unchecked Sendable {
        let stream: any ByteStream
        let section: Int64?

        func pump(into ring: Ring) {
            var stream = stream
            var end: Int64 = 0
            while let buffer = ring.freeBuffer() {
                do throws(Failure) {
                    let room = section.map { Int(min(Int64(buffer.count), $0 - end % $0)) } ?? buffer.count
                    let enough = section == nil ? room / 2 : room
                    var filled = 0
                    var count = 0
                    repeat {
                        count = try stream.read(
                            into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<room]))
                        filled += count
                    } while count > 0 && filled < enough
                    end += Int64(filled)
                    if filled > 0 { ring.publish(filled) }
                    if count == 0 { return ring.end(nil) }
                } catch {
                    return ring.end(error)
                }
            }
        }
    }
}

/// Buffers that go round between one producer and one consumer.
// Unchecked: every stored property but the buffers' bytes is guarded by `lock`; a buffer belongs to the
// producer from `freeBuffer` to `publish` and to the consumer from `next` to the following `next`.
private final class Ring: @unchecked Sendable {
    private let lock = Lock()
    private let size: Int
    private let storage: UnsafeMutableRawBufferPointer
    private var counts: [Int]
    private var published = 0
    private var consumed = 0
    private var lent = false
    private var ended = false
    private var failure: Failure?
    private var abandoned = false

    init(buffers: Int, size: Int) {
        self.size = size
        storage = .allocate(byteCount: buffers * size, alignment: 4096)
        counts = [Int](repeating: 0, count: buffers)
    }

    deinit { storage.deallocate() }

    /// A buffer to fill, waiting until one is free; `nil` once the consumer has gone.
    func freeBuffer() -> UnsafeMutableRawBufferPointer? {
        lock.hold {
            while published - consumed == counts.count, !abandoned { lock.wait() }
            return abandoned ? nil : buffer(published)
        }
    }

    func publish(_ count: Int) {
        lock.hold {
            counts[published % counts.count] = count
            published += 1
            lock.wake()
        }
    }

    func end(_ failure: Failure?) {
        lock.hold {
            self.failure = failure
            ended = true
            lock.wake()
        }
    }

    func abandon() {
        lock.hold {
            abandoned = true
            lock.wake()
        }
    }

    /// Takes the lent buffer back and lends the next; `nil` at the end.
    func next() throws(Failure) -> UnsafeRawBufferPointer? {
        let (bytes, failure) = lock.hold { () -> (UnsafeRawBufferPointer?, Failure?) in
            if lent {
                lent = false
                consumed += 1
                lock.wake()
            }
            while published == consumed, !ended { lock.wait() }
            guard published > consumed else { return (nil, self.failure) }
            lent = true
            let bytes = buffer(consumed)[..<counts[consumed % counts.count]]
            return (UnsafeRawBufferPointer(rebasing: bytes), nil)
        }
        if let failure { throw failure }
        return bytes
    }

    private func buffer(_ number: Int) -> UnsafeMutableRawBufferPointer {
        let start = number % counts.count * size
        return UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + size)])
    }
}

/// A mutex with one condition; the standard library has no condition variable.
private final class Lock {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func hold<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Gives the lock up until somebody wakes; call it while holding, in a loop.
    func wait() { pthread_cond_wait(condition, mutex) }
    func wake() { pthread_cond_broadcast(condition) }
}
