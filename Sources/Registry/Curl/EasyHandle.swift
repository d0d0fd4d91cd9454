// SPDX-License-Identifier: Apache-2.0
internal import CCurl

/// One libcurl easy handle with all that belongs to it. Used on the engine's thread only.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let text = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    /// The first option that libcurl would not take.
    private(set) var refusal: CURLcode?

    init() {
        guard let pointer = curl_easy_init() else { fatalError("libcurl has no memory") }
        self.pointer = pointer
        text.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        set(CURLOPT_ERRORBUFFER, pointer: text)
    }

    deinit {
        curl_easy_cleanup(pointer)
        curl_slist_free_all(headers)
        text.deallocate()
    }

    func set(_ option: CURLoption, to value: Int) { check(sealift_setopt_long(pointer, option, value)) }
    func set(_ option: CURLoption, to value: Bool) { set(option, to: value ? 1 : 0) }
    func set(_ option: CURLoption, to value: String) { check(sealift_setopt_string(pointer, option, value)) }
    func set(_ option: CURLoption, pointer value: UnsafeMutableRawPointer) {
        check(sealift_setopt_pointer(pointer, option, value))
    }
    func set(_ option: CURLoption, copying bytes: [UInt8]) {
        check(bytes.withUnsafeBytes { sealift_setopt_blob(pointer, option, $0.baseAddress, $0.count) })
    }
    func set(_ option: CURLoption, large value: Int64) {
        check(sealift_setopt_off(pointer, option, curl_off_t(value)))
    }
    func set(_ option: CURLoption, callback: @escaping sealift_data_callback) {
        check(sealift_setopt_callback(pointer, option, callback))
    }
    func set(beforeRequest callback: @escaping curl_prereq_callback) {
        check(sealift_setopt_prerequest(pointer, callback))
    }

    func set(headers lines: [String]) {
        for line in lines { headers = curl_slist_append(headers, line) }
        if let headers { set(CURLOPT_HTTPHEADER, pointer: headers) }
    }

    /// What went wrong, in libcurl's words.
    func explain(_ code: CURLcode) -> String {
        let detail = String(cString: text)
        return detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    }

    /// The address of the other end of the connection.
    var peer: String {
        var value: UnsafeMutablePointer<CChar>?
        guard sealift_getinfo_string(pointer, CURLINFO_PRIMARY_IP, &value) == CURLE_OK, let value else {
            return ""
        }
        return String(cString: value)
    }

    /// The server's certificate; `nil` over plain HTTP, and where the connection was there before.
    var certificate: ServerCertificate? {
        func field(_ name: String) -> String? {
            sealift_certificate_field(pointer, name).map { String(cString: $0) }
        }
        guard let pem = field("Cert") else { return nil }
        return ServerCertificate(subject: field("Subject") ?? "", issuer: field("Issuer") ?? "", pem: pem)
    }

    /// The port of the other end of the connection.
    var peerPort: Int { number(CURLINFO_PRIMARY_PORT) }

    /// What a proxy answered when it was asked for a tunnel; 0 where none was asked.
    var tunnelStatus: Int { number(CURLINFO_HTTP_CONNECTCODE) }

    /// The certificates that the server has shown, its own first; empty unless they were asked for.
    var certificates: [ShownCertificate] {
        var value: UnsafeMutableRawPointer?
        guard sealift_getinfo_pointer(pointer, CURLINFO_CERTINFO, &value) == CURLE_OK, let value else {
            return []
        }
        let info = value.assumingMemoryBound(to: curl_certinfo.self).pointee
        guard let lists = info.certinfo else { return [] }
        return (0..<max(0, min(Int(info.num_of_certs), 10))).map { index in
            var lines: [String] = []
            var next = lists[index]
            while let line = next?.pointee {
                lines.append(String(cString: line.data))
                next = line.next
            }
            return ShownCertificate(lines)
        }
    }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        return sealift_getinfo_long(pointer, info, &value) == CURLE_OK ? value : 0
    }

    private func check(_ code: CURLcode) {
        if code != CURLE_OK, refusal == nil { refusal = code }
    }
}

extension TransportError {
    /// What libcurl's result means.
    /// - Parameter tunnelStatus: what a proxy answered when it was asked for a tunnel, or 0.
    init(_ code: CURLcode, text: String, tunnelStatus: Int = 0) {
        self.text = text
        if tunnelStatus >= 300 {
            cause = .proxy(status: tunnelStatus)
            return
        }
        // libcurl quotes what it could not read, with the password in it.
        if text.hasPrefix("Unsupported proxy") {
            self.text = text.contains("scheme") ? "its scheme is not one of a proxy" : "it is not an address"
            cause = .malformedProxy
            return
        }
        // Only in words does OpenSSL tell that the server ended it for want of a certificate.
        if text.contains("alert certificate required") || text.contains("alert bad certificate")
            || text.contains("alert unknown ca")
        {
            cause = .certificateWanted
            return
        }
        // As OpenSSL words what comes of HTTP that it reads as TLS, and libcurl of TLS that it reads as HTTP.
        if code == CURLE_SSL_CONNECT_ERROR,
            ["wrong version number", "http request", "packet length too long"].contains(where: text.contains)
        {
            cause = .plainServer
            return
        }
        if text.contains("HTTP/0.9") {
            cause = .secureServer
            return
        }
        cause =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST: .unresolvable
            case CURLE_COULDNT_RESOLVE_PROXY: .unresolvableProxy
            case CURLE_COULDNT_CONNECT: .unreachable
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR: .certificate
            case CURLE_SSL_CACERT_BADFILE: .authorities
            case CURLE_SSL_CERTPROBLEM: .ownCertificate
            case CURLE_SSL_CONNECT_ERROR: .handshake
            case CURLE_OPERATION_TIMEDOUT: .stalled
            case CURLE_ABORTED_BY_CALLBACK: .localPeer
            case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
                CURLE_HTTP2_STREAM, CURLE_SEND_FAIL_REWIND:
                .interrupted
            default: .other
            }
    }
}
