// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import OCI

/// A client that sends what it likes and reads when it likes. Each call runs on a thread of its own and ends within
/// 20 s.
final class RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to `port` of this host.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Failure.system("connect to", artifact: "\(port)") }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    /// Sends all of `text`; `false` where the server has closed.
    @discardableResult
    func send(_ text: String) async throws -> Bool {
        try await onThread { [descriptor] in
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return false }
                bytes = bytes.dropFirst(count)
            }
            return true
        }
    }

    /// Says that nothing more is sent.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The number of bytes that the server sends until it closes.
    func count() async throws -> Int {
        try await onThread { [descriptor] in
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            var total = 0
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { total += count }
            return total
        }
    }

    /// What the server sends until it closes, or until `text` is among it.
    func receive(until text: String? = nil) async throws -> String {
        try await onThread { [descriptor] in
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count <= 0 { break }
                received += buffer[..<count]
                if let text, String(decoding: received, as: UTF8.self).contains(text) { break }
            }
            return String(decoding: received, as: UTF8.self)
        }
    }
}
