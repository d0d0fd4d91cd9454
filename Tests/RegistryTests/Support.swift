// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

extension RunningServer {
    /// Where the servers that are written for these tests are.
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
        try RunningServer.run("/usr/bin/openssl", line.split(separator: " ").map(String.init))
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
    let server: RunningServer
    let certificates: Certificates
    let ports: [Int]

    static let shared = Result {
        let certificates = try Certificates()
        let path = certificates.scratch.path
        let server = try RunningServer(
            "/usr/bin/python3",
            [RunningServer.scripts + "/misbehave.py", path + "/good.pem", path + "/good.key"])
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
