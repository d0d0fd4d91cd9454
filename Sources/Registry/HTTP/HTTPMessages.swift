// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// One HTTP request. Redirects are not followed by the engine.
struct HTTPRequest: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case patch = "PATCH"
        case put = "PUT"
        case delete = "DELETE"
    }

    var method: Method = .get
    var address: HTTPURL
    /// Names and values, as they are sent.
    var headers: [(name: String, value: String)] = []
    /// What is sent with it.
    var body: RequestBody = .none
    /// TLS must prove the server's name.
    var verifiesServer = true
    /// What TLS rests on.
    var trust = TLSTrust()
    /// The outcome lists the certificates that the server shows.
    var wantsCertificates = false
    /// What it holds that must not be shown: passwords and tokens.
    var secrets: [String] = []
    /// Gives up before anything is sent when the server turns out to be loopback or link-local.
    var refusesLocalPeer = false
    /// How long nothing may move before it is given up; that of the settings where `nil`.
    var patience: Duration?
    /// The most bytes of an answer that are kept in memory.
    var limit = 64 << 10
    /// About how many bytes the answer to a GET has; `nil` where that is not known.
    var answerSize: Int64?

    /// Whether it moves so little that the way there and back takes longer than the bytes.
    var isSmall: Bool {
        switch body {
        case .bytes(let bytes): bytes.count <= Self.largestSmall
        case .stream(let feed): feed.length <= Self.largestSmall
        case .none: method != .get || (answerSize ?? .max) <= Self.largestSmall
        }
    }

    private static let largestSmall: Int64 = 128 << 10
}

/// What a request sends.
enum RequestBody: Sendable {
    case none
    case bytes([UInt8])
    case stream(Feed)
}

/// Status and header fields of an answer.
struct ResponseHead: Sendable {
    var status: Int
    var fields: [(name: String, value: String)] = []

    /// The first field of that lower-case name.
    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
    /// All fields of that lower-case name.
    func all(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    /// `Content-Length`, where it is a number.
    var length: Int64? { self["content-length"].flatMap { Int64(sizeFromOutside: $0) } }

    /// The media type without its parameters.
    var mediaType: String? {
        guard let value = self["content-type"]?.prefix(while: { $0 != ";" }) else { return nil }
        return String(value.filter { $0 != " " }).lowercased()
    }

    /// Whether the body is a page for people: of a portal, or of a registry's user interface.
    var isPage: Bool { ["text/html", "application/xhtml+xml"].contains(mediaType) }

    /// `Content-Encoding`, unless it says that there is none.
    var encoding: String? {
        guard let value = self["content-encoding"]?.lowercased(), value != "identity", !value.isEmpty else {
            return nil
        }
        return value
    }

    /// `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110, 14.4); for 416 `bytes */TOTAL`.
    var range: (first: Int64?, last: Int64?, total: Int64?)? {
        guard let value = self["content-range"], value.lowercased().hasPrefix("bytes ") else { return nil }
        let halves = value.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let total = Int64(sizeFromOutside: halves[1])
        if halves[0] == "*" { return (nil, nil, total) }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false).map {
            Int64(sizeFromOutside: $0)
        }
        guard ends.count == 2, let first = ends[0], let last = ends[1] else { return nil }
        return (first, last, total)
    }
}

/// What is done with the body of an answer, once its head is known.
enum BodyDisposition: Sendable {
    /// Kept in memory, at most ``HTTPRequest/limit`` bytes.
    case collect
    /// Given to the sink; emptied first where `restart` says so.
    case deliver(restart: Bool)
    /// Not taken at all.
    case refuse(AttemptError)
}

/// What became of a request.
struct HTTPResponse: Sendable {
    enum Ending: Sendable {
        case complete
        case broken(TransportError)
        case refused(AttemptError)
        case cancelled
    }
    var ending: Ending
    /// `nil` where none arrived.
    var head: ResponseHead?
    var body: [UInt8] = []
    /// The address connected to; empty where a proxy is between.
    var peer = ""
    /// The certificate of the other end, where there is one.
    var certificate: ServerCertificate?
    /// Where the answer came from.
    var address: HTTPURL
    /// What the server has shown, its own first; empty unless it was asked for.
    var certificates: [ShownCertificate] = []
    /// Those of the request.
    var secrets: [String] = []
    /// The login that was sent, or exchanged for the token that was, in words: whose it is and where it is kept.
    var login: String?
}

/// Why the connection failed.
struct TransportError: Sendable {
    enum Cause: Sendable, Equatable {
        case unresolvable
        case unresolvableProxy
        /// The variable of the proxy holds something else than its address.
        case malformedProxy
        case unreachable
        case unreachableProxy
        case certificate
        case authorities
        case ownCertificate
        case certificateWanted
        case proxy(status: Int)
        case handshake
        /// The server speaks HTTP without TLS.
        case plainServer
        /// The server speaks TLS, and was spoken to without.
        case secureServer
        case stalled
        case interrupted
        case localPeer
        case other
    }
    var cause: Cause
    var text: String
}

extension HTTPRequest {
    /// Sends `value` as `Authorization`.
    mutating func authorize(_ value: String) {
        headers.append(("Authorization", value))
        let credential = value.split(separator: " ").last.map(String.init) ?? value
        secrets.append(credential)
        guard value.hasPrefix("Basic "), let plain = Data(base64Encoded: credential) else { return }
        let password = plain.drop { $0 != UInt8(ascii: ":") }.dropFirst()
        secrets.append(String(decoding: password, as: UTF8.self))
    }
}
