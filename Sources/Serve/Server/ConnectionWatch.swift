// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// A part of a connection that may last only so long.
protocol TimeLimited: AnyObject {
    /// Closes the connection where its time is over. Called on its event loop, once a period of the watch.
    func examine(at now: NIODeadline)
}

/// Ends the connections of one event loop that are too slow, by examining all of them once a period.
///
/// A timer for each would outlast the connection, and NIO finds the one to cancel by a search through all of them: with
/// many new connections a second that search is most of the work. Used on its event loop only.
final class ConnectionWatch {
    private let loop: any EventLoop
    private let period: TimeAmount
    private var members: [ObjectIdentifier: any TimeLimited] = [:]
    private var isWaiting = false

    /// - Parameter shortest: the shortest limit; what exceeds a limit is ended within a quarter of this and a second.
    init(on loop: any EventLoop, shortest: TimeAmount) {
        self.loop = loop
        period = max(.milliseconds(1), min(.seconds(1), .nanoseconds(shortest.nanoseconds / 4)))
    }

    /// Examines `member` until it is removed.
    func add(_ member: any TimeLimited) {
        members[ObjectIdentifier(member)] = member
        wait()
    }

    /// Examines `member` no more; without effect where it is not examined.
    func remove(_ member: any TimeLimited) { members[ObjectIdentifier(member)] = nil }

    /// While there is no connection nothing wakes the event loop.
    private func wait() {
        guard !isWaiting, !members.isEmpty else { return }
        isWaiting = true
        loop.assumeIsolated().scheduleTask(in: period) {
            self.isWaiting = false
            let now = NIODeadline.now()
            // A connection that closes removes itself.
            for member in Array(self.members.values) { member.examine(at: now) }
            self.wait()
        }
    }
}
