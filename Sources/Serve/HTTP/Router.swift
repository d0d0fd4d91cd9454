// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOHTTP1
internal import OCI

/// Decides what is answered to a request: a function of the catalog, without input or output.
///
/// Source: OCI distribution specification 1.1, "Pull" and "Content Discovery"; docker registry HTTP API V2.
struct Router: Sendable {
    let catalog: Catalog
    /// Domains that mean this very server when a client names them in `?ns=`.
    let aliases: Set<String>
    /// How clients reach this server: `http` or `https`.
    var scheme = "http"
    /// What the page says of the bundles.
    var bundles: [ServedBundle] = []

    /// The answer to `head`. Anything that would write gets 405.
    func answer(_ head: HTTPRequestHead) -> Response {
        if let refusal = Self.refusal(of: head) { return refusal }
        guard let target = RequestTarget(head.uri) else {
            return Self.refusal(.badRequest, "the target of the request is not well formed")
        }
        guard head.method == .GET || head.method == .HEAD else {
            return Self.refusal(
                .methodNotAllowed, "this registry is a bundle and read-only", headers: ["Allow": "GET, HEAD"])
        }
        var headers = head.headers
        // RFC 9110, 14.2: a range has a meaning in GET alone.
        if head.method == .HEAD { headers.remove(name: "Range") }
        let path = target.path
        if path == "/v2/" || path == "/v2" { return .text("{}", type: "application/json") }
        if path.hasPrefix("/v2/") {
            return distribution(path.dropFirst(4), target: target, headers: headers)
        }
        return page(at: path, headers: headers)
    }

    /// What is wrong with a request, whatever it asks for.
    private static func refusal(of head: HTTPRequestHead) -> Response? {
        guard head.uri.utf8.count <= RequestTarget.longest else {
            return refusal(.uriTooLong, "the target has more than \(RequestTarget.longest) bytes")
        }
        if let fault = fault(inHostOf: head) { return refusal(.badRequest, fault) }
        // RFC 9110, 10.1.1: the only expectation there is.
        if let expected = head.headers.first(name: "Expect"), expected.lowercased() != "100-continue" {
            return refusal(.expectationFailed, "no expectation but 100-continue can be met")
        }
        return nil
    }

    private static func refusal(
        _ status: HTTPResponseStatus, _ message: String, headers: HTTPHeaders = [:]
    ) -> Response {
        .error(status, code: "UNSUPPORTED", message: message, headers: headers)
    }

    /// What is not of the distribution API: the page, the files, whether the server lives.
    private func page(at path: String, headers: HTTPHeaders) -> Response {
        switch path {
        case "/": return Self.revalidated(page(headers.first(name: "Host")), asked: headers)
        case "/healthz": return .text("ok\n")
        case "/files/SHA256SUMS":
            let sums = catalog.files.map { "\($0.digest.hex)  \($0.name)\n" }.joined()
            return Self.revalidated(.text(sums), asked: headers)
        default:
            guard path.hasPrefix("/files/"), let file = catalog.filesByName[String(path.dropFirst(7))] else {
                return .text("there is nothing here\n", status: .notFound)
            }
            return content(file.digest, size: file.size, asked: headers, freshness: .mayChange)
        }
    }

    /// What is wrong with the header `Host`. Source: RFC 9112, section 3.2; RFC 3986, section 3.2.2.
    private static func fault(inHostOf head: HTTPRequestHead) -> String? {
        let hosts = head.headers["Host"]
        if hosts.count > 1 { return "there is more than one Host header" }
        guard let host = hosts.first else {
            return head.version == .http1_0 ? nil : "there is no Host header"
        }
        let allowed = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~!$&'()*+,;=:[]%".utf8.contains(byte)
            }
        }
        return allowed ? nil : "the Host header is not well formed"
    }

    private func distribution(_ path: Substring, target: RequestTarget, headers: HTTPHeaders) -> Response {
        if path == "_catalog" {
            struct Body: Encodable { var repositories: [String] }
            return listing(catalog.names, path: path, target: target, asked: headers) {
                Body(repositories: $0)
            }
        }
        guard let last = path.lastIndex(of: "/"),
            let middle = path[..<last].lastIndex(of: "/")
        else { return unknownPath }
        let name = String(path[..<middle])
        let kind = path[path.index(after: middle)..<last]
        let item = String(path[path.index(after: last)...])
        guard ["manifests", "blobs", "tags", "referrers"].contains(kind) else { return unknownPath }
        guard let repository = catalog.repository(name, domain: namespace(target)) else {
            guard (try? Reference("example.com/" + name)) != nil || (try? Reference(name)) != nil else {
                return .error(
                    .badRequest, code: "NAME_INVALID", message: "the repository name is not well formed")
            }
            // Who gets 404 here takes it that the referrers API is not spoken, and asks for tags instead.
            if kind == "referrers" {
                return referrers(item, repository: Repository(), target: target, asked: headers)
            }
            return .error(.notFound, code: "NAME_UNKNOWN", message: "no bundle here holds \(name)")
        }
        switch kind {
        case "manifests": return manifest(item, repository: repository, headers: headers)
        case "blobs": return blob(item, repository: repository, headers: headers)
        case "referrers": return referrers(item, repository: repository, target: target, asked: headers)
        default:
            struct Body: Encodable {
                var name: String
                var tags: [String]
            }
            guard item == "list" else { return unknownPath }
            return listing(repository.sortedTags, path: path, target: target, asked: headers) {
                Body(name: name, tags: $0)
            }
        }
    }

    private var unknownPath: Response {
        .error(.notFound, code: "UNSUPPORTED", message: "there is nothing at this path")
    }

    /// The registry that a mirror request means. Source: containerd, `docs/hosts.md`, "Registry Host Namespace".
    private func namespace(_ target: RequestTarget) -> String? {
        guard let domain = target.value("ns"), !domain.isEmpty, !aliases.contains(domain) else { return nil }
        return domain
    }

    private func manifest(_ item: String, repository: Repository, headers: HTTPHeaders) -> Response {
        let digest: Digest
        let isPinned = item.contains(":")
        if isPinned {
            guard let parsed = try? Digest(item) else { return Self.invalidDigest }
            digest = parsed
        } else {
            guard let tagged = repository.tags[item] else { return Self.unknownManifest }
            digest = tagged.digest
        }
        guard repository.manifests.contains(digest), let stored = catalog.manifests[digest] else {
            return Self.unknownManifest
        }
        var answer = content(
            digest, size: stored.descriptor.size, asked: headers, freshness: isPinned ? .forever : .mayChange,
            ranges: false)
        if answer.status == .ok {
            answer.headers.replaceOrAdd(name: "Content-Type", value: stored.descriptor.mediaType)
            if let bytes = catalog.bytes(of: stored) { answer.body = .shared(bytes) }
        }
        return answer
    }

    private func blob(_ item: String, repository: Repository, headers: HTTPHeaders) -> Response {
        guard let digest = try? Digest(item) else { return Self.invalidDigest }
        // Manifests are blobs too, of a registry that keeps them so; distribution answers both ways.
        guard repository.blobs.contains(digest) || repository.manifests.contains(digest),
            let size = catalog.size(of: digest)
        else { return .error(.notFound, code: "BLOB_UNKNOWN", message: "this repository has no such blob") }
        return content(digest, size: size, asked: headers)
    }

    private static let invalidDigest = Response.error(
        .badRequest, code: "DIGEST_INVALID", message: "expected sha256: and 64 lower-case hexadecimal digits")
    private static let unknownManifest = Response.error(
        .notFound, code: "MANIFEST_UNKNOWN", message: "this repository has no such manifest")

    /// How long caches may give an answer out. Source: RFC 9111, section 5.2.2; RFC 8246.
    private enum Freshness: String {
        /// The request names the content by its digest.
        case forever = "max-age=31536000, immutable"
        /// A name may point to something else once other bundles are served: they keep it and ask each time.
        case mayChange = "no-cache"
    }

    /// Whether the client has the content with that entity tag. Source: RFC 9110, section 13.1.2.
    private static func isCurrent(_ tag: String, asked: HTTPHeaders) -> Bool {
        asked["If-None-Match"].contains { $0 == "*" || $0.contains(tag) }
    }

    /// A list or page that is made for the request, with a validator of its own: 304 where the client has it.
    static func revalidated(_ answer: Response, asked: HTTPHeaders) -> Response {
        guard answer.status == .ok, case .bytes(let bytes) = answer.body else { return answer }
        let tag = "\"\(Digest(of: Array(bytes.readableBytesView)).hex)\""
        let validators: HTTPHeaders = ["ETag": tag, "Cache-Control": Freshness.mayChange.rawValue]
        if isCurrent(tag, asked: asked) { return Response(.notModified, headers: validators) }
        var answer = answer
        answer.headers.add(contentsOf: validators)
        return answer
    }

    /// The content `digest`, whole or the part that is asked for.
    private func content(
        _ digest: Digest, size: Int64, asked: HTTPHeaders, freshness: Freshness = .forever,
        ranges: Bool = true
    ) -> Response {
        let text = digest.description
        var headers: HTTPHeaders = ["ETag": "\"\(text)\"", "Cache-Control": freshness.rawValue]
        // RFC 9110, 15.4.5: no other header, for caches would take it over.
        if Self.isCurrent("\"\(text)\"", asked: asked) { return Response(.notModified, headers: headers) }
        headers.add(name: "Content-Type", value: "application/octet-stream")
        headers.add(name: "Docker-Content-Digest", value: text)
        guard ranges else { return Response(.ok, headers: headers, body: .content(digest, 0..<size)) }
        headers.add(name: "Accept-Ranges", value: "bytes")
        let condition = asked.first(name: "If-Range")
        let applies = condition == nil || condition == "\"\(text)\""
        switch ByteRange(applies ? asked.first(name: "Range") : nil, size: size) {
        case .whole: return Response(.ok, headers: headers, body: .content(digest, 0..<size))
        case .part(let range):
            headers.add(
                name: "Content-Range", value: "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            return Response(.partialContent, headers: headers, body: .content(digest, range))
        case .unsatisfiable:
            return .error(
                .rangeNotSatisfiable, code: "RANGE_INVALID", message: "the content has \(size) bytes",
                headers: ["Content-Range": "bytes */\(size)"])
        }
    }

    private func referrers(
        _ item: String, repository: Repository, target: RequestTarget, asked: HTTPHeaders
    ) -> Response {
        struct Body: Encodable {
            var schemaVersion = 2
            var mediaType = MediaType.index
            var manifests: [Descriptor]
        }
        guard let digest = try? Digest(item) else { return Self.invalidDigest }
        let all = repository.referrers[digest] ?? []
        guard let type = target.value("artifactType"), !type.isEmpty else {
            return Self.revalidated(.json(Body(manifests: all), type: MediaType.index), asked: asked)
        }
        var answer = Response.json(
            Body(manifests: all.filter { $0.artifactType == type }), type: MediaType.index)
        answer.headers.add(name: "OCI-Filters-Applied", value: "artifactType")
        return Self.revalidated(answer, asked: asked)
    }

    /// A part of a sorted list: at most `n` entries after `last`, and a link to the next part.
    private func listing(
        _ all: [String], path: Substring, target: RequestTarget, asked: HTTPHeaders,
        body: ([String]) -> some Encodable
    ) -> Response {
        var rest = all[...]
        if let last = target.value("last") { rest = rest.drop { $0 <= last } }
        guard let wanted = target.value("n") else {
            return Self.revalidated(.json(body(Array(rest))), asked: asked)
        }
        guard let count = Int(wanted), count >= 0 else {
            return .error(.badRequest, code: "PAGINATION_NUMBER_INVALID", message: "n is a number from 0 on")
        }
        let part = rest.prefix(count)
        var answer = Response.json(body(Array(part)))
        if part.count < rest.count, let last = part.last {
            var next = "/v2/\(path)?n=\(count)&last=\(RequestTarget.encode(last))"
            if let domain = target.value("ns") { next += "&ns=\(RequestTarget.encode(domain))" }
            answer.headers.add(name: "Link", value: "<\(next)>; rel=\"next\"")
        }
        return Self.revalidated(answer, asked: asked)
    }
}
