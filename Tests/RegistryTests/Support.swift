// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// A folder that goes away with the object.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/registry-tests-XXXXXX").utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file below the folder and returns its path.
    @discardableResult func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        let folder = URL(filePath: file).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

/// A server's process. It ends when the object goes, or when this process ends in whatever way.
final class Server: Sendable {
    private let process: Process
    private let input: Pipe
    private let scratch: Scratch

    /// - Parameter signal: what ends it; KILL for one that otherwise waits for its clients.
    init(_ program: String, _ arguments: [String], signal: String = "TERM") throws {
        scratch = try Scratch()
        // A shell that ends the server as soon as nobody holds the other end of its input.
        let script = "\"$@\" & server=$!; cat >/dev/null; kill -\(signal) $server; wait $server"
        let arguments = ["-c", script, "sh", program] + arguments
        let path = scratch.path + "/output"
        (process, input) = try startingAlone {
            let input = Pipe()
            // Else the servers hold each other's input open, and none would end.
            _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
            return (try Self.start("/bin/sh", arguments, input: input, output: path), input)
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private static func start(
        _ program: String, _ arguments: [String], input: Any, output: String
    ) throws -> Process {
        try Data().write(to: URL(filePath: output))
        let file = try FileHandle(forWritingTo: URL(filePath: output))
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = file
        process.standardError = file
        try process.start()
        return process
    }

    /// The first line that it prints, as numbers.
    func ports() throws -> [Int] {
        for _ in 0..<2000 {
            let text = try String(contentsOfFile: scratch.path + "/output", encoding: .utf8)
            if let end = text.firstIndex(of: "\n") {
                let ports = text[..<end].split(separator: " ").compactMap { Int($0) }
                try #require(!ports.isEmpty, "\(text)")
                return ports
            }
            usleep(10_000)
        }
        throw Failure(.fault, "start", "a server", because: "it prints nothing")
    }

    /// Runs a program to its end and returns what it printed.
    @discardableResult static func run(_ program: String, _ arguments: [String]) throws -> String {
        let scratch = try Scratch()
        let path = scratch.path + "/output"
        let process = try start(program, arguments, input: FileHandle.nullDevice, output: path)
        process.waitUntilExit()
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(program) \(arguments): \(text)")
        return text
    }

    /// A port that nobody listens at, and that no client is given by chance.
    static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 10_000..<32_000)
            if withSocket(port, bind) == 0 { return port }
        }
        throw Failure(.fault, "find", "a free port", because: "there is none")
    }

    private static func withSocket(
        _ port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Waits until somebody listens at `port`.
    static func wait(for port: Int) async throws {
        for _ in 0..<800 {
            if withSocket(port, connect) == 0 { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("nobody listens at the port \(port)")
    }

    static let scripts = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Servers")
        .path()
}

/// A certificate authority of our own, and certificates for 127.0.0.1, for another name, and one that has expired.
final class Certificates: Sendable {
    let scratch: Scratch
    var authority: String { scratch.path + "/ca.pem" }

    init() throws {
        scratch = try Scratch()
        let path = scratch.path
        try Self.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca"
                + " -keyout \(path)/ca.key -out \(path)/ca.pem")
        for (name, alternative, days) in [
            ("good", "IP:127.0.0.1", 2), ("other", "DNS:other.example,DNS:www.other.example", 2),
            ("expired", "IP:127.0.0.1", -1),
        ] {
            try scratch.write("\(name).ext", "subjectAltName=\(alternative)\n")
            try Self.openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name)"
                    + " -keyout \(path)/\(name).key -out \(path)/\(name).csr")
            try Self.openssl(
                "x509 -req -in \(path)/\(name).csr -CA \(path)/ca.pem -CAkey \(path)/ca.key -CAcreateserial"
                    + " -days \(days) -extfile \(path)/\(name).ext -out \(path)/\(name).pem")
        }
        try makeFuture()
    }

    /// A certificate for 127.0.0.1 that is valid from the year 2099.
    private func makeFuture() throws {
        let path = scratch.path
        try scratch.write("index.txt", "")
        try scratch.write("serial", "01\n")
        try scratch.write(
            "ca.cnf",
            "[ca]\ndefault_ca = d\n[d]\ndatabase = \(path)/index.txt\nserial = \(path)/serial\nnew_certs_dir = \(path)\ndefault_md = sha256\n"
                + "policy = p\n[p]\ncommonName = supplied\n")
        try Self.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=future -keyout \(path)/future.key"
                + " -out \(path)/future.csr")
        try Self.openssl(
            "ca -batch -notext -rand_serial -config \(path)/ca.cnf -cert \(path)/ca.pem -keyfile \(path)/ca.key"
                + " -startdate 20990101000000Z -enddate 21000101000000Z -extfile \(path)/good.ext"
                + " -in \(path)/future.csr -out \(path)/future.pem")
    }

    static func openssl(_ line: String) throws {
        try Server.run("/usr/bin/openssl", line.split(separator: " ").map(String.init))
    }
}

/// Keeps what it is given, holds it to a digest, and counts what was asked of it.
final class TestSink: BlobSink {
    struct State {
        var bytes: [UInt8] = []
        var restarts = 0
        var isFinished = false
    }
    private let state: Mutex<State>
    private let expected: [UInt8]
    private let onAppend: @Sendable (Int64) throws(Failure) -> Void

    /// - Parameter onAppend: called with the count of bytes so far, before each append.
    init(
        expecting expected: [UInt8], holding: [UInt8] = [],
        onAppend: @escaping @Sendable (Int64) throws(Failure) -> Void = { _ in }
    ) {
        self.expected = expected
        self.onAppend = onAppend
        state = Mutex(State(bytes: holding))
    }

    var snapshot: State { state.withLock { $0 } }
    var received: Int64 { Int64(state.withLock { $0.bytes.count }) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        try onAppend(received)
        let isTooMuch = state.withLock { state in
            state.bytes.append(contentsOf: bytes)
            return state.bytes.count > expected.count
        }
        if isTooMuch {
            throw Failure(.data, "store", "it", because: "it has more than \(expected.count) bytes")
        }
    }

    func restart() {
        state.withLock { state in
            state.bytes = []
            state.restarts += 1
        }
    }

    func finish() throws(Failure) {
        let found = Digest(of: state.withLock { $0.bytes })
        guard found == Digest(of: expected) else {
            restart()
            throw Failure(
                .data, "store", "it",
                because: "its content is \(found), not the promised \(Digest(of: expected))")
        }
        state.withLock { $0.isFinished = true }
    }
}

/// The misbehaving server, one for all tests of a process, and what is known of it.
struct Misbehaving: Sendable {
    let server: Server
    let certificates: Certificates
    let ports: [Int]

    static let shared = Result {
        let certificates = try Certificates()
        let path = certificates.scratch.path
        let server = try Server(
            "/usr/bin/python3",
            [Server.scripts + "/misbehave.py", path + "/good.pem", path + "/good.key"])
        return Misbehaving(server: server, certificates: certificates, ports: try server.ports())
    }

    /// One request that the server saw.
    struct Seen: Decodable {
        var method: String
        var path: String
        var port: Int
        var range: String?
        var ifRange: String?
        var authorization: String?
    }

    var plain: String { "127.0.0.1:\(ports[0])" }
    var other: String { "127.0.0.1:\(ports[1])" }
    var secure: String { "127.0.0.1:\(ports[2])" }

    /// What the server saw under this id.
    func seen(_ id: String) async throws -> [Seen] {
        let bytes = try await RegistryClient(settings()).bytes(
            urls: ["http://\(plain)/log/\(id)"], limit: 1 << 20)
        return try JSONDecoder().decode([Seen].self, from: Data(bytes))
    }

    /// The server's two contents.
    static let one = pattern("one")
    static let two = pattern("two")

    private static func pattern(_ seed: String) -> [UInt8] {
        (0..<1024).flatMap { block in
            let digest = Digest(of: Array("\(seed) \(block)".utf8)).bytes
            return repeatElement(digest, count: 32).joined()
        }
    }

    /// Settings for this server: quick repeats, its authority, and a login in an auth file where one is given.
    func settings(_ scratch: Scratch? = nil, login: Bool = false) throws -> TransferSettings {
        var environment = ["SSL_CERT_FILE": certificates.authority]
        if let scratch {
            let auth = login ? Data("user:hidden".utf8).base64EncodedString() : ""
            let hosts = [plain, other, secure].map { "\"\($0)\": {\"auth\": \"\(auth)\"}" }
            environment["REGISTRY_AUTH_FILE"] = try scratch.write(
                "auth.json", "{\"auths\": {\(hosts.joined(separator: ","))}}")
        }
        var settings = TransferSettings(environment: environment)
        settings.insecureHosts = [plain, other]
        settings.retry.base = .milliseconds(10)
        return settings
    }
}

/// The failure that `body` ends with.
func failure(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> Failure {
    do {
        try await body()
    } catch let failure as Failure {
        return failure
    }
    Issue.record("no failure", sourceLocation: sourceLocation)
    throw Failure(.fault, "fail", "", because: "")
}
