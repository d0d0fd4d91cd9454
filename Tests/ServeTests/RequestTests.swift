// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOPosix
import OCI
import Synchronization
import Testing

@testable import Serve

/// How requests are read: one at a time, within bounds, as RFC 9110 and 9112 ask.
@Suite struct RequestTests {
    /// The status codes of the responses in `text`.
    static func statuses(_ text: String) -> [Int] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().compactMap { Int($0.prefix(3)) }
    }

    static func answer(_ served: Served, to text: String) async throws -> String {
        let client = try RawConnection(port: served.server.port)
        try await client.send(text)
        return try await client.receive()
    }

    @Test(arguments: [
        ("GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: <b>\r\nConnection: close\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.0\r\n\r\n", 200),
        ("GET /v2/ HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 200),
        ("GET /v2/ HTTP/1.1\r\nhOST: [::1]:5000\r\nConnection: close\r\n\r\n", 200),
        ("\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n", 417),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", 400),
        ("x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ]) func whatIsAskedIsAnsweredOnce(request: String, status: Int) async throws {
        try await Served.with(Sample().layout) { served in
            let text = try await Self.answer(served, to: request)
            #expect(Self.statuses(text) == [status], "\(text.prefix(300))")
        }
    }

    /// Whichever event loop is busy, the others are given new clients.
    @Test(arguments: [1, 2]) func aBusyLoopLetsNotAllNewClientsWait(busyFrom number: Int) async throws {
        let end = DispatchSemaphore(value: 0)
        let answers = Mutex(0)
        var settings = ServerSettings(threads: 2)
        settings.address.port = 0
        let server = try await Server.start(Catalog([Sample().layout]), settings: settings) { _ in
            let answer = answers.withLock { answers in
                answers += 1
                return answers
            }
            if answer == number { end.wait() }
        }
        for _ in 0..<number {
            let client = try RawConnection(port: server.port)
            try await client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.receive(until: "200 OK").contains("200 OK"))
        }
        try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<2 {
                let client = try RawConnection(port: server.port)
                try await client.send("GET /healthz HTTP/1.0\r\n\r\n")
                group.addTask { try await Self.statuses(client.receive()) }
            }
            #expect(try await group.next() == [200])
            end.signal()
            #expect(try await group.next() == [200])
        }
        await server.stop(within: .zero)
    }

    /// A client that waits before it sends a body has its answer at once, and none of the body is awaited.
    @Test func anExpectedContinueIsAnswered() async throws {
        try await Served.with(Sample().layout) { served in
            let head =
                "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n"
            let client = try RawConnection(port: served.server.port)
            try await client.send(head)
            let text = try await client.receive()
            #expect(Self.statuses(text) == [405])
            #expect(text.contains("Connection: close") || text.contains("connection: close"))
        }
    }

    @Test func aShortBodyIsDroppedAndTheNextRequestHeard() async throws {
        try await Served.with(Sample().layout) { served in
            let text = try await Self.answer(
                served,
                to:
                    "POST /v2/a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(Self.statuses(text) == [405, 200] || Self.statuses(text) == [405, 400], "\(text)")
            #expect(!served.log.contains { $0.contains("/hidden") })
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await Served.with(Sample().layout) { served in
            let paths = ["/healthz", "/v2/", "/none", "/v2/calico/node/tags/list", "/"]
            let requests = (0..<200).map { paths[$0 % paths.count] }
            let text =
                requests.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
                + "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let client = try RawConnection(port: served.server.port)
            async let sent = client.send(text)
            let answers = try await client.receive()
            #expect(try await sent)
            let wanted = requests.map { $0 == "/none" ? 404 : 200 } + [200]
            #expect(Self.statuses(answers) == wanted, "\(answers.suffix(2000))")
        }
    }

    /// The head arrives a byte at a time, in two pieces around each of its line ends, and with the next one.
    @Test func headsAreWholeHoweverTheyArrive() async throws {
        try await Served.with(Sample().layout) { served in
            let head = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
            let client = try RawConnection(port: served.server.port)
            for byte in head { try await client.send(String(byte)) }
            #expect(try await client.receive(until: "ok\n").hasPrefix("HTTP/1.1 200"))
            for place in [1, 22, 23, 24, 32, 33, 34, 35] {
                try await client.send(String(head.prefix(place)))
                try await Task.sleep(for: .milliseconds(5))
                try await client.send(String(head.dropFirst(place)))
                #expect(try await client.receive(until: "ok\n").hasPrefix("HTTP/1.1 200"), "\(place)")
            }
        }
    }

    @Test func aClientThatEndsItsSideStillGetsItsAnswers() async throws {
        let (layout, blob) = try Layout.holding(noise(3 << 20, seed: 7))
        try await Served.with(layout) { served in
            let client = try RawConnection(port: served.server.port)
            try await client.send(
                "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /v2/a/blobs/\(blob.digest) HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            client.finish()
            let text = try await client.receive()
            #expect(Self.statuses(String(text.prefix(2000))).first == 200)
            #expect(
                served.log.contains { $0.contains(" 200 \(blob.size) ") && !$0.contains("cut") },
                "\(served.log)")
        }
    }

    @Test func aHeadBeyondItsBoundIs431() async throws {
        try await Served.with(Sample().layout) { served in
            for value in [16 << 10, 200 << 10] {
                let client = try RawConnection(port: served.server.port)
                let head =
                    "GET /v2/ HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: value) + "\r\n\r\n"
                async let sent = client.send(head)
                let text = try await client.receive()
                #expect(Self.statuses(text) == [431])
                _ = try await sent
            }
            let many = (0..<101).map { "X\($0): a\r\n" }.joined()
            #expect(
                Self.statuses(
                    try await Self.answer(served, to: "GET /v2/ HTTP/1.1\r\nHost: a\r\n\(many)\r\n")) == [400]
            )
            let large = "X: " + String(repeating: "a", count: 15 << 10)
            let fits = "GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(large)\r\n\r\n"
            #expect(Self.statuses(try await Self.answer(served, to: fits)) == [200])
        }
    }

    /// While an answer waits for the client, further requests wait in the kernel: the client's own send blocks.
    @Test func aClientThatReadsNothingIsNotRead() async throws {
        let (layout, blob) = try Layout.holding(noise(32 << 20, seed: 9))
        try await Served.with(layout, settings: ServerSettings(stallLimit: .seconds(2))) { served in
            let client = try RawConnection(port: served.server.port)
            try await client.send("GET /v2/a/blobs/\(blob.digest) HTTP/1.1\r\nHost: a\r\n\r\n")
            let more = String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 400_000)
            #expect(try await !client.send(more), "the server took 11 MB of requests that it cannot answer")
            #expect(try await served.logs("cut: the client takes nothing"))
            #expect(served.log.count == 1)
        }
    }

    @Test func theBudgetForRequestsIsShared() async throws {
        let budget = MemoryBudget(100)
        #expect(budget.take(60) && !budget.take(41) && budget.take(40))
        budget.give(60)
        #expect(budget.take(60) && !budget.take(1))
    }
}
