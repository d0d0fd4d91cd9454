// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import Glibc
internal import OCI

/// One request under way: its easy handle, what has arrived, and where it goes. Lives on the engine's
/// thread; libcurl's callbacks find it by the pointer that they were given.
final class Transfer {
    let job: TransferEngine.Job
    let handle = EasyHandle()
    private(set) var isPaused = false
    private let writers: SinkWriters
    private let proxyPort: Int?
    private var head: ResponseHead?
    private var disposition: BodyDisposition?
    private var collected: [UInt8] = []
    private var overflowed = false
    private var refusal: AttemptError?
    private var buffer: Buffer?
    private var sent = 0

    init(_ job: TransferEngine.Job, options: TransferEngine.Options, writers: SinkWriters) {
        self.job = job
        self.writers = writers
        proxyPort = options.proxies.port(job.request.address.scheme)
        let me = Unmanaged.passUnretained(self).toOpaque()
        handle.set(CURLOPT_PRIVATE, pointer: me)
        setTransport(options)
        setMethod()
        handle.set(CURLOPT_HEADERDATA, pointer: me)
        handle.set(CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
            Transfer.find(me).receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        handle.set(CURLOPT_WRITEDATA, pointer: me)
        handle.set(CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
            Transfer.find(me).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        guard job.request.refusesLocalPeer else { return }
        handle.set(CURLOPT_PREREQDATA, pointer: me)
        handle.set { me, address, _, port, _ in
            // A proxy may well be on this host.
            if Transfer.find(me).isProxy(port: Int(port)) { return CURL_PREREQFUNC_OK }
            let isLocal = address.map { HTTPURL.isLocal(address: String(cString: $0)) } ?? true
            return isLocal ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK
        }
    }

    private static func find(_ pointer: UnsafeMutableRawPointer?) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(pointer!).takeUnretainedValue()
    }

    /// Whether the other end is the proxy. A server that points to that very port of another host gains nothing.
    private func isProxy(port: Int) -> Bool { port == proxyPort }

    /// Whether libcurl has HTTP/2; one without it refuses to be asked for it. The features are in every version of the struct.
    private static let hasHTTP2 =
        curl_version_info(CURLVERSION_FIRST).pointee.features & CURL_VERSION_HTTP2 != 0

    private func setTransport(_ options: TransferEngine.Options) {
        let request = job.request
        handle.set(CURLOPT_URL, to: request.address.text)
        handle.set(CURLOPT_PROTOCOLS_STR, to: "http,https")
        handle.set(CURLOPT_HTTP_VERSION, to: Self.hasHTTP2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
        handle.set(CURLOPT_NOSIGNAL, to: true)
        handle.set(CURLOPT_FOLLOWLOCATION, to: false)
        handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, to: true)
        handle.set(CURLOPT_TCP_KEEPALIVE, to: true)
        handle.set(CURLOPT_BUFFERSIZE, to: 256 << 10)
        handle.set(CURLOPT_USERAGENT, to: options.userAgent)
        handle.set(CURLOPT_PROXY, to: options.proxies.proxy(request.address.scheme))
        handle.set(CURLOPT_NOPROXY, to: options.proxies.exceptions(for: request.address))
        if let authorities = request.trust.authorities {
            handle.set(CURLOPT_CAINFO_BLOB, copying: authorities)
        } else {
            handle.set(CURLOPT_CAINFO, to: options.authorities)
        }
        handle.set(CURLOPT_CERTINFO, to: true)
        handle.set(CURLOPT_SSL_VERIFYPEER, to: request.verifiesServer)
        handle.set(CURLOPT_SSL_VERIFYHOST, to: request.verifiesServer ? 2 : 0)
        if let certificate = request.trust.certificate { handle.set(CURLOPT_SSLCERT, to: certificate) }
        if let key = request.trust.key { handle.set(CURLOPT_SSLKEY, to: key) }
        // Else OpenSSL would ask for the password of a key at the terminal.
        handle.set(CURLOPT_KEYPASSWD, to: "")
        handle.set(CURLOPT_CONNECTTIMEOUT_MS, to: options.connectTime.milliseconds)
        handle.set(CURLOPT_LOW_SPEED_LIMIT, to: options.slowestSpeed)
        handle.set(
            CURLOPT_LOW_SPEED_TIME, to: max(1, (request.patience ?? options.patience).milliseconds / 1000))
    }

    private func setMethod() {
        let request = job.request
        var lines = ["Accept-Encoding: identity"] + request.headers.map { "\($0.name): \($0.value)" }
        switch request.body {
        case .none where request.method == .head: handle.set(CURLOPT_NOBODY, to: true)
        case .none where request.method == .get: handle.set(CURLOPT_HTTPGET, to: true)
        case .none, .bytes:
            handle.set(CURLOPT_UPLOAD, to: true)
            setSource(length: Int64(bodyBytes.count))
        case .stream(let feed):
            handle.set(CURLOPT_UPLOAD, to: true)
            setSource(length: feed.length)
        }
        // Not waiting for "100 Continue": a second is lost at servers that never send it.
        lines.append("Expect:")
        handle.set(CURLOPT_CUSTOMREQUEST, to: request.method.rawValue)
        handle.set(headers: lines)
    }

    private func setSource(length: Int64) {
        handle.set(CURLOPT_INFILESIZE_LARGE, large: length)
        if length > 64 << 10 { handle.set(CURLOPT_UPLOAD_BUFFERSIZE, to: 256 << 10) }
        handle.set(CURLOPT_READDATA, pointer: Unmanaged.passUnretained(self).toOpaque())
        handle.set(CURLOPT_READFUNCTION) { bytes, size, count, me in
            Transfer.find(me).send(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
    }

    private var bodyBytes: [UInt8] { if case .bytes(let bytes) = job.request.body { bytes } else { [] } }

    /// Gives libcurl the next bytes of the request's body.
    private func send(_ target: UnsafeMutableRawBufferPointer) -> Int {
        guard case .stream(let feed) = job.request.body else {
            let piece = bodyBytes.dropFirst(sent).prefix(target.count)
            target.copyBytes(from: piece)
            sent += piece.count
            return piece.count
        }
        switch feed.take(into: target) {
        case .bytes(let count): return count
        case .later:
            isPaused = true
            return Int(CURL_READFUNC_PAUSE)
        case .failed(let failure):
            refusal = AttemptError(failure, elsewhere: false)
            return Int(CURL_READFUNC_ABORT)
        }
    }

    private func receiveHeader(_ bytes: UnsafeRawBufferPointer) {
        // A trailer comes after the body, when all is decided.
        guard disposition == nil else { return }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            let status = line.split(separator: " ", maxSplits: 2).dropFirst().first
            head = ResponseHead(status: status.flatMap { Int($0.prefix(3)) } ?? 0)
        } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let value = line[line.utf8.index(after: colon)...]
            let isSpace: (Character) -> Bool = { $0.isWhitespace }
            let trimmed = value.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
            head?.fields.append((line[..<colon].lowercased(), String(trimmed)))
        }
    }

    /// Takes a piece of the answer's body: all of it, or, asking libcurl to pause, nothing.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        decide()
        switch disposition {
        case .deliver: return deliver(bytes)
        case .collect where collected.count + bytes.count <= job.request.limit:
            collected.append(contentsOf: bytes)
            return bytes.count
        case .collect:
            overflowed = true
            return 0
        case .refuse, nil: return 0
        }
    }

    private func decide() {
        guard disposition == nil, let head else { return }
        let chosen = job.decide(head)
        disposition = chosen
        switch chosen {
        case .collect: break
        case .refuse(let setback): refusal = setback
        case .deliver(let restart):
            if restart, let channel = job.channel { writers.submit(.restart, to: channel) }
        }
    }

    private func deliver(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let channel = job.channel else { return 0 }
        guard bytes.count > 0 else { return 0 }
        guard let current = buffer ?? writers.buffer(for: channel) else { return pause() }
        buffer = current
        if bytes.count > current.room {
            // Nothing may be left over: libcurl gives the same piece again after a pause.
            guard let next = writers.buffer(for: channel) else {
                flush()
                return pause()
            }
            let rest = current.fill(bytes)
            if flush() != nil { return 0 }
            _ = next.fill(rest)
            buffer = next
        } else {
            _ = current.fill(bytes)
        }
        return bytes.count
    }

    private func pause() -> Int {
        isPaused = true
        return Int(CURL_WRITEFUNC_PAUSE)
    }

    /// Resumes it after a pause.
    func resume() {
        isPaused = false
        curl_easy_pause(handle.pointer, CURLPAUSE_CONT)
    }

    /// Hands over what was gathered.
    @discardableResult private func flush() -> Failure? {
        guard let channel = job.channel, let buffer else { return nil }
        self.buffer = nil
        let failure = writers.submit(.append(buffer), to: channel)
        if let failure { refusal = AttemptError(failure, elsewhere: failure.kind == .data) }
        return failure
    }

    /// The sink's failure, known before the next bytes come.
    var sinkHasFailed: Bool { job.channel.flatMap { writers.failure(of: $0) } != nil }

    /// Ends it: what was gathered is handed over, and the waiting task resumes.
    func finish(_ result: CURLcode?) {
        if result == CURLE_OK { decide() }
        flush()
        if case .stream(let feed) = job.request.body { feed.abandon() }
        let ending: HTTPResponse.Ending
        if let refusal {
            ending = .refused(refusal)
        } else if overflowed, let status = head?.status, status < 300 {
            ending = .refused(
                AttemptError(
                    Failure(
                        .data, "fetch", "\(job.request.address)",
                        because: "it has more than \(job.request.limit) bytes")))
        } else if let result {
            let isComplete = result == CURLE_OK || overflowed
            ending =
                isComplete
                ? .complete
                : .broken(
                    TransportError(result, text: handle.explain(result), tunnelStatus: handle.tunnelStatus))
        } else {
            ending = .cancelled
        }
        job.continuation.resume(
            returning: HTTPResponse(
                ending: ending, head: head, body: collected,
                peer: isProxy(port: handle.peerPort) ? "" : handle.peer, certificate: handle.certificate,
                address: job.request.address,
                certificates: job.request.wantsCertificates ? handle.certificates : [],
                secrets: job.request.secrets))
    }
}
