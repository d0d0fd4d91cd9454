// SPDX-License-Identifier: Apache-2.0
import OCI
import Serve
import Testing

/// Where a server listens.
@Suite struct AddressTests {
    @Test(arguments: [
        ("127.0.0.1:5000", "127.0.0.1", 5000, "127.0.0.1:5000"), ("[::1]:6006", "::1", 6006, "[::1]:6006"),
        ("sea.hub:0", "sea.hub", 0, "sea.hub:0"), (":5000", "::", 5000, "[::]:5000"),
    ]) func addressesAreRead(text: String, host: String, port: Int, written: String) throws {
        let address = try ListenAddress(text)
        #expect(address == ListenAddress(host: host, port: port))
        #expect("\(address)" == written)
    }

    @Test(arguments: [
        "", "5000", "::1:5000", "[::1]", "[::1]:", "[::1]:x", "a:65536", "a:-1", "[a]:1", "[[::1]]:1", "a:+1",
    ])
    func whatIsNoAddressIsRefused(text: String) {
        let failure = #expect(throws: Failure.self) { try ListenAddress(text) }
        #expect(failure?.kind == .usage)
    }

    @Test func aServerListensOnIPv6() async throws {
        let settings = ServerSettings(address: try ListenAddress("[::1]:0"))
        let server = try await Server.start(try Catalog([Sample().layout]), settings: settings)
        let answer = try await run("curl", ["-sS", "http://[::1]:\(server.port)/healthz"])
        #expect(answer.text == "ok\n")
        await server.stop(within: .zero)
    }
}
