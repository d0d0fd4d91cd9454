// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import Glibc
internal import OCI
internal import Synchronization

/// Runs HTTP requests, many at once, on one thread that belongs to libcurl's multi interface.
///
/// Connections are kept and shared by all requests. Bytes that go to a sink leave the thread in buffers of
/// a bounded pool; while that is used up, the transfer is paused.
final class TransferEngine: Sendable {
    struct Options: Sendable {
        var jobs = 8
        var perHost = 8
        /// See ``TransferSettings/smallMultiple``.
        var smallMultiple = 2
        var userAgent = "sealift"
        var authorities: String
        var proxies: ProxySettings
        var connectTime: Duration = .seconds(20)
        var slowestSpeed = 1024
        var patience: Duration = .seconds(30)
        var memory = 8 << 20
    }

    /// A request that waits or runs.
    final class Job: Sendable {
        let request: HTTPRequest
        let channel: SinkQueue?
        let decide: @Sendable (ResponseHead) -> BodyDisposition
        let continuation: CheckedContinuation<HTTPResponse, Never>
        let cancelled: CancelFlag

        init(
            _ request: HTTPRequest, channel: SinkQueue?, cancelled: CancelFlag,
            decide: @escaping @Sendable (ResponseHead) -> BodyDisposition,
            continuation: CheckedContinuation<HTTPResponse, Never>
        ) {
            self.request = request
            self.channel = channel
            self.cancelled = cancelled
            self.decide = decide
            self.continuation = continuation
        }
    }

    /// Set once, when the task that waits was cancelled.
    final class CancelFlag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    let writers: SinkWriters
    private let mailbox: Mailbox

    /// - Throws: a ``Failure`` of kind `busy` where the host gives no threads.
    init(_ options: Options) throws(Failure) {
        let mailbox = Mailbox()
        let writers = try SinkWriters(memory: options.memory) { mailbox.post { $0.look = true } }
        self.mailbox = mailbox
        self.writers = writers
        if let failure = spawnThread({ EngineLoop(mailbox, writers: writers, options: options).run() }) {
            throw failure
        }
    }

    deinit { mailbox.post { $0.stopped = true } }

    /// Performs one request; returns when nothing of it is under way any more, except for what its
    /// channel's sink has still to take.
    /// - Parameter decide: asked on the engine's thread, with the head, before the first byte of a body.
    func perform(
        _ request: HTTPRequest, into channel: SinkQueue? = nil,
        decide: @escaping @Sendable (ResponseHead) -> BodyDisposition = { _ in .collect }
    ) async -> HTTPResponse {
        let cancelled = CancelFlag()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = Job(
                    request, channel: channel, cancelled: cancelled, decide: decide,
                    continuation: continuation)
                if case .stream(let feed) = request.body {
                    feed.start { [mailbox] in mailbox.post { $0.look = true } }
                }
                mailbox.post { $0.arrivals.append(job) }
            }
        } onCancel: {
            cancelled.set()
            mailbox.post { $0.cancelled = true }
        }
    }
}

/// What other threads want of the engine's thread.
// Unchecked: `curl_multi_wakeup` may be called from any thread; all else of the handle is used by the
// engine's thread alone, and it is freed when the last of both lets go.
final class Mailbox: @unchecked Sendable {
    struct Wishes {
        var arrivals: [TransferEngine.Job] = []
        /// A buffer came free, a sink failed, or bytes to send are there.
        var look = false
        var cancelled = false
        var stopped = false
    }
    private let wishes = Monitor(Wishes())
    let multi: UnsafeMutableRawPointer
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    init() {
        guard Self.isReady, let multi = curl_multi_init() else { fatalError("libcurl has no memory") }
        self.multi = multi
    }

    deinit { curl_multi_cleanup(multi) }

    func post(_ change: (inout Wishes) -> Void) {
        wishes.locked { change(&$0) }
        curl_multi_wakeup(multi)
    }

    func collect() -> Wishes {
        wishes.locked { wishes in
            let all = wishes
            wishes = Wishes()
            return all
        }
    }
}

/// The engine's thread: everything here happens on it, from ``run()`` until that returns.
final class EngineLoop {
    private let mailbox: Mailbox
    private let writers: SinkWriters
    private let options: TransferEngine.Options
    private var queued: [TransferEngine.Job] = []
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var all = Load()
    private var atHost: [String: Load] = [:]
    /// Whether a request came or a slot was freed since the queue was looked through.
    private var mayStart = false

    /// How many requests run, and how many of them are not small.
    private struct Load {
        var count = 0
        var large = 0

        mutating func add(_ request: HTTPRequest, _ change: Int) {
            count += change
            if !request.isSmall { large += change }
        }

        /// Whether `request` may run besides, where `limit` are to run at once and `multiple` times as many while
        /// those beyond it are small.
        func takes(_ request: HTTPRequest, limit: Int, multiple: Int) -> Bool {
            count < limit * multiple && (request.isSmall || large < limit)
        }
    }

    init(_ mailbox: Mailbox, writers: SinkWriters, options: TransferEngine.Options) {
        self.mailbox = mailbox
        self.writers = writers
        self.options = options
    }

    func run() {
        sealift_multi_setopt_long(
            mailbox.multi, CURLMOPT_MAXCONNECTS, max(16, options.jobs * options.smallMultiple * 2))
        while true {
            let wishes = mailbox.collect()
            queued += wishes.arrivals
            if !wishes.arrivals.isEmpty { mayStart = true }
            if wishes.cancelled { dropCancelled() }
            if wishes.look || wishes.cancelled { look() }
            if wishes.stopped { break }
            startQueued()
            var count: Int32 = 0
            curl_multi_perform(mailbox.multi, &count)
            var result = CURLE_OK
            var ended = false
            while let pointer = sealift_multi_finished(mailbox.multi, &result) {
                end(pointer, result: result)
                ended = true
            }
            // A slot came free: fill it before waiting.
            if ended, !queued.isEmpty { continue }
            curl_multi_poll(mailbox.multi, nil, 0, 1000, nil)
        }
        for pointer in Array(running.keys) { end(pointer, result: nil) }
    }

    /// Ends what was cancelled or cannot be stored, and resumes what was paused.
    private func look() {
        for (pointer, transfer) in running {
            if transfer.job.cancelled.isSet {
                end(pointer, result: nil)
            } else if transfer.sinkHasFailed {
                end(pointer, result: CURLE_WRITE_ERROR)
            } else if transfer.isPaused {
                transfer.resume()
            }
        }
    }

    private func dropCancelled() {
        let cancelled = queued.filter(\.cancelled.isSet)
        queued.removeAll(where: \.cancelled.isSet)
        for job in cancelled { Transfer(job, options: options, writers: writers).finish(nil) }
    }

    private func startQueued() {
        guard mayStart, !queued.isEmpty else { return }
        mayStart = false
        var waiting: [TransferEngine.Job] = []
        for job in queued {
            let host = job.request.address.authority
            let multiple = options.smallMultiple
            if all.takes(job.request, limit: options.jobs, multiple: multiple),
                atHost[host, default: Load()].takes(job.request, limit: options.perHost, multiple: multiple)
            {
                start(job, host: host)
            } else {
                waiting.append(job)
            }
        }
        queued = waiting
    }

    private func start(_ job: TransferEngine.Job, host: String) {
        let transfer = Transfer(job, options: options, writers: writers)
        if job.cancelled.isSet { return transfer.finish(nil) }
        if let refusal = transfer.handle.refusal { return transfer.finish(refusal) }
        guard curl_multi_add_handle(mailbox.multi, transfer.handle.pointer) == CURLM_OK else {
            return transfer.finish(CURLE_FAILED_INIT)
        }
        running[transfer.handle.pointer] = transfer
        all.add(job.request, 1)
        atHost[host, default: Load()].add(job.request, 1)
    }

    private func end(_ pointer: UnsafeMutableRawPointer, result: CURLcode?) {
        guard let transfer = running.removeValue(forKey: pointer) else { return }
        let host = transfer.job.request.address.authority
        all.add(transfer.job.request, -1)
        atHost[host]?.add(transfer.job.request, -1)
        if atHost[host]?.count == 0 { atHost[host] = nil }
        mayStart = true
        curl_multi_remove_handle(mailbox.multi, pointer)
        transfer.finish(result)
    }
}
