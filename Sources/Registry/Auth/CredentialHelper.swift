// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import OCI

/// A program `docker-credential-NAME` that keeps logins. Source: docker's credential helper protocol: the
/// server's name on stdin, a JSON object on stdout.
struct CredentialHelper {
    private let program: String
    private let patience: Duration

    /// - Throws: a ``Failure`` of kind `configuration` for a name that is not a plain word.
    /// - Parameter patience: how long it may take; longer than a person needs to unlock a key ring.
    init(_ name: String, patience: Duration = .seconds(60)) throws(Failure) {
        guard !name.isEmpty, name.utf8.allSatisfy({ Self.letters.contains($0) }) else {
            throw Failure(
                .configuration, "run the credential helper", "'\(name.prefix(40).filter(\.isASCII))'",
                because: "a helper's name has letters, digits, '-', '_' and '.'",
                remedy: "correct credHelpers and credsStore in the auth file")
        }
        program = "docker-credential-" + name
        self.patience = patience
    }

    private static let letters = Set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.".utf8)

    /// The login that the helper has for `server`; `nil` where it has none. Blocking.
    func login(for server: String) throws(Failure) -> Login? {
        let (status, answer) = try run(sending: Array(server.utf8))
        guard status == 0 else {
            // The one way in which helpers say that there is none; else their text is not ours to show.
            if String(decoding: answer, as: UTF8.self).contains("credentials not found") { return nil }
            throw refuse("it failed for \(server)")
        }
        struct Answer: Decodable {
            var Username: String
            var Secret: String
        }
        guard let login = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else {
            throw refuse("its answer for \(server) is not the JSON of a login")
        }
        if login.Secret.isEmpty { return nil }
        return login.Username == "<token>"
            ? .identity(login.Secret) : .password(user: login.Username, password: login.Secret)
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .denied, "run the credential helper", program, because: reason,
            remedy: "run 'echo SERVER | \(program) get' by hand, or take it out of the auth file")
    }

    /// Runs `get`, and returns its exit status and output.
    private func run(sending input: [UInt8]) throws(Failure) -> (Int32, [UInt8]) {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        // A socket, because writing to one can do without SIGPIPE.
        let socketType = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, socketType, 0, &toChild) == 0 else {
            throw Failure.system("run", artifact: program)
        }
        guard pipe(&fromChild) == 0 else {
            let failure = Failure.system("run", artifact: program)
            toChild.forEach { close($0) }
            throw failure
        }
        fromChild.forEach { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
        let reading = File(taking: fromChild[0], path: program)
        var child: pid_t = 0
        let code = spawn(&child, input: toChild[0], output: fromChild[1])
        close(toChild[0])
        close(fromChild[1])
        // A server's name is far shorter than a socket's buffer, so this does not block.
        if code == 0 { _ = send(toChild[1], input, input.count, Int32(MSG_NOSIGNAL)) }
        close(toChild[1])
        guard code == 0 else { throw Failure.system("run", artifact: program, code: code) }
        let output = Self.drain(reading.descriptor, until: .now + patience)
        if output == nil { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard let output else {
            throw refuse("it did not answer within \(patience.components.seconds) seconds")
        }
        return (status, output)
    }

    private func spawn(_ child: inout pid_t, input: Int32, output: Int32) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        // What a helper says there may hold a secret.
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("get"), nil]
        defer { arguments.forEach { free($0) } }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This program may ignore SIGPIPE; a helper must not inherit that.
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &pipe)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        return posix_spawnp(&child, program, &actions, &attributes, &arguments, environ)
    }

    /// All that comes, at most 1 MiB; `nil` where it has no end in time.
    private static func drain(_ descriptor: Int32, until end: ContinuousClock.Instant) -> [UInt8]? {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while all.count < 1 << 20 {
            let left = (end - .now).milliseconds
            if left <= 0 { return nil }
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, Int32(clamping: left)) > 0 else { continue }
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            all += piece[..<count]
        }
        return all
    }
}
