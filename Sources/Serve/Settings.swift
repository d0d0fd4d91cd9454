// SPDX-License-Identifier: Apache-2.0
public import OCI

/// How a server listens, and what it asks of its clients.
public struct ServerSettings: Sendable {
    /// The address to listen on.
    public var host: String
    /// The port to listen on; 0 lets the system choose one.
    public var port: Int
    /// TLS, or `nil` for plain HTTP.
    public var tls: ServerIdentity?
    /// Who may read; `nil` for everyone.
    public var users: Htpasswd?
    /// Domains that mean this very server when a mirror request names them (`?ns=`): `sea.hub:5000`.
    public var aliases: Set<String>
    /// How long a connection may stay open without a whole request.
    public var idleLimit: Duration
    /// How long a client may take for the next piece of a response, 1 MiB at most, before it is cut off.
    public var stallLimit: Duration
    /// How many threads answer.
    public var threads: Int

    /// Settings of a server, plain HTTP and open to everyone unless something else is said.
    public init(
        host: String = "127.0.0.1", port: Int = 5000, tls: ServerIdentity? = nil, users: Htpasswd? = nil,
        aliases: Set<String> = [], idleLimit: Duration = .seconds(75), stallLimit: Duration = .seconds(60),
        threads: Int = 2
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.users = users
        self.aliases = aliases
        self.idleLimit = idleLimit
        self.stallLimit = stallLimit
        self.threads = threads
    }
}

/// What a server tells while it runs.
public enum ServerEvent: Sendable {
    /// A response ended.
    case access(Access)
    /// A blob is damaged on its shelf; no response with bytes of it was completed.
    case damaged(Digest, Failure)

    /// A response that ended.
    public struct Access: Sendable {
        /// The client's address, without its port.
        public var client: String
        /// The user, where the server asks for one.
        public var user: String?
        /// The method, `GET`.
        public var method: String
        /// The target, as it was sent; control characters cannot be in it.
        public var target: String
        /// The status, `200`.
        public var status: Int
        /// The bytes of the body that were handed to the socket.
        public var sent: Int64
        /// The time from the request's head to the response's end.
        public var duration: Duration
        /// Why the response was cut off before its end; `nil` where it was completed.
        public var cut: String?
    }
}

extension ServerEvent: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .damaged(let digest, let failure): "damaged \(digest): \(failure.reason)"
        case .access(let access):
            "\(access.client) \(access.user ?? "-") \(access.method) \(access.target) \(access.status) "
                + "\(access.sent) \(access.duration.formattedMilliseconds)"
                + (access.cut.map { " cut: \($0)" } ?? "")
        }
    }
}

extension Duration {
    /// Whole milliseconds, `12 ms`.
    fileprivate var formattedMilliseconds: String {
        "\(components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000) ms"
    }
}
