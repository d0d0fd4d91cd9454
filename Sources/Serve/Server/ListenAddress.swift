// SPDX-License-Identifier: Apache-2.0
package import OCI

/// Where a server listens: a host and a port.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A host name or an IP address, which is without brackets also where it is IPv6.
    package var host: String
    /// The port; 0 lets the system choose one.
    package var port: Int

    /// Port 5000 of this host, for this host only.
    package static let standard = ListenAddress(host: "127.0.0.1", port: 5000)

    /// Creates an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `HOST:PORT`, where an IPv6 address is in brackets: `127.0.0.1:5000`, `[::1]:6006`. No host, as in
    /// `:5000`, means all addresses of this host.
    /// - Throws: a ``Failure`` of kind `usage` that shows the text.
    package init(_ text: String) throws(Failure) {
        func refusal(_ reason: String) -> Failure {
            Failure(
                .usage, "listen on", "'\(text.prefix(100))'", because: reason,
                remedy: "write it like 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000")
        }
        guard let colon = text.lastIndex(of: ":") else { throw refusal("it has no port") }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
            throw refusal("its port is not a number from 0 to 65535")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":"), !host.contains(where: { "[]".contains($0) }) else {
                throw refusal("only an IPv6 address is written in brackets")
            }
        } else if host.contains(where: { ":[]".contains($0) }) {
            throw refusal("an IPv6 address is written in brackets")
        }
        self.init(host: host.isEmpty ? "::" : String(host), port: Int(port))
    }

    /// Whether it means all addresses of this host.
    package var isEverywhere: Bool { ["0.0.0.0", "::"].contains(host) }

    /// `HOST:PORT`, as clients and URLs write it.
    package var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}
