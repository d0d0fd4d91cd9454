// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Synchronization
import Testing

@testable import Registry

/// Files from a server that misbehaves.
@Suite struct TransferTests {
    let server: Misbehaving
    let id = UUID().uuidString

    init() throws { server = try Misbehaving.shared.get() }

    func url(_ kind: String) -> String { "http://\(server.plain)/file/\(kind)/\(id)" }

    @Test(arguments: [
        "good", "cut", "no-range", "changed", "changed-unsaid", "other-part", "unsatisfied", "chunked",
        "shaky", "busy", "busy-date", "wrong-once", "gzip-label", "to-relative",
    ])
    func arrivesWholeWhateverHappens(_ kind: String) async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        try await client.fetch(urls: [url(kind)], size: 1 << 20, into: sink)
        #expect(sink.snapshot.isFinished)
        #expect(sink.snapshot.bytes == Misbehaving.one)
    }

    @Test func resumesAndAsksForTheSameVersion() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        try await client.fetch(urls: [url("cut")], size: 1 << 20, into: sink)
        let seen = try await server.seen(id)
        #expect(seen.map(\.range) == [nil, "bytes=\(1 << 19)-"])
        #expect(seen.map(\.ifRange) == [nil, "\"1\""])
        #expect(sink.snapshot.restarts == 0)
    }

    @Test func resumesWhatAnEarlierProcessLeft() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one, holding: Array(Misbehaving.one.prefix(1000)))
        try await client.fetch(urls: [url("good")], size: 1 << 20, into: sink)
        #expect(try await server.seen(id).map(\.range) == ["bytes=1000-"])
        #expect(sink.snapshot.isFinished)
    }

    @Test func startsAgainWhenSomethingElseWasLeft() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one, holding: Array(Misbehaving.two.prefix(1000)))
        try await client.fetch(urls: [url("good")], size: 1 << 20, into: sink)
        #expect(try await server.seen(id).map(\.range) == ["bytes=1000-", nil])
        #expect(sink.snapshot.isFinished)
    }

    @Test func doesNotTrustWhatIsThereByItsSize() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one, holding: Misbehaving.two)
        try await client.fetch(urls: [url("good")], size: 1 << 20, into: sink)
        #expect(try await server.seen(id).map(\.range) == [nil])
        #expect(sink.snapshot.isFinished)
    }

    @Test func asksForNothingWhenAllIsThere() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one, holding: Misbehaving.one)
        try await client.fetch(urls: [url("good")], size: 1 << 20, into: sink)
        #expect(sink.snapshot.isFinished)
        #expect(try await server.seen(id).isEmpty)
    }

    @Test func restartsAStalledConnection() async throws {
        var settings = try server.settings()
        settings.patience = .seconds(1)
        // libcurl looks at the mean of some seconds: with a high floor that is soon below.
        settings.slowestSpeed = 1 << 30
        let sink = TestSink(expecting: Misbehaving.one)
        try await RegistryClient(settings).fetch(urls: [url("stall")], size: 1 << 20, into: sink)
        #expect(sink.snapshot.isFinished)
        #expect(try await server.seen(id).last?.range == "bytes=\(1 << 19)-")
    }

    /// Nothing promises the content, so only the server's words show that its parts are of two versions.
    @Test func partsOfTwoVersionsAreNeverJoined() async throws {
        let client = try RegistryClient(server.settings())
        let mixed = Array(Misbehaving.two.prefix(1 << 19) + Misbehaving.one.dropFirst(1 << 19))
        let sink = TestSink(expecting: mixed)
        let failure = try await failure { try await client.fetch(urls: [url("changed-unsaid")], into: sink) }
        #expect(!sink.snapshot.isFinished)
        #expect(failure.reason.contains("\(Digest(of: Misbehaving.one))"), "\(failure)")
    }

    /// A few bytes an attempt are not progress: else a server could keep a run for ever.
    @Test func aTrickleIsGivenUp() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        let failure = try await failure {
            try await client.fetch(urls: [url("trickle")], size: 1 << 20, into: sink)
        }
        #expect(failure.kind == .unavailable, "\(failure)")
        #expect(try await server.seen(id).count == TransferSettings(environment: [:]).retry.attempts)
    }

    @Test(arguments: [
        ("short-length", "1048566"), ("long-length", "1048586"), ("cut-always", "broke off"),
        ("chunked-short", "only 524288 of 1048576"), ("chunked-long", "more than 1048576"),
        ("wrong", "not the promised"), ("gzip", "Content-Encoding gzip"), ("part-unasked", "sent a part"),
    ])
    func refusesWhatWasNotPromised(_ kind: String, _ reason: String) async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        let failure = try await failure {
            try await client.fetch(urls: [url(kind)], size: 1 << 20, into: sink)
        }
        #expect(failure.kind == (kind == "cut-always" ? .unavailable : .data))
        #expect(failure.reason.contains(reason), "\(failure)")
        #expect(!failure.remedy.isEmpty)
        #expect(!sink.snapshot.isFinished)
    }

    @Test func namesBothDigestsOfWrongContent() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        let failure = try await failure { try await client.fetch(urls: [url("wrong")], into: sink) }
        #expect(failure.reason.contains("\(Digest(of: Misbehaving.one))"))
        #expect(failure.reason.contains("\(Digest(of: Misbehaving.two))"))
        #expect(try await server.seen(id).count == 2)
    }

    @Test(arguments: [
        ("missing", Failure.Kind.unavailable, "404"), ("forbidden", .denied, "403"),
        ("broken", .unavailable, "500"), ("loop", .unavailable, "more than 10 times"),
        ("busy-long", .unavailable, "86400 seconds"), ("to-file", .unavailable, "only http and https"),
        ("endless-error", .unavailable, "500"), ("to-user", .unavailable, "password"),
    ])
    func saysWhatTheServerSaid(_ kind: String, _ expected: Failure.Kind, _ reason: String) async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        let failure = try await failure { try await client.fetch(urls: [url(kind)], into: sink) }
        #expect(failure.kind == expected)
        #expect(failure.reason.contains(reason), "\(failure)")
        #expect(!"\(failure)".contains("hidden"))
        #expect(sink.received == 0)
    }

    @Test func reportsWaitsThatTheServerAskedFor() async throws {
        var settings = try server.settings()
        let events = Events()
        settings.onEvent = events.add
        let sink = TestSink(expecting: Misbehaving.one)
        try await RegistryClient(settings).fetch(urls: [url("busy")], into: sink)
        #expect(events.waits.contains { $0 > .milliseconds(900) && $0 <= .seconds(1) })
        #expect(events.receivedBytes == 1 << 20)
        #expect(events.all.last == "ended")
    }

    @Test func takesTheNextURLWhereTheFirstHasNothing() async throws {
        let client = try RegistryClient(server.settings())
        let nobody = "http://127.0.0.1:\(try RunningServer.freePort())/x"
        let sink = TestSink(expecting: Misbehaving.one)
        var settings = try server.settings()
        settings.insecureHosts.insert(String(nobody.dropFirst(7).prefix { $0 != "/" }))
        try await RegistryClient(settings).fetch(
            urls: [nobody, url("missing"), url("wrong"), url("good")], into: sink)
        #expect(sink.snapshot.isFinished)
        let failure = try await failure { try await client.fetch(urls: [nobody], into: sink) }
        #expect(failure.kind == .denied)
    }

    @Test(arguments: ["good", "no-head"])
    func saysSizeAndTagOfAFile(_ kind: String) async throws {
        let file = try await RegistryClient(server.settings()).examine(url: url(kind))
        #expect(file.size == 1 << 20)
        #expect(file.tag == "\"1\"")
        #expect(file.acceptsRanges)
    }

    @Test func asksTheNextURLWhereTheFirstHasNothingToSay() async throws {
        let client = try RegistryClient(server.settings())
        #expect(
            try await client.examine(urls: [url("missing"), url("forbidden"), url("good")]).size == 1 << 20)
        #expect(
            try await client.bytes(urls: [url("missing"), url("good")], limit: 1 << 20) == Misbehaving.one)
        let failure = try await failure {
            _ = try await client.examine(urls: [url("missing"), url("forbidden")])
        }
        #expect(failure.reason.contains("404") && failure.reason.contains("403"), "\(failure)")
    }

    @Test func isBoundedInMemoryByASlowSink() async throws {
        var settings = try server.settings()
        settings.memory = 1 << 20
        let client = try RegistryClient(settings)
        let sinks = (0..<8).map { _ in
            TestSink(expecting: Misbehaving.one) { _ throws(Failure) in usleep(20_000) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sink in sinks {
                group.addTask { try await client.fetch(urls: [url("good")], size: 1 << 20, into: sink) }
            }
            try await group.waitForAll()
        }
        for sink in sinks { #expect(sink.snapshot.isFinished) }
    }

    @Test func endsAtOnceWhenTheSinkFails() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one) { count throws(Failure) in
            if count > 0 { throw Failure(.space, "write", "it", because: "no space left") }
        }
        let failure = try await failure { try await client.fetch(urls: [url("good")], into: sink) }
        #expect(failure.kind == .space)
        #expect(try await server.seen(id).count == 1)
    }

    @Test func endsWhenItsTaskIsCancelled() async throws {
        let client = try RegistryClient(server.settings())
        let sink = TestSink(expecting: Misbehaving.one)
        let task = Task { try await client.fetch(urls: [url("stall")], size: 1 << 20, into: sink) }
        while sink.received == 0, try await server.seen(id).isEmpty {
            try await Task.sleep(for: .milliseconds(5))
        }
        task.cancel()
        let failure = try await failure { try await task.value }
        #expect(failure.kind == .busy)
        try await client.fetch(urls: [url("stall")], size: 1 << 20, into: sink)
        #expect(sink.snapshot.isFinished)
    }
}

/// What was told of transfers.
final class Events: Sendable {
    private let list = Mutex<[TransferEvent]>([])

    var add: @Sendable (TransferEvent) -> Void { { event in self.list.withLock { $0.append(event) } } }

    var waits: [Duration] {
        list.withLock { $0 }.compactMap { if case .waiting(_, _, let time) = $0 { time } else { nil } }
    }
    var receivedBytes: Int {
        list.withLock { $0 }.reduce(0) { if case .received(_, let bytes) = $1 { $0 + bytes } else { $0 } }
    }
    /// Their names, in order.
    var all: [String] { list.withLock { $0 }.map { String("\($0)".prefix { $0 != "(" }) } }
}
