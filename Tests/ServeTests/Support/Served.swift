// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Serve
import TestSupport
import Synchronization
import Testing

/// A response as curl saw it.
struct Response {
    var status = 0
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    var curl: Int32 = 0
    var text: String { String(decoding: body, as: UTF8.self) }
    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }
    /// The codes of an error body.
    var codes: [String] {
        let errors = (try? json())?["errors"] as? [[String: Any]]
        return errors?.compactMap { $0["code"] as? String } ?? []
    }
}

/// A server that runs while a test's body does, and what it logged.
final class Served: Sendable {
    let server: Server
    private let events: Log
    let scheme: String
    var authority: String { "127.0.0.1:\(server.port)" }

    final class Log: Sendable {
        private let list = Mutex<[ServerEvent]>([])
        func add(_ event: ServerEvent) { list.withLock { $0.append(event) } }
        var all: [ServerEvent] { list.withLock { $0 } }
    }

    private init(_ server: Server, _ events: Log, scheme: String) {
        self.server = server
        self.events = events
        self.scheme = scheme
    }

    var log: [String] { events.all.map(\.description) }

    /// Waits until a line of the log contains `text`.
    func logs(_ text: String) async throws -> Bool {
        for _ in 0..<500 {
            if log.contains(where: { $0.contains(text) }) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    static func with(
        _ shelves: any ServedContent..., settings: ServerSettings = ServerSettings(),
        _ body: (Served) async throws -> Void
    ) async throws {
        var settings = settings
        settings.address.port = 0
        let events = Log()
        let server = try await Server.start(try Catalog(shelves), settings: settings) { events.add($0) }
        let served = Served(server, events, scheme: settings.tls == nil ? "http" : "https")
        do { try await body(served) } catch {
            await server.stop(within: .zero)
            throw error
        }
        await server.stop(within: .zero)
    }

    func curl(_ path: String, _ arguments: [String] = []) async throws -> Response {
        let folder = try Scratch()
        let outcome = try await run(
            "curl",
            [
                "-sS", "--path-as-is", "-o", folder.path + "/body", "-D", folder.path + "/head", "-w",
                "%{http_code}",
            ]
                + arguments + ["\(scheme)://\(authority)\(path)"])
        var response = Response()
        response.curl = outcome.status
        response.status = Int(outcome.text) ?? 0
        let body = FileManager.default.contents(atPath: folder.path + "/body") ?? Data()
        response.body = Array(body)
        let head = FileManager.default.contents(atPath: folder.path + "/head") ?? Data()
        for line in String(decoding: head, as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            response.headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        return response
    }
}
