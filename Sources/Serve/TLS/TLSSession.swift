// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Glibc
internal import NIOCore

/// One TLS connection of OpenSSL, whose records come from and go to buffers: it never touches a socket.
///
/// Used by one thread at a time. Since writing a record always succeeds at once, only reading can be incomplete.
final class TLSSession {
    /// What a step came to.
    enum Step {
        case done
        /// More bytes of the client are needed.
        case incomplete
        /// The client has said that it sends no more.
        case closed
        /// The connection is beyond use; an alert for the client may be in ``takeRecords()``.
        case failed(String)
    }

    private let connection: OpaquePointer
    /// Records of the client that OpenSSL has not read.
    fileprivate var received = ByteBuffer()
    /// Records for the client.
    fileprivate var records = ByteBuffer()
    private var failed = false

    /// Takes over `connection`.
    init?(connection: OpaquePointer) {
        self.connection = connection
        guard let method = recordMethod, let bio = BIO_new(method) else {
            SSL_free(connection)
            return nil
        }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_bio(connection, bio, bio)
        SSL_set_accept_state(connection)
    }

    deinit { SSL_free(connection) }

    /// Whether anything waits in ``takeRecords()``.
    var hasRecords: Bool { records.readableBytes > 0 }

    /// The records for the client since the last call.
    func takeRecords() -> ByteBuffer {
        defer { records = ByteBuffer() }
        return records
    }

    /// Takes in records of the client.
    func receive(_ bytes: ByteBuffer) {
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeImmutableBuffer(bytes)
        }
    }

    /// Continues with the handshake.
    func handshake() -> Step {
        ERR_clear_error()
        return step(SSL_do_handshake(connection))
    }

    /// Decrypts all that is there behind the end of `bytes`.
    func read(into bytes: inout ByteBuffer) -> Step {
        while true {
            ERR_clear_error()
            var count = 0
            let room = max(received.readableBytes, 4096)
            let result = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                count = Int(SSL_read(connection, space.baseAddress, Int32(min(space.count, 1 << 20))))
                return max(0, count)
            }
            if result > 0 { continue }
            return step(Int32(count))
        }
    }

    /// Encrypts `bytes` into records.
    func write(_ bytes: ByteBuffer) -> Step {
        var step = Step.done
        let size = bytes.readableBytes
        records.reserveCapacity(minimumWritableBytes: size + (size / Self.largestRecord + 1) * Self.overhead)
        bytes.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty, case .done = step {
                ERR_clear_error()
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                let count = SSL_write(connection, part.baseAddress, Int32(part.count))
                if count > 0 { rest = rest.dropFirst(Int(count)) } else { step = self.step(count) }
            }
        }
        return step
    }

    /// Puts the close_notify alert among the records.
    func close() {
        guard !failed, SSL_in_init(connection) == 0 else { return }
        ERR_clear_error()
        _ = SSL_shutdown(connection)
    }

    private static let largestRecord = 16384
    /// No cipher of ours adds more to a record.
    private static let overhead = 64

    private func step(_ result: Int32) -> Step {
        if result > 0 { return .done }
        switch SSL_get_error(connection, result) {
        case SSL_ERROR_WANT_READ: return .incomplete
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            failed = true
            return .failed(OpenSSLError.reason())
        }
    }
}

/// OpenSSL's way to the buffers of a ``TLSSession``. Source: BIO_meth_new(3).
nonisolated(unsafe) private let recordMethod: OpaquePointer? = {
    let kind = BIO_get_new_index()
    guard kind != -1, let method = BIO_meth_new(kind | BIO_TYPE_SOURCE_SINK, "buffers") else { return nil }
    BIO_meth_set_create(method) { bio in
        BIO_set_init(bio, 1)
        return 1
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    BIO_meth_set_read(method) { bio, space, size in
        guard let bio, let session = session(of: bio), let space, size > 0 else { return -1 }
        sealift_bio_clear_retry(bio)
        let count = session.received.readWithUnsafeReadableBytes { bytes in
            let count = min(bytes.count, Int(size))
            if count > 0, let base = bytes.baseAddress { memcpy(space, base, count) }
            return count
        }
        if count == 0 {
            sealift_bio_retry_read(bio)
            return -1
        }
        return Int32(count)
    }
    BIO_meth_set_write(method) { bio, bytes, size in
        guard let bio, let session = session(of: bio), let bytes, size > 0 else { return -1 }
        sealift_bio_clear_retry(bio)
        session.records.writeBytes(UnsafeRawBufferPointer(start: bytes, count: Int(size)))
        return size
    }
    return method
}()

private func session(of bio: OpaquePointer) -> TLSSession? {
    BIO_get_data(bio).map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
}
