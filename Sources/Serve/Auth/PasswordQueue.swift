// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import OCI

/// Checks passwords one at a time on a thread of its own, so that guessing clients take nothing from those who
/// download.
///
/// Who waits is bounded, in all and by address; who is pushed out is asked to try again. The newest login is checked
/// first, and a user name for which an address has given a wrong password comes last and is pushed out first: so a user
/// who logs in among many guessing clients waits for one check as a rule. Who has logged in before waits for none, even
/// where others guess under the same name from the same address, and a wrong login that is repeated takes none.
final class PasswordQueue: Sendable {
    /// What a request says of its user.
    struct Login: Sendable {
        /// The header `Authorization`.
        let header: String?
        /// The client's address, without its port.
        let address: String
    }

    /// What became of a login.
    enum Outcome: Sendable, Equatable {
        case admitted(String)
        case refused
        /// Too many wait.
        case tooMany
    }

    private struct Waiting: Sendable {
        let login: Login
        let users: Htpasswd
        let promise: EventLoopPromise<Outcome>
        /// The user that is named, and by which address.
        let claim: Claim
        /// The last password for this claim was wrong.
        let isSuspect: Bool
    }

    private struct Claim: Hashable, Sendable {
        let user: String
        let address: String
    }

    private struct State: Sendable {
        /// In the order in which they came.
        var waiting: [Waiting] = []
        /// Claims whose last password was wrong.
        var failed: Set<Claim> = []
        var isStopped = false
        var isRunning = false
    }

    /// How long one waits that was pushed out under a name that is being guessed.
    private static let pause = TimeAmount.seconds(1)
    /// The most failed claims that are remembered.
    private static let memory = 4096
    /// The most logins that wait, in all and of one address.
    let most: (all: Int, address: Int)
    private let state = Monitor(State())

    init(most: (all: Int, address: Int) = (all: 64, address: 16)) { self.most = most }

    /// Whether the user may read: at once where the header was found right before, else after its turn.
    func admits(_ login: Login, users: Htpasswd, on loop: any EventLoop) -> EventLoopFuture<Outcome> {
        guard let header = login.header else { return loop.makeSucceededFuture(.refused) }
        switch users.known(header) {
        case .right(let user): return loop.makeSucceededFuture(.admitted(user))
        case .wrong: return loop.makeSucceededFuture(.refused)
        case nil: break
        }
        guard let (user, _) = Htpasswd.credentials(in: header) else {
            return loop.makeSucceededFuture(.refused)
        }
        let claim = Claim(user: user, address: login.address)
        let promise = loop.makePromise(of: Outcome.self)
        let (pushedOut, isNew) = state.locked { state -> ([Waiting], Bool) in
            let new = Waiting(
                login: login, users: users, promise: promise, claim: claim,
                isSuspect: state.failed.contains(claim))
            guard !state.isStopped else { return ([new], false) }
            state.waiting.append(new)
            defer { state.isRunning = true }
            return (shorten(&state.waiting), !state.isRunning)
        }
        for one in pushedOut { turnAway(one) }
        // Without a thread no one is admitted until the host gives one.
        if isNew, spawnThread({ self.run() }) != nil {
            state.locked { $0.isRunning = false }
            refuseAll()
        }
        state.wake()
        return promise.futureResult
    }

    /// Ends the thread after the check under way, and refuses those that wait.
    func stop() {
        state.locked { $0.isStopped = true }
        refuseAll()
        state.wake()
    }

    private func refuseAll() {
        let waiting = state.locked { state -> [Waiting] in
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.promise.succeed(.tooMany) }
    }

    /// Answers one that was pushed out. Where the name is being guessed, after a pause: a client that guesses without end
    /// then comes back once in a while on each connection, and the user of that name at that address gets a turn.
    private func turnAway(_ one: Waiting) {
        guard one.isSuspect else { return one.promise.succeed(.tooMany) }
        // Also when the loop ends before.
        one.promise.futureResult.eventLoop.scheduleTask(in: Self.pause) {}.futureResult.whenComplete { _ in
            one.promise.succeed(.tooMany)
        }
    }

    /// Takes out those that are too many: of the address that has too many, or else of the one that has most.
    private func shorten(_ waiting: inout [Waiting]) -> [Waiting] {
        guard let newest = waiting.last?.login.address else { return [] }
        var address = newest
        if waiting.count(where: { $0.login.address == newest }) <= most.address {
            guard waiting.count > most.all else { return [] }
            let counts = Dictionary(waiting.map { ($0.login.address, 1) }, uniquingKeysWith: +)
            address = counts.max { $0.value < $1.value }?.key ?? newest
        }
        let own = waiting.indices.filter { waiting[$0].login.address == address }
        guard let oldest = own.first(where: { waiting[$0].isSuspect }) ?? own.first else { return [] }
        return [waiting.remove(at: oldest)]
    }

    private func run() {
        while true {
            let next = state.waiting { state -> Waiting?? in
                if state.isStopped { return .some(nil) }
                guard
                    let place = state.waiting.lastIndex(where: { !$0.isSuspect })
                        ?? state.waiting.indices.last
                else { return nil }
                return .some(state.waiting.remove(at: place))
            }
            guard let next else { return }
            let user = next.login.header.flatMap(next.users.check)
            state.locked { state in
                if user != nil {
                    state.failed.remove(next.claim)
                } else {
                    if state.failed.count >= Self.memory { state.failed = [] }
                    state.failed.insert(next.claim)
                }
            }
            next.promise.succeed(user.map(Outcome.admitted) ?? .refused)
        }
    }
}
