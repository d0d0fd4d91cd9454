// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Where package managers keep their databases in an image, and where it says of which distribution it is.
enum KnownPaths {
    /// What a path holds.
    enum Kind: Equatable {
        case dpkg, apk, rpm
        /// SQLite's journal of an rpm database.
        case journal
        case osRelease

        var manager: PackageManager? {
            switch self {
            case .dpkg: .dpkg
            case .apk: .apk
            case .rpm: .rpm
            case .journal, .osRelease: nil
            }
        }
    }

    /// Each file is a package of its own; distroless images have it.
    private static let statusFolder = "var/lib/dpkg/status.d"
    private static let files: [String: Kind] = {
        var files: [String: Kind] = [
            "var/lib/dpkg/status": .dpkg, "lib/apk/db/installed": .apk, "usr/lib/apk/db/installed": .apk,
            "etc/os-release": .osRelease, "usr/lib/os-release": .osRelease,
        ]
        for folder in ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"] {
            for name in ["rpmdb.sqlite", "Packages.db", "Packages"] { files["\(folder)/\(name)"] = .rpm }
            files["\(folder)/rpmdb.sqlite-wal"] = .journal
        }
        return files
    }()
    /// The folders above them, each once.
    private static let above: Set<String> = {
        var above: Set<String> = []
        for path in files.keys + ["\(statusFolder)/x"] {
            var path = path[...]
            while let slash = path.lastIndex(of: "/") {
                path = path[..<slash]
                above.insert(String(path))
            }
        }
        return above
    }()
    private static let tops = Set(above.filter { !$0.contains("/") }.map { Array($0.utf8) })

    /// The path of a tar's entry below the root of the image, where it may be one of interest: a known file, a folder above
    /// one, or something in one of these. `nil` for all else, found fast: layers have tens of thousands of entries.
    static func path(of name: [UInt8]) -> String? {
        var start = 0
        while start < name.count, name[start] == 0x2F || name[start...].starts(with: [0x2E, 0x2F]) {
            start += name[start] == 0x2F ? 1 : 2
        }
        let rest = name[start...]
        guard tops.contains(Array(rest.prefix { $0 != 0x2F })) || rest.starts(with: ".wh.".utf8),
            rest.count < 4096
        else { return nil }
        let parts = rest.split(separator: 0x2F).filter { !$0.elementsEqual([0x2E]) }
        guard !parts.contains(where: { $0.elementsEqual([0x2E, 0x2E]) }) else { return nil }
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }

    /// What a file at `path` is; `nil` for what is of no interest.
    static func kind(of path: String) -> Kind? {
        if let kind = files[path] { return kind }
        guard path.hasPrefix(statusFolder + "/"), !path.hasSuffix(".md5sums"),
            !path.dropFirst(statusFolder.count + 1).contains("/")
        else { return nil }
        return .dpkg
    }

    /// Whether a known path is `path` or below it.
    static func leads(_ path: String) -> Bool { above.contains(path) || kind(of: path) != nil }
}
