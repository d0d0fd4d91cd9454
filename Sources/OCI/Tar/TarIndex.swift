// SPDX-License-Identifier: Apache-2.0

/// Where the files of an uncompressed tar are. Only headers are read; contents are passed over.
struct TarIndex: Sendable {
    private enum Member {
        case file(offset: Int64, size: Int64)
        case link(target: String)
        case other(TarHeader.Kind)
    }
    /// No honest archive has more; a tar made to fill the memory has.
    private static let mostMembers = 200_000

    /// The archive's path, for errors.
    let path: String
    private let file: File
    private var members: [String: Member] = [:]

    /// Reads all headers of `file`; `path` names it in errors.
    /// - Throws: a ``Failure`` of kind `data` for what is not a tar, or has a file twice.
    init(_ file: File, path: String) throws(Failure) {
        self.file = file
        self.path = path
        var reader = TarReader(file.stream(count: try file.size()), artifact: path, keepsTrailer: false)
        while let entry = try reader.next() {
            let header = entry.header
            if header.kind == .directory { continue }
            guard let name = Self.normalized(header.name, from: []) else { continue }
            let member: Member =
                switch header.kind {
                case .file: .file(offset: entry.offset, size: header.size)
                case .symlink, .hardLink: .link(target: Self.target(of: header) ?? "")
                default: .other(header.kind)
                }
            guard members.updateValue(member, forKey: name) == nil else {
                throw refuse("\(header.shownName) is there twice")
            }
            guard members.count <= Self.mostMembers else {
                throw refuse("it has more than \(Self.mostMembers) members")
            }
        }
    }

    /// Where the file's bytes are.
    /// - Parameter followingLink: take a link for the file that it names, once and inside the tar.
    func region(of name: String, followingLink: Bool = false) throws(Failure) -> Region {
        switch members[name] {
        case .file(let offset, let size): return Region(file: file, offset: offset, count: size)
        case .link(let target) where followingLink:
            guard case .file = members[target] else { throw refuse("\(name) links to no file in it") }
            return try region(of: target)
        case .link: throw refuse("\(name) is a link")
        case .other(let kind): throw refuse("\(name) is a \(kind)")
        case nil:
            throw Failure(
                .input, "find \(name.prefix(200)) in", path, because: "there is no such member",
                remedy: "have the archive made again, and check the form that the spec gives")
        }
    }

    /// Symbolic links count from their folder, hard links from the top.
    private static func target(of header: TarHeader) -> String? {
        let folder = header.kind == .symlink ? Array(parts(header.name).dropLast()) : []
        return normalized(header.linkName, from: folder)
    }

    private static func parts(_ name: [UInt8]) -> [Substring] {
        String(decoding: name, as: UTF8.self).split(separator: "/").filter { $0 != "." }
    }

    /// The name without `.` and `..`; `nil` for one that is absolute, leads out, or is no UTF-8: no caller asks
    /// for it.
    private static func normalized(_ name: [UInt8], from folder: [Substring]) -> String? {
        guard name.first != UInt8(ascii: "/"), String(validating: name, as: UTF8.self) != nil else {
            return nil
        }
        var path = folder
        for part in parts(name) {
            if part != ".." { path.append(part) } else if path.popLast() == nil { return nil }
        }
        return path.joined(separator: "/")
    }

    private func refuse(_ reason: String) -> Failure { ArchiveFiles.tar(self).refuse(reason) }
}
