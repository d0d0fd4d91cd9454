// SPDX-License-Identifier: Apache-2.0

/// One entry of a tar: what it is called and what it is, without its content.
///
/// Source: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header".
package struct TarHeader: Sendable, Hashable {
    /// What an entry represents; the raw value is the ustar type flag.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// A regular file: the one kind that has content.
        case file = 0x30
        /// Another name of an earlier entry, ``TarHeader/linkName``.
        case hardLink = 0x31
        /// A symbolic link to ``TarHeader/linkName``.
        case symlink = 0x32
        /// A character device.
        case characterDevice = 0x33
        /// A block device.
        case blockDevice = 0x34
        /// A directory.
        case directory = 0x35
        /// A named pipe.
        case fifo = 0x36
    }

    /// The name as bytes; nothing is promised about them when they come from a tar of others.
    package var name: [UInt8]
    /// The kind.
    package var kind: Kind
    /// Permission bits, set-id and sticky bits: 0 to 07777.
    package var mode: UInt32
    /// The owner's number.
    package var uid: UInt32
    /// The group's number.
    package var gid: UInt32
    /// The content's size in bytes; 0 for every kind but ``Kind/file``.
    package var size: Int64
    /// Time of modification, whole seconds since 1970, rounded down.
    package var mtime: Int64
    /// The rest of the time of modification, 0 to 999 999 999 ns; read, never written.
    package var nanoseconds: Int32
    /// Target of a link.
    package var linkName: [UInt8]
    /// The owner's name, or empty.
    package var userName: [UInt8]
    /// The group's name, or empty.
    package var groupName: [UInt8]
    /// Major number of a device.
    package var deviceMajor: UInt32
    /// Minor number of a device.
    package var deviceMinor: UInt32

    /// Creates the header of an entry; what is left out is zero or empty.
    package init(
        name: [UInt8], kind: Kind = .file, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, size: Int64 = 0,
        mtime: Int64 = 0, nanoseconds: Int32 = 0, linkName: [UInt8] = [], userName: [UInt8] = [],
        groupName: [UInt8] = [], deviceMajor: UInt32 = 0, deviceMinor: UInt32 = 0
    ) {
        self.name = name
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.size = size
        self.mtime = mtime
        self.nanoseconds = nanoseconds
        self.linkName = linkName
        self.userName = userName
        self.groupName = groupName
        self.deviceMajor = deviceMajor
        self.deviceMinor = deviceMinor
    }

    /// The name for an error: its first 200 bytes, escaped.
    package var shownName: String { String(displaying: name.prefix(200)) }
}

/// The tar's block: headers are one block, content is padded to a multiple of it.
package enum TarBlock {
    /// 512 bytes.
    package static let size = 512

    /// How many zero bytes follow content of `size` bytes: 0 to 511.
    package static func padding(after size: Int64) -> Int { Int((512 - size % 512) % 512) }

    /// Whether a tar may begin with these bytes, its first block: a header, or the end of an empty tar.
    package static func mayBegin(_ bytes: [UInt8]) -> Bool {
        if bytes.allSatisfy({ $0 == 0 }) { return true }
        guard bytes.count == size else { return false }
        let fault = Failure(.data, "read the tar", "", because: "it has no header")
        return (try? TarBlockParser(bytes).verifyChecksum({ _ in fault })) != nil
    }

    /// The two zero blocks that end a tar.
    package static let end = [UInt8](repeating: 0, count: 1024)
}
