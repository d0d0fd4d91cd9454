// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What a server says of a file.
package struct RemoteFile: Sendable, Equatable {
    /// The size in bytes, where it says.
    package let size: Int64?
    /// The entity tag, as it was sent.
    package let tag: String?
    /// A transfer can resume in the middle.
    package let acceptsRanges: Bool
}

extension RegistryClient {
    /// The URL that `text`, a URL or a path, means in a document at `base` (RFC 3986, 5.2).
    /// - Throws: a ``Failure`` of kind `configuration` for what is not an http or https URL, or holds a login.
    package static func url(_ text: String, relativeTo base: String) throws(Failure) -> String {
        try HTTPURL(text, relativeTo: HTTPURL(base)).text
    }

    /// What the server says of the file at `url`; nothing is fetched.
    /// - Throws: a ``Failure`` of kind `configuration` for what is not an http or https URL, `unavailable`
    ///   where there is no such file, `denied` where a login is needed, or for plain HTTP to a server
    ///   that was not named insecure.
    package func examine(url: String) async throws(Failure) -> RemoteFile {
        try await examine(url, attempts: nil)
    }

    /// What the first of the servers that has the file, in the order of `urls`, says of it.
    /// - Throws: the combined ``Failure`` of all, as of ``examine(url:)``.
    package func examine(urls: [String]) async throws(Failure) -> RemoteFile {
        var failures: [Failure] = []
        for (index, url) in urls.enumerated() {
            do throws(Failure) {
                // With others to ask, the first is not waited for long.
                let isLast = index == urls.count - 1
                return try await examine(url, attempts: isLast ? nil : min(2, web.settings.retry.attempts))
            } catch {
                guard [.unavailable, .denied].contains(error.kind) else { throw error }
                failures.append(error)
            }
        }
        throw AttemptError.combined(failures)
    }

    private func examine(_ url: String, attempts: Int?) async throws(Failure) -> RemoteFile {
        let address = try HTTPURL(url)
        var request = HTTPRequest(address: address)
        request.method = .head
        do throws(AttemptError) {
            var outcome = try await web.collect(
                request, as: access(address), item: "\(address)", artifact: "\(address)", attempts: attempts,
                accepting: [200, 403, 405, 501])
            if outcome.head?.status != 200 {
                // Some servers refuse HEAD, or sign URLs for GET only.
                request.method = .get
                request.headers.append(("Range", "bytes=0-0"))
                outcome = try await firstByte(request, address: address)
            }
            guard let head = outcome.head else { throw AttemptError.interrupted("\(address)") }
            let isPart = head.status == 206
            return RemoteFile(
                size: isPart ? head.range?.total : head.encoding == nil ? head.length : nil,
                tag: head["etag"],
                acceptsRanges: isPart || head["accept-ranges"]?.lowercased() == "bytes")
        } catch {
            throw error.failure
        }
    }

    /// Looks at the head of a GET, and leaves the body.
    private func firstByte(_ request: HTTPRequest, address: HTTPURL) async throws(AttemptError)
        -> HTTPResponse
    {
        let artifact = "\(address)"
        return try await web.persist(artifact, at: address.authority) { () throws(AttemptError) in
            let seen = Monitor<ResponseHead?>(nil)
            let unwanted = AttemptError(Failure(.fault, "fetch", artifact, because: "its body is not wanted"))
            do throws(AttemptError) {
                let outcome = try await web.attempt(
                    request, as: access(address), artifact: artifact
                ) { head in
                    seen.locked { $0 = head }
                    return .refuse(unwanted)
                }
                throw AttemptError(outcome, artifact: artifact)
            } catch {
                guard let head = seen.locked({ $0 }) else { throw error }
                return HTTPResponse(ending: .complete, head: head, address: address)
            }
        }
    }

    /// Fetches a file into `sink` from the first of `urls` that has it, going on at
    /// ``BlobSink/received``. After return the sink has finished, and so verified what it was asked to.
    /// - Parameter size: the size in bytes, where it is known: other lengths are refused at once.
    /// - Throws: a ``Failure`` as of ``fetch(_:of:into:)``.
    package func fetch(
        urls: [String], size: Int64? = nil, into sink: any BlobSink
    ) async throws(Failure) {
        var sources: [Source] = []
        for url in urls {
            let address = try HTTPURL(url)
            sources.append(
                Source(access: access(address), authority: address.authority) { () throws(AttemptError) in
                    address
                })
        }
        guard let first = urls.first else {
            throw Failure(.configuration, "fetch", "a file", because: "it has no URL")
        }
        let item = "\(try HTTPURL(first))"
        try await BlobDownload(web, item: item, artifact: item, size: size, into: sink).run(sources)
    }

    /// What events call a file of these URLs.
    package static func item(of urls: [String]) -> String {
        urls.first.flatMap { try? "\(HTTPURL($0))" } ?? ""
    }

    /// The bytes of a small file, a checksum list, from the first of `urls` that has it.
    /// - Throws: a ``Failure`` of kind `data` when it is larger than `limit` bytes; else as of
    ///   ``examine(url:)``.
    package func bytes(urls: [String], limit: Int) async throws(Failure) -> [UInt8] {
        let sink = MemorySink(expecting: nil, limit: Int64(limit))
        try await fetch(urls: urls, into: sink)
        return sink.bytes
    }

    private func access(_ address: HTTPURL) -> AccessScope {
        AccessScope(authority: address.authority, repository: "", actions: "")
    }
}
