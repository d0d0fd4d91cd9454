// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import Testing

/// TLS as openssl, curl and hostile clients see it.
@Suite struct TLSTests {
    static func with(_ shelf: any ServedContent, _ body: (Served) async throws -> Void) async throws {
        let settings = ServerSettings(tls: try TLSIdentity(selfSignedFor: "127.0.0.1"))
        try await Served.with(shelf, settings: settings, body)
    }

    /// What `openssl s_client` prints; it sends `input`, and ends when the server closes or after 20 s.
    static func client(
        _ served: Served, _ options: [String], input: String = "GET /healthz HTTP/1.0\r\n\r\n"
    ) async throws -> Outcome {
        try await run(
            "timeout", ["20", "openssl", "s_client", "-connect", served.authority] + options,
            input: Data(input.utf8))
    }

    @Test(arguments: [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
    func theseVersionsAreSpoken(option: String, name: String) async throws {
        try await Self.with(Sample().layout) { served in
            let outcome = try await Self.client(served, [option, "-ign_eof"])
            #expect(outcome.text.contains("Protocol  : \(name)") || outcome.text.contains("New, \(name)"))
            #expect(outcome.text.contains("HTTP/1.1 200 OK"))
            #expect(outcome.text.contains("Compression: NONE"))
        }
    }

    @Test(arguments: [["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA@SECLEVEL=0"]])
    func theseAreRefused(options: [String]) async throws {
        try await Self.with(Sample().layout) { served in
            let cipher = options.contains("-cipher") ? [] : ["-cipher", "DEFAULT@SECLEVEL=0"]
            let outcome = try await Self.client(served, options + cipher)
            #expect(outcome.status != 0)
            #expect(!outcome.text.contains("HTTP/1.1"))
            #expect(outcome.err.contains("alert"), "\(outcome.err)")
            #expect(try await served.logs("got no TLS connection"))
        }
    }

    @Test func renegotiationIsRefused() async throws {
        try await Self.with(Sample().layout) { served in
            // s_client takes a line that is only "R" as the order to renegotiate.
            let outcome = try await Self.client(served, ["-tls1_2"], input: "R\nGET /v2/ HTTP/1.0\r\n\r\n")
            #expect(
                outcome.err.contains("no renegotiation") || outcome.text.contains("no renegotiation"),
                "\(outcome.err)")
            #expect(try await served.curl("/healthz", ["-k"]).status == 200)
        }
    }

    @Test func onlyHTTP11IsChosenByALPN() async throws {
        try await Self.with(Sample().layout) { served in
            let both = try await Self.client(served, ["-alpn", "h2,http/1.1", "-ign_eof"])
            #expect(both.text.contains("ALPN protocol: http/1.1"))
            let other = try await Self.client(served, ["-alpn", "h2"])
            #expect(other.err.contains("no application protocol"), "\(other.err)")
            let none = try await Self.client(served, ["-ign_eof"])
            #expect(none.text.contains("No ALPN negotiated"))
            #expect(none.text.contains("HTTP/1.1 200 OK"))
        }
    }

    /// Python's ssl reports an end without close_notify as an error; where it was sent, the end is clean.
    @Test func anEndIsAnnouncedByCloseNotify() async throws {
        try await Self.with(Sample().layout) { served in
            let script = """
                import socket, ssl
                context = ssl._create_unverified_context()
                plain = socket.create_connection(("127.0.0.1", \(served.server.port)), 20)
                tls = context.wrap_socket(plain, suppress_ragged_eofs=False)
                tls.sendall(b"GET /healthz HTTP/1.0\\r\\n\\r\\n")
                text = b""
                while piece := tls.recv(65536): text += piece
                print(text.decode())
                """
            let outcome = try await run("python3", ["-c", script])
            #expect(outcome.status == 0, "\(outcome.err)")
            #expect(outcome.text.hasSuffix("ok\n\n"))
        }
    }

    /// Each prefix of a real ClientHello, and each with a byte changed: refused or unanswered, never more.
    @Test func brokenHandshakesEndTheirConnection() async throws {
        try await Self.with(Sample().layout) { served in
            let script = """
                import random, socket, ssl
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = ssl._create_unverified_context().wrap_bio(incoming, outgoing, server_hostname="a")
                try: client.do_handshake()
                except ssl.SSLWantReadError: pass
                hello = outgoing.read()
                random.seed(1)
                inputs = [hello[:size] for size in range(1, len(hello), 37)]
                for _ in range(200):
                    changed = bytearray(hello)
                    for _ in range(random.randint(1, 4)): changed[random.randrange(len(changed))] = random.randrange(256)
                    inputs.append(bytes(changed))
                inputs += [b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", b"\\x16\\x03\\x01\\xff\\xff" + b"a" * 70000, b"\\x80\\x2e\\x01\\x00\\x02",
                           b"\\x15\\x03\\x01\\x00\\x02\\x02\\x28", b"\\x00" * 100, b"\\xff" * 20000, hello + hello]
                for data in inputs:
                    with socket.create_connection(("127.0.0.1", \(served.server.port)), 20) as one:
                        try:
                            one.sendall(data)
                            one.shutdown(socket.SHUT_WR)
                            while one.recv(65536): pass
                        except TimeoutError: raise
                        except OSError: pass  # reset, or gone before the shutdown
                print(len(inputs))
                """
            let outcome = try await run("timeout", ["120", "python3", "-c", script])
            #expect(outcome.status == 0, "\(outcome.err)")
            #expect((Int(outcome.lines.first ?? "") ?? 0) > 200)
            #expect(try await served.curl("/healthz", ["-k"]).status == 200)
            #expect(served.log.filter { $0.contains("got no TLS connection") }.count > 100)
        }
    }

    @Test func aThousandSlowHandshakesKeepNoOneOut() async throws {
        try await Self.with(Sample().layout) { served in
            var slow: [RawConnection] = []
            for _ in 0..<1000 {
                let one = try RawConnection(port: served.server.port)
                try await one.send("\u{16}\u{3}\u{1}")
                slow.append(one)
            }
            for _ in 0..<5 { #expect(try await served.curl("/healthz", ["-k"]).status == 200) }
            // Beyond 512 at a time the oldest are ended.
            #expect(try await slow[0].receive().isEmpty)
        }
    }

    /// A client that asks and does not read is not read either; one that reads slowly gets every byte.
    @Test func bothDirectionsWaitForTheOther() async throws {
        let (layout, blob) = try Layout.holding(noise(24 << 20, seed: 11))
        try await Self.with(layout) { served in
            let script = """
                import hashlib, socket, ssl, time
                def connect():
                    plain = socket.create_connection(("127.0.0.1", \(served.server.port)), 20)
                    return ssl._create_unverified_context().wrap_socket(plain)
                request = b"GET /v2/a/blobs/\(blob.digest) HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
                deaf = connect()
                deaf.sendall(request)
                deaf.settimeout(2)
                sent = 0
                try:
                    while sent < 64 << 20: sent += deaf.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" * 400)
                except (TimeoutError, ssl.SSLError): pass
                print("stopped" if sent < 64 << 20 else "took all")
                slow = connect()
                slow.sendall(request.replace(b"\\r\\n\\r\\n", b"\\r\\nConnection: close\\r\\n\\r\\n"))
                time.sleep(1)
                text = b""
                while piece := slow.recv(65536): text += piece
                print(hashlib.sha256(text.partition(b"\\r\\n\\r\\n")[2]).hexdigest())
                """
            let outcome = try await run("timeout", ["120", "python3", "-c", script])
            #expect(outcome.lines == ["stopped", blob.digest.hex], "\(outcome.err)")
        }
    }
}
