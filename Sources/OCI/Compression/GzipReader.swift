// SPDX-License-Identifier: Apache-2.0
internal import CISAL

/// Inflates gzip (RFC 1952), any number of members, with ISA-L.
final class GzipReader: ByteStream {
    private static let inputSize = 1 << 17

    private var upstream: any ByteStream
    private let artifact: String
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputSize, alignment: 64)
    private var inputEnded = false
    /// The header that is being read: it may come in any pieces, and ISA-L's own copy does not outlast a call.
    private let header = UnsafeMutablePointer<isal_gzip_header>.allocate(capacity: 1)
    private var inHeader = false
    private var betweenMembers = true
    private var members = 0

    init(_ upstream: any ByteStream, artifact: String) {
        self.upstream = upstream
        self.artifact = artifact
        isal_inflate_init(state)
    }

    deinit {
        input.deallocate()
        state.deallocate()
        header.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        let wanted = UInt32(clamping: buffer.count)
        state.pointee.next_out = base.assumingMemoryBound(to: UInt8.self)
        state.pointee.avail_out = wanted
        // A reader that is handed some bytes soon can work on them while the next ones are inflated.
        while state.pointee.avail_out == wanted {
            if state.pointee.avail_in == 0, !inputEnded { try refill() }
            if betweenMembers {
                if state.pointee.avail_in == 0 { return 0 }
                startMember()
            }
            let before = state.pointee.avail_in
            if inHeader {
                let code = isal_read_gzip_header(state, header)
                try check(code)
                inHeader = code != ISAL_DECOMP_OK
                if inHeader, inputEnded, before == 0 { throw refuse("its gzip data ends too early") }
                continue
            }
            try check(isal_inflate(state))
            if state.pointee.block_state == ISAL_BLOCK_FINISH {
                betweenMembers = true
            } else if inputEnded, before == 0, state.pointee.avail_out == wanted {
                throw refuse("its gzip data ends too early")
            }
        }
        return Int(wanted - state.pointee.avail_out)
    }

    private func refill() throws(Failure) {
        let count = try upstream.read(into: input)
        inputEnded = count == 0
        state.pointee.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
        state.pointee.avail_in = UInt32(count)
    }

    private func startMember() {
        isal_inflate_reset(state)
        isal_gzip_header_init(header)
        state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
        (betweenMembers, inHeader) = (false, true)
        members += 1
    }

    private func check(_ code: Int32) throws(Failure) {
        if code == ISAL_DECOMP_OK || code == ISAL_END_INPUT { return }
        if code == ISAL_INCORRECT_CHECKSUM { throw refuse("the checksum of its gzip data is wrong") }
        let wrapper = code == ISAL_INVALID_WRAPPER || code == ISAL_UNSUPPORTED_METHOD
        throw refuse(
            wrapper && members > 1 ? "something else follows its gzip data" : "its gzip data is damaged")
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .data, "unpack", artifact, because: reason,
            remedy: "fetch or copy it again; if it stays so, the source itself is damaged")
    }
}
