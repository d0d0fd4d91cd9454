// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// What is answered to a request, before anything is read from a shelf.
struct Response {
    enum Body {
        /// Bytes that were made for this answer.
        case bytes(ByteBuffer)
        /// Bytes that are in memory anyway.
        case shared(ByteBuffer)
        /// These bytes of a blob.
        case content(Digest, Range<Int64>)
    }

    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: Body

    /// The body's length in bytes.
    var length: Int64 {
        switch body {
        case .bytes(let bytes), .shared(let bytes): Int64(bytes.readableBytes)
        case .content(_, let range): range.upperBound - range.lowerBound
        }
    }

    init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: Body = .bytes(ByteBuffer())) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A text of the media type `type`.
    static func text(
        _ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponseStatus = .ok
    ) -> Response {
        Response(status, headers: ["Content-Type": type], body: .bytes(ByteBuffer(string: text)))
    }

    /// `value` as JSON.
    static func json(
        _ value: some Encodable, type: String = "application/json", status: HTTPResponseStatus = .ok
    ) -> Response {
        guard let bytes = try? CompactJSON.encode(value) else { return Response(.internalServerError) }
        return Response(status, headers: ["Content-Type": type], body: .bytes(ByteBuffer(bytes: bytes)))
    }

    /// An error in the form of the distribution specification, "Error Codes". No cache keeps it: what is not here today may
    /// be in the next bundle.
    static func error(
        _ status: HTTPResponseStatus, code: String, message: String, headers: HTTPHeaders = [:]
    ) -> Response {
        struct Body: Encodable {
            struct Entry: Encodable {
                var code: String
                var message: String
            }
            var errors: [Entry]
        }
        var answer = json(Body(errors: [.init(code: code, message: message)]), status: status)
        answer.headers.add(name: "Cache-Control", value: "no-store")
        answer.headers.add(contentsOf: headers)
        return answer
    }
}
