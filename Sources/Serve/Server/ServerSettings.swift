// SPDX-License-Identifier: Apache-2.0
package import OCI

/// How a server listens, and what it asks of its clients.
package struct ServerSettings: Sendable {
    /// Where to listen.
    package var address: ListenAddress
    /// A bound socket to listen on in place of the address, in whatever network namespace it is; the server
    /// closes it.
    package var socket: Int32?
    /// TLS, or `nil` for plain HTTP.
    package var tls: TLSIdentity?
    /// Who may read; `nil` for everyone.
    package var users: Htpasswd?
    /// Domains that mean this very server when a mirror request names them (`?ns=`): `sea.hub:5000`.
    package var aliases: Set<String>
    /// The bundles that are served, as the page shows them.
    package var bundles: [ServedBundle]
    /// How long a connection may stay open without a whole request.
    package var idleLimit: Duration
    /// How long a client may take for the next piece of a response, 1 MiB at most, before it is cut off.
    package var stallLimit: Duration
    /// How many threads answer.
    package var threads: Int

    /// Settings of a server, plain HTTP and open to everyone unless something else is said.
    package init(
        address: ListenAddress = .standard, tls: TLSIdentity? = nil, users: Htpasswd? = nil,
        aliases: Set<String> = [], bundles: [ServedBundle] = [], idleLimit: Duration = .seconds(75),
        stallLimit: Duration = .seconds(60), threads: Int = 2
    ) {
        self.address = address
        self.tls = tls
        self.users = users
        self.aliases = aliases
        self.bundles = bundles
        self.idleLimit = idleLimit
        self.stallLimit = stallLimit
        self.threads = threads
    }
}

/// What a server reports while it runs.
package enum ServerEvent: Sendable {
    /// A response ended.
    case access(Access)
    /// A blob is damaged on its shelf; no response with bytes of it was completed.
    case damaged(Digest, Failure)
    /// A client got no connection by TLS.
    case refused(client: String, reason: String)

    /// A response that ended.
    package struct Access: Sendable {
        /// When the request came, in seconds since 1970.
        package var time: Int
        /// The client's address, without its port.
        package var client: String
        /// The user, where the server asks for one.
        package var user: String?
        /// The method, `GET`.
        package var method: String
        /// The target, as it was sent.
        package var target: String
        /// The version of HTTP, `HTTP/1.1`.
        package var version: String
        /// The headers `Referer` and `User-Agent`, where they were sent.
        package var referer: String?
        /// See ``referer``.
        package var agent: String?
        /// The status, `200`.
        package var status: Int
        /// The bytes of the body that were handed to the socket.
        package var sent: Int64
        /// The time from the request's head to the response's end.
        package var duration: Duration
        /// Why the response was cut off before its end; `nil` where it was completed.
        package var cut: String?
    }
}

extension ServerEvent: CustomStringConvertible {
    /// One line for a log: for a response the combined log format, then the seconds that it took, and `cut:`
    /// with the reason where it was cut off. Quotes, backslashes and all bytes that are not printable ASCII are
    /// written as `\xHH`.
    package var description: String {
        switch self {
        case .damaged(let digest, let failure): "damaged \(digest): \(failure.reason)"
        case .refused(let client, let reason): "\(client) got no TLS connection: \(reason)"
        case .access(let access): access.line
        }
    }
}

extension ServerEvent.Access {
    fileprivate var line: String {
        let request = "\(method) \(target) \(version)"
        let (seconds, rest) = duration.milliseconds.quotientAndRemainder(dividingBy: 1000)
        let fraction = String(1000 + rest).dropFirst()
        return "\(client) - \(user.map(Self.clean) ?? "-") [\(LogTime.text(time))] \(Self.quoted(request)) "
            + "\(status) \(sent) \(Self.quoted(referer)) \(Self.quoted(agent)) \(seconds).\(fraction)"
            + (cut.map { " cut: \($0)" } ?? "")
    }

    private static func quoted(_ text: String?) -> String { "\"" + (text.map(clean) ?? "-") + "\"" }

    private static func clean(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
        if isPlain { return text }
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte >= 0x20, byte < 0x7F, byte != 0x22, byte != 0x5C {
                bytes.append(byte)
            } else {
                bytes += [0x5C, 0x78, hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
