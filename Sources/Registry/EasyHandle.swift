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

    func set(_ option: CURLoption, _ value: Int) { check(sealift_setopt_long(pointer, option, value)) }
    func set(_ option: CURLoption, _ value: Bool) { set(option, value ? 1 : 0) }
    func set(_ option: CURLoption, _ value: String) { check(sealift_setopt_string(pointer, option, value)) }
    func set(_ option: CURLoption, pointer value: UnsafeMutableRawPointer) {
        check(sealift_setopt_pointer(pointer, option, value))
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

    private func check(_ code: CURLcode) {
        if code != CURLE_OK, refusal == nil { refusal = code }
    }
}

extension TransportError {
    /// What libcurl's result means.
    init(_ code: CURLcode, _ text: String) {
        self.text = text
        cause =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unresolvable
            case CURLE_COULDNT_CONNECT: .unreachable
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
                CURLE_SSL_CERTPROBLEM:
                .certificate
            case CURLE_SSL_CONNECT_ERROR: .handshake
            case CURLE_OPERATION_TIMEDOUT: .stalled
            case CURLE_ABORTED_BY_CALLBACK: .localPeer
            case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
                CURLE_HTTP2_STREAM:
                .interrupted
            default: .other
            }
    }
}
