// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Registry

/// A real tinyproxy between us and the servers.
@Suite struct ProxyTests {
    /// The proxy, its log, and where it listens.
    final class Proxy: Sendable {
        let port: Int
        private let scratch: Scratch
        private let server: RunningServer

        init(_ more: String = "") async throws {
            let port = try RunningServer.freePort()
            let scratch = try Scratch()
            let settings = try scratch.write(
                "tinyproxy.conf",
                "Port \(port)\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Connect\n"
                    + "LogFile \"\(scratch.path)/log\"\n\(more)\n")
            (self.port, self.scratch) = (port, scratch)
            server = try RunningServer("/usr/bin/tinyproxy", ["-d", "-c", settings], signal: "KILL")
            try await RunningServer.wait(for: port)
        }

        /// What was asked of it so far, `GET http://…` and `CONNECT …`.
        var asked: [String] {
            get throws {
                let log = try String(contentsOfFile: scratch.path + "/log", encoding: .utf8)
                return log.split(separator: "\n").compactMap { line in
                    line.range(of: "): ").map { String(line[$0.upperBound...]) }
                }.filter { $0.hasSuffix("HTTP/1.1") }
            }
        }
    }

    let server: Misbehaving
    let id = UUID().uuidString

    init() throws { server = try Misbehaving.shared.get() }

    func settings(_ variables: [String: String]) throws -> TransferSettings {
        var settings = try server.settings()
        settings.environment.merge(variables) { $1 }
        return settings
    }

    func fetch(_ url: String, _ variables: [String: String]) async throws {
        let sink = TestSink(expecting: Misbehaving.one)
        try await RegistryClient(settings(variables)).fetch(urls: [url], size: 1 << 20, into: sink)
        #expect(sink.snapshot.isFinished)
    }

    var plainURL: String { "http://\(server.plain)/file/cut/\(id)" }
    var secureURL: String { "https://\(server.secure)/file/good/\(id)" }

    @Test(arguments: ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
    func goesThroughTheProxyThatTheVariablesName(_ variable: String) async throws {
        let proxy = try await Proxy()
        try await fetch(plainURL, [variable: "http://127.0.0.1:\(proxy.port)"])
        #expect(try proxy.asked == Array(repeating: "GET \(plainURL) HTTP/1.1", count: 2))
        #expect(try await server.seen(id).map(\.range) == [nil, "bytes=\(1 << 19)-"])
    }

    @Test(arguments: ["https_proxy", "HTTPS_PROXY"])
    func tunnelsTLSWhoseNameIsProven(_ variable: String) async throws {
        let proxy = try await Proxy()
        let variables = [variable: "http://127.0.0.1:\(proxy.port)"]
        try await fetch(secureURL, variables)
        #expect(try proxy.asked == ["CONNECT \(server.secure) HTTP/1.1"])
        var strict = try settings(variables)
        strict.authorities = "/etc/ssl/certs/ca-certificates.crt"
        let client = try RegistryClient(strict)
        let failure = try await failure {
            try await client.fetch(urls: [secureURL], into: TestSink(expecting: Misbehaving.one))
        }
        #expect(failure.reason.contains("does not prove its name"), "\(failure)")
    }

    @Test(arguments: ["127.0.0.1", "*", "127.0.0.0/8"])
    func goesAroundTheProxyWhereToldSo(_ value: String) async throws {
        let proxy = try await Proxy()
        let variables = ["HTTP_PROXY": "http://127.0.0.1:\(proxy.port)", "NO_PROXY": value]
        try await fetch(plainURL, variables)
        #expect(try proxy.asked.isEmpty)
    }

    @Test func logsInAtTheProxyAndShowsNoPassword() async throws {
        let proxy = try await Proxy("BasicAuth user hidden")
        try await fetch(secureURL, ["HTTPS_PROXY": "http://user:hidden@127.0.0.1:\(proxy.port)"])
        let place = "127.0.0.1:\(proxy.port)"
        for (url, wrong) in [
            (plainURL, place), (secureURL, place), (secureURL, "http://user:hidden-not@" + place),
        ] {
            let failure = try await failure {
                try await fetch(url, ["HTTP_PROXY": wrong, "HTTPS_PROXY": wrong])
            }
            #expect(failure.kind == .denied, "\(failure)")
            #expect(failure.remedy.contains("proxy variable"))
            #expect(!"\(failure)".contains("hidden"))
        }
    }

    @Test func saysThatTheProxyIsUnreachable() async throws {
        let proxy = try await Proxy("ConnectPort 443")
        let failure = try await failure {
            try await fetch(secureURL, ["HTTPS_PROXY": "http://127.0.0.1:\(proxy.port)"])
        }
        #expect(failure.reason.contains("proxy"), "\(failure)")
        #expect(failure.remedy.contains("NO_PROXY"))
        let nobody = "http://127.0.0.1:\(try RunningServer.freePort())"
        let other = try await RegistryTests.failure { try await fetch(plainURL, ["HTTP_PROXY": nobody]) }
        #expect(other.kind == .unavailable)
        #expect(
            other.reason.contains("the proxy in front of \(server.plain) cannot be connected to"), "\(other)")
        #expect(other.remedy.contains("http_proxy") && other.remedy.contains("NO_PROXY"))
    }

    @Test(arguments: [
        "htp:/bad", "http://", "http://user:hidden@127.0.0.1:99999", "socks9://user:hidden@x:1",
    ])
    func saysWhatIsNoProxyAtOnce(_ value: String) async throws {
        let failure = try await failure { try await fetch(secureURL, ["HTTPS_PROXY": value]) }
        #expect(failure.kind == .configuration, "\(failure)")
        #expect(failure.reason.contains("the variable that names the proxy"))
        #expect(failure.remedy.contains("https_proxy") && !"\(failure)".contains("hidden"))
    }

    @Test func sendsATokenRequestThroughAProxyOnThisHost() async throws {
        let proxy = try await Proxy()
        let settings = try settings(["HTTP_PROXY": "http://127.0.0.1:\(proxy.port)"])
        var request = HTTPRequest(address: try HTTPURL("http://\(server.plain)/file/good/\(id)"))
        request.refusesLocalPeer = true
        request.limit = 2 << 20
        let outcome = try await RegistryClient(settings).web.engine.perform(request)
        #expect(outcome.head?.status == 200)
        #expect(outcome.peer == "", "the proxy's address is not the server's")
        #expect(try !Realm("https://auth.example/t", named: outcome, artifact: "it").refusesLocalPeer)
    }

    @Test func readsTheVariablesAsOthersDo() throws {
        func proxies(_ variables: [String: String]) -> ProxySettings { ProxySettings(environment: variables) }
        #expect(proxies(["http_proxy": "a:1", "HTTP_PROXY": "b:2"]).proxy(.http) == "a:1")
        #expect(proxies(["HTTP_PROXY": "b:2", "REQUEST_METHOD": "GET"]).proxy(.http) == "")
        #expect(proxies(["HTTP_PROXY": "b:2"]).proxy(.https) == "")
        let address = try HTTPURL("http://a.example:5000/x")
        for (value, isDirect) in [
            ("a.example:5000", true), (".example:5000", true), ("x, example:5000", true),
            ("*.example:5000", true),
            ("a.example:5001", false), ("b.example:5000", false), ("ple:5000", false), (":5000", false),
        ] {
            let found = proxies(["no_proxy": value]).exceptions(for: address)
            #expect(found == (isDirect ? "*" : value), "\(value)")
        }
        #expect(proxies(["all_proxy": "c:3", "https_proxy": ""]).proxy(.https) == "c:3")
        for (text, port) in [
            ("http://u:p@proxy.example:3128/", 3128), ("proxy.example:8080", 8080), ("proxy.example", 1080),
            ("https://proxy.example", 443), ("socks5://[::1]:9050", 9050),
        ] { #expect(proxies(["https_proxy": text]).port(.https) == port, "\(text)") }
    }
}
