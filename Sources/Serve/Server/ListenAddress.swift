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
        let place: HostPort
        do throws(HostPort.Fault) { place = try HostPort(text) } catch { throw refusal(error.rawValue) }
        guard let port = place.port else { throw refusal("it has no port") }
        self.init(host: place.host.isEmpty ? "::" : place.host, port: Int(port))
    }

    /// Whether it means all addresses of this host.
    package var isEverywhere: Bool { ["0.0.0.0", "::"].contains(host) }

    /// `HOST:PORT`, as clients and URLs write it.
    package var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}
