// SPDX-License-Identifier: Apache-2.0
package import OCI

extension FileNode {
    /// Mode, owner and time.
    package struct Attributes: Sendable, Equatable {
        /// Time of modification.
        package var time: Folder.Time
        /// The 07777 bits.
        package var mode: UInt32
        /// The owner's number.
        package var uid: UInt32
        /// The group's number.
        package var gid: UInt32
        /// What a layer calls owners that are not root; files share it.
        private var names: OwnerNames?

        /// Attributes whose names follow from the numbers: `root` for 0, else none.
        package init(mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, time: Folder.Time = .init(seconds: 0)) {
            self.mode = mode
            self.uid = uid
            self.gid = gid
            self.time = time
        }

        /// What a tar says of an entry; `names` are those of its owners.
        init(_ header: TarHeader, names: OwnerNames?) {
            self.init(
                mode: header.mode, uid: header.uid, gid: header.gid,
                time: .init(seconds: header.mtime, nanoseconds: header.nanoseconds))
            self.names = names
        }

        /// The owner's name in a layer's tar: `root` for 0, else what the layer that the file came from says.
        package var userName: [UInt8] { uid == 0 ? Self.root : names?.user ?? [] }

        /// The group's name.
        package var groupName: [UInt8] { gid == 0 ? Self.root : names?.group ?? [] }

        private static let root = Array("root".utf8)

        package static func == (one: Self, other: Self) -> Bool {
            one.mode == other.mode && one.uid == other.uid && one.gid == other.gid && one.time == other.time
                && one.userName == other.userName && one.groupName == other.groupName
        }
    }
}

/// What a layer calls the owners of files.
final class OwnerNames: Sendable, Hashable {
    let user: [UInt8]
    let group: [UInt8]

    private init(user: [UInt8], group: [UInt8]) {
        self.user = user
        self.group = group
    }

    /// The names that `header` has for owners that are not root, out of `known` where they are there; `nil` for none.
    static func of(_ header: TarHeader, among known: inout Set<OwnerNames>) -> OwnerNames? {
        let user = header.uid == 0 ? [] : header.userName
        let group = header.gid == 0 ? [] : header.groupName
        if user.isEmpty && group.isEmpty { return nil }
        return known.insert(OwnerNames(user: user, group: group)).memberAfterInsert
    }

    static func == (one: OwnerNames, other: OwnerNames) -> Bool {
        one.user == other.user && one.group == other.group
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(user)
        hasher.combine(group)
    }
}
