// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOHTTP1

/// The response under way on a connection, and what the log says of it.
struct ResponseRecord {
    let start: NIODeadline
    private let time = Glibc.time(nil)
    private let method: String
    private let target: String
    private let version: String
    private let referer: String?
    private let agent: String?
    var user: String?
    var status = 0
    /// Bytes of the body that the socket has taken.
    var sent: Int64 = 0
    /// Whether this side, and not the client, is waited for.
    var waiting = true
    var delivery: BlobSender?
    /// Bytes that it has taken of ``ServerContext/answers``.
    var charged = 0

    /// The most characters of a header that the log shows.
    private static let longest = 512

    /// A response to `request`; to nothing that could be understood where it is `nil`.
    init(to request: HTTPRequestHead?, at start: NIODeadline) {
        self.start = start
        method = request?.method.rawValue ?? "-"
        target = request?.uri ?? "-"
        version = request.map { "\($0.version)" } ?? "-"
        referer = Self.short(request?.headers.first(name: "Referer"))
        agent = Self.short(request?.headers.first(name: "User-Agent"))
    }

    /// The line of the log, at the end of the response.
    /// - Parameter cut: why it ended too early.
    func access(from client: String?, cut: String?) -> ServerEvent.Access {
        let elapsed = NIODeadline.now() - start
        return ServerEvent.Access(
            time: time, client: client ?? "-", user: user, method: method, target: target, version: version,
            referer: referer, agent: agent, status: status, sent: sent,
            duration: .nanoseconds(elapsed.nanoseconds), cut: cut)
    }

    private static func short(_ text: String?) -> String? {
        guard let text, text.utf8.count > longest else { return text }
        return String(decoding: text.utf8.prefix(longest), as: UTF8.self) + "..."
    }
}
