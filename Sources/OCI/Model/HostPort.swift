// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A host and its port, as URLs write them (RFC 3986, 3.2.2): `quay.io`, `sea.hub:5000`, `[::1]:6006`.
package struct HostPort: Sendable, Hashable {
    /// A name or an address, IPv6 without brackets; empty where only a port is written.
    package let host: String
    /// The port; `nil` where none is written.
    package let port: UInt16?

    /// What is wrong with a text.
    package enum Fault: String, Error, Sendable {
        /// There is a colon, and no number from 0 to 65535 behind it.
        case port = "its port is not a number from 0 to 65535"
        /// Colons without brackets.
        case bareAddress = "an IPv6 address is written in brackets"
        /// Brackets around something else.
        case brackets = "only an IPv6 address is written in brackets"
    }

    /// Reads `HOST[:PORT]`. What a host name may hold is for the caller to check.
    package init(_ text: some StringProtocol) throws(Fault) {
        var rest = Substring(text)
        // By bytes, not by characters: a bundle of ten thousand images has twenty thousand names.
        let colon = UInt8(ascii: ":")
        if rest.utf8.first == UInt8(ascii: "[") {
            guard let end = rest.utf8.firstIndex(of: UInt8(ascii: "]")) else { throw .brackets }
            host = String(rest[..<end].dropFirst())
            guard Self.isIPv6(host) else { throw .brackets }
            rest = rest[rest.utf8.index(after: end)...]
            guard rest.isEmpty || rest.utf8.first == colon else { throw .brackets }
        } else {
            let end = rest.utf8.firstIndex(of: colon) ?? rest.endIndex
            host = String(rest[..<end])
            guard !host.utf8.contains(where: { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") }) else {
                throw .brackets
            }
            rest = rest[end...]
            guard !rest.utf8.dropFirst().contains(colon) else { throw .bareAddress }
        }
        guard !rest.isEmpty else {
            port = nil
            return
        }
        let digits = rest[rest.utf8.index(after: rest.startIndex)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits) else {
            throw .port
        }
        port = number
    }

    /// Whether the host is an IPv6 address.
    package var isIPv6: Bool { host.utf8.contains(UInt8(ascii: ":")) }

    /// Whether `text` is an IPv6 address, with or without a zone (`fe80::1%eth0`).
    private static func isIPv6(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first, address.utf8.allSatisfy({ $0 != 0 }), parts.last?.isEmpty == false
        else {
            return false
        }
        var bytes = in6_addr()
        return inet_pton(AF_INET6, String(address), &bytes) == 1
    }
}

extension HostPort: CustomStringConvertible {
    /// `HOST[:PORT]`, IPv6 in brackets.
    package var description: String {
        (isIPv6 ? "[\(host)]" : host) + (port.map { ":\($0)" } ?? "")
    }
}
