// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A program of this host that is run to its end, with bounds on its time and on what it says.
package struct Program: Sendable {
    /// Its path, or a name that is looked up in `PATH`.
    package let path: String
    /// How long it may take.
    package let patience: Duration
    /// How many bytes it may write to each of its two outputs.
    package let limit: Int
    /// Whether it may ask the person at the terminal. Then it stays in this program's process group, and what it starts
    /// itself is not killed with it.
    package let mayAsk: Bool
    /// Whether its errors are thrown away unread.
    package let discardsErrors: Bool

    /// Names a program and its bounds.
    package init(
        _ path: String, patience: Duration, limit: Int, mayAsk: Bool = false, discardsErrors: Bool = false
    ) {
        self.path = path
        self.patience = patience
        self.limit = limit
        self.mayAsk = mayAsk
        self.discardsErrors = discardsErrors
    }

    /// How a run ended.
    package enum Outcome: Sendable {
        /// By itself, with this status as `waitpid` gives it.
        case ended(status: Int32, output: [UInt8], errors: [UInt8])
        /// It was killed, because it took longer than it may.
        case late
        /// It was killed, because it wrote more than it may.
        case tooLong
    }

    /// Runs it, with `input` on its standard input. What it starts itself is killed with it, but for ``mayAsk``. Blocking.
    /// - Parameter environment: all of its environment; `nil` for this program's own.
    /// - Throws: a ``Failure`` of kind `input` where there is no such program, `denied` or `io` where it cannot be started.
    package func run(
        _ arguments: [String], environment: [String: String]? = nil, input: [UInt8] = []
    ) throws(Failure) -> Outcome {
        let (output, errors) = (try Ends.pipe(to: path), try Ends.pipe(to: path))
        // A socket, because writing to one can do without SIGPIPE.
        let given = try Ends.sockets(to: path)
        let child = try spawn(
            [path] + arguments, environment: environment,
            inherits: [given.theirs, output.theirs, errors.theirs])
        [given, output, errors].forEach { $0.closeTheirs() }
        var outputs = Outputs([output.ours, errors.ours], limit: limit)
        let end = ContinuousClock.now + patience
        let isWhole = outputs.drain(until: end, sending: input, to: given.ours)
        // It may have closed its outputs and run on.
        if isWhole == true, let status = Self.status(of: child, until: end) {
            return .ended(status: status, output: outputs.taken[0], errors: outputs.taken[1])
        }
        kill(mayAsk ? child : -child, SIGKILL)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return isWhole == false ? .tooLong : .late
    }

    /// Waits for its end, and no longer than until `end`.
    private static func status(of child: pid_t, until end: ContinuousClock.Instant) -> Int32? {
        var (status, pause) = (Int32(0), useconds_t(200))
        while waitpid(child, &status, WNOHANG) == 0 {
            if ContinuousClock.now >= end { return nil }
            usleep(pause)
            pause = min(2 * pause, 20_000)
        }
        return status
    }

    private func spawn(
        _ words: [String], environment: [String: String]?, inherits files: [Int32]
    ) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, file) in files.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, file, Int32(index))
        }
        if discardsErrors {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        var arguments = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var variables = environment.map {
            $0.sorted { $0.key < $1.key }.map { strdup("\($0)=\($1)") } + [nil]
        }
        defer { variables?.forEach { free($0) } }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This program may ignore SIGPIPE, and its threads block signals; another must not inherit that.
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &pipe)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        let group = mayAsk ? 0 : Int16(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | group)
        var child: pid_t = 0
        let code =
            variables == nil
            ? posix_spawnp(&child, path, &actions, &attributes, &arguments, environ)
            : posix_spawnp(&child, path, &actions, &attributes, &arguments, &variables!)
        guard code == 0 else {
            var failure = Failure.system("run", artifact: path, code: code)
            if code == ENOENT {
                (failure.reason, failure.remedy) = (
                    "there is no such program", "install it, or add its folder to PATH"
                )
            }
            throw failure
        }
        return child
    }
}

/// The two ends of a pipe or a pair of sockets; closed when the last reference goes.
private final class Ends {
    let ours: Int32
    private(set) var theirs: Int32

    private init(ours: Int32, theirs: Int32) {
        (self.ours, self.theirs) = (ours, theirs)
    }

    static func pipe(to program: String) throws(Failure) -> Ends {
        var ends: [Int32] = [-1, -1]
        guard sealift_pipe(&ends) == 0 else { throw Failure.system("run", artifact: program) }
        return Ends(ours: ends[0], theirs: ends[1])
    }

    static func sockets(to program: String) throws(Failure) -> Ends {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Failure.system("run", artifact: program) }
        return Ends(ours: ends[0], theirs: ends[1])
    }

    func closeTheirs() {
        if theirs >= 0 { close(theirs) }
        theirs = -1
    }

    deinit {
        close(ours)
        closeTheirs()
    }
}

/// What comes out of a program, while it is fed.
private struct Outputs {
    private(set) var taken: [[UInt8]]
    private let files: [Int32]
    private let limit: Int

    init(_ files: [Int32], limit: Int) {
        self.files = files
        self.limit = limit
        taken = files.map { _ in [] }
    }

    /// Takes all that comes, and sends `input` meanwhile.
    /// - Returns: `true` where all outputs have ended; `false` where one is too long; `nil` where time is over.
    mutating func drain(
        until end: ContinuousClock.Instant, sending input: [UInt8], to sink: Int32
    ) -> Bool? {
        var left = input[...]
        var wanted = files.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        wanted.append(pollfd(fd: sink, events: Int16(POLLOUT), revents: 0))
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while wanted.dropLast().contains(where: { $0.fd >= 0 }) {
            if left.isEmpty, wanted[files.count].fd >= 0 {
                shutdown(sink, Int32(SHUT_WR))
                wanted[files.count].fd = -1
            }
            let time = (end - .now).milliseconds
            if time <= 0 { return nil }
            guard poll(&wanted, nfds_t(wanted.count), Int32(clamping: time)) > 0 else { continue }
            if wanted[files.count].fd >= 0, wanted[files.count].revents != 0 {
                // Only what fits: a program that waits for its output to be read reads no more itself.
                let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
                let count = left.withUnsafeBytes { send(sink, $0.baseAddress, $0.count, flags) }
                let isToBeRepeated = count < 0 && (errno == EINTR || errno == EAGAIN)
                left = count > 0 ? left.dropFirst(count) : isToBeRepeated ? left : []
            }
            for (index, file) in files.enumerated() where wanted[index].fd >= 0 && wanted[index].revents != 0
            {
                let count = read(file, &piece, piece.count)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { wanted[index].fd = -1 }
                if count > 0 { taken[index] += piece[..<count] }
                if taken[index].count > limit { return false }
            }
        }
        return true
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    package var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
