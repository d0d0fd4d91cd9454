// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Registry
internal import Synchronization

/// Shows what moves over the network, in one step after another.
final class TransferDisplay: Sendable {
    private struct State {
        var progress: Progress
        var names: [String: String] = [:]
    }
    private let state: Mutex<State>

    /// Starts with a step whose number of bytes is not known.
    init(_ verb: String) { state = Mutex(State(progress: Progress(verb, total: nil))) }

    /// Goes over to the step `verb` of `total` bytes.
    /// - Parameter names: what the items of ``TransferEvent`` are called before people.
    func next(_ verb: String, total: Int64, already: Int64 = 0, names: [String: String]) {
        finish()
        let progress = Progress(verb, total: total, already: already)
        state.withLock { $0 = State(progress: progress, names: names) }
    }

    /// Shows an event of the network.
    @Sendable func show(_ event: TransferEvent) {
        let (progress, names) = state.withLock { ($0.progress, $0.names) }
        func name(_ item: String) -> String { names[item] ?? item }
        switch event {
        case .started(let item, let size, let at): progress.begin(name(item), total: size ?? 0, done: at)
        case .received(let item, let bytes): progress.add(Int64(bytes), of: name(item))
        case .restarted(let item): progress.restart(name(item))
        case .waiting(let item, let reason, let time): progress.wait(name(item), reason: reason, time: time)
        case .answered: break
        case .ended(let item, _): progress.end(name(item))
        }
    }

    /// Takes the display away.
    func finish() { running.finish() }

    /// The step that is shown.
    var running: Progress { state.withLock { $0.progress } }
}
