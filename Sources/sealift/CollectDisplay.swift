// SPDX-License-Identifier: Apache-2.0
internal import Collect
internal import OCI
internal import Registry
internal import Synchronization

/// Shows what a collect does.
final class CollectDisplay: Sendable {
    private struct State {
        // The names of the spec are led to content before anybody knows how much it is.
        var progress = Progress("resolve", total: nil)
        var names: [String: String] = [:]
    }
    private let state = Mutex(State())

    /// Shows an event of the pipeline.
    @Sendable func show(_ event: CollectEvent) {
        switch event {
        case .note(let text): Console.say(text)
        case .planned(let size, let blobs, let present, let names):
            let known = present > 1 << 20 ? ", \(present.asBytes) are here already" : ""
            finish()
            Console.say("\(blobs) blobs, \(size.asBytes)\(known)")
            let progress = Progress("collect", total: size, already: present)
            state.withLock { $0 = State(progress: progress, names: names) }
        case .copied(let bytes): running.add(bytes)
        case .checking: running.notice("checking the base's layers")
        }
    }

    /// Shows an event of the network.
    @Sendable func show(_ event: TransferEvent) {
        let (progress, names) = state.withLock { ($0.progress, $0.names) }
        func name(_ item: String) -> String { names[item] ?? item }
        switch event {
        case .started(let item, let size, let at): progress.begin(name(item), total: size ?? 0, done: at)
        case .received(let item, let bytes): progress.add(Int64(bytes), of: name(item))
        case .restarted(let item): progress.restart(name(item))
        case .waiting(let item, let reason, let time): progress.wait(name(item), reason, time)
        case .ended(let item, _): progress.end(name(item))
        }
    }

    /// Takes the display away.
    func finish() { running.finish() }

    private var running: Progress { state.withLock { $0.progress } }
}
