// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

/// Runs blocking work on a thread of its own, off Swift's cooperative pool, and returns what it returns.
///
/// The work is not interrupted when the task is cancelled; long work asks `isCancelled` of the flag that
/// it shares with its caller.
package func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws(Failure) -> Result
) async throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = await withCheckedContinuation { continuation in
        let failure = spawnThread {
            do throws(Failure) {
                continuation.resume(returning: .success(try body()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        if let failure { continuation.resume(returning: .failure(failure)) }
    }
    return try outcome.get()
}

/// Starts a detached thread with a stack of 4 MiB that runs `body` and ends: documents that are nested to their bounds fit,
/// also where the program is not optimized.
/// - Returns: why there is none, where the host gives no further thread; `body` does not run then.
@discardableResult
package func spawnThread(_ body: @escaping @Sendable () -> Void) -> Failure? {
    do throws(Failure) {
        pthread_detach(try startThread(body))
        return nil
    } catch {
        return error
    }
}

/// Runs `body` on a new thread, waits until that thread is gone, and returns what `body` returned: so does
/// what a thread alone can have, a namespace or a working folder.
package func onOwnThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws(Failure) -> Result
) throws(Failure) -> Result {
    let box = OutcomeBox<Result>()
    let thread = try startThread {
        let outcome: Swift.Result<Result, Failure>
        do throws(Failure) { outcome = .success(try body()) } catch { outcome = .failure(error) }
        box.outcome.withLock { $0 = outcome }
    }
    pthread_join(thread, nil)
    return try box.outcome.withLock { $0! }.get()
}

/// Starts `count` threads at once and ends them: what shows, before anything is begun, that the host gives so many. Swift
/// itself waits without end for a thread that it does not get.
/// - Returns: why there are not so many; `nil` where there are.
package func faultOfThreads(_ count: Int) -> Failure? {
    let gate = Monitor(false)
    var threads: [pthread_t] = []
    var failure: Failure?
    for _ in 0..<count where failure == nil {
        do throws(Failure) {
            threads.append(try startThread { _ = gate.waiting { $0 ? true : nil } })
        } catch { failure = error }
    }
    gate.locked { $0 = true }
    gate.wake()
    for thread in threads { pthread_join(thread, nil) }
    return failure
}

/// Looks whether this process may have `count` files open, and raises its own limit to that where the host's allows it. The
/// system's libraries end a program that can open none.
/// - Returns: why it may not; `nil` where it may.
package func faultOfOpenFiles(_ count: UInt) -> Failure? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(7), &limit) == 0, limit.rlim_cur < count else { return nil }
    limit.rlim_cur = min(limit.rlim_max, count)
    guard limit.rlim_cur < count || setrlimit(__rlimit_resource_t(7), &limit) != 0 else { return nil }
    return Failure(
        .configuration, "start", "sealift",
        because: "it may have \(limit.rlim_cur) files open, and needs \(count)",
        remedy: "raise the limit: ulimit -n 1024")
}

private final class OutcomeBox<Value: Sendable>: Sendable {
    let outcome = Mutex<Swift.Result<Value, Failure>?>(nil)
}

private func startThread(_ body: @escaping @Sendable () -> Void) throws(Failure) -> pthread_t {
    final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 4 << 20)
    let box = Unmanaged.passRetained(Box(body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, &attributes,
        {
            Unmanaged<Box>.fromOpaque($0!).takeRetainedValue().body(); return nil
        },
        box.toOpaque())
    guard code == 0 else {
        Unmanaged<Box>.fromOpaque(box.toOpaque()).release()
        throw Failure(
            .busy, "start a thread", "",
            because: "the host gives no more: \(String(cString: strerror(code)))",
            remedy: "raise the limit of processes (ulimit -u, pids.max) or of memory, then run it again")
    }
    return thread
}
