// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The names that this host gives to owners, each asked for once.
final class AccountNames {
    private var users: [UInt32: [UInt8]] = [:]
    private var groups: [UInt32: [UInt8]] = [:]
    // The calls with `_r`: other threads may ask at the same time.
    private let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 1 << 16)

    deinit { buffer.deallocate() }

    /// The names of a user and a group; empty where the host knows none.
    func names(_ uid: UInt32, _ gid: UInt32) -> ([UInt8], [UInt8]) {
        let user = users[uid] ?? userName(uid)
        let group = groups[gid] ?? groupName(gid)
        users[uid] = user
        groups[gid] = group
        return (user, group)
    }

    private func userName(_ uid: UInt32) -> [UInt8] {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        getpwuid_r(uid, &entry, buffer.baseAddress!, buffer.count, &found)
        return Self.bytes(found?.pointee.pw_name)
    }

    private func groupName(_ gid: UInt32) -> [UInt8] {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        getgrgid_r(gid, &entry, buffer.baseAddress!, buffer.count, &found)
        return Self.bytes(found?.pointee.gr_name)
    }

    private static func bytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8] {
        text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    }
}
