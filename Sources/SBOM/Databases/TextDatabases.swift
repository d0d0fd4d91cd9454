// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A list of packages in lines of text, a paragraph each.
protocol TextDatabase {
    /// Begins with an empty list.
    init(list: PackageList)
    /// The packages so far.
    var list: PackageList { get }
    /// Takes a line; one that ends a paragraph finishes its package.
    mutating func take(_ line: ArraySlice<UInt8>) throws(Failure)
    /// Takes the package of the last paragraph.
    mutating func finish() throws(Failure)
}

extension TextDatabase {
    /// Reads a whole file.
    /// - Throws: a ``Failure`` where the stream fails, or where it has too many packages.
    static func packages(
        of stream: inout some ByteStream, into list: PackageList
    ) throws(Failure) -> [InstalledPackage] {
        var database = Self(list: list)
        try LineReader.read(&stream) { (line) throws(Failure) in try database.take(line) }
        try database.finish()
        return database.list.packages
    }
}

/// dpkg's list of packages: `var/lib/dpkg/status`, and the files of `status.d`, which distroless images have.
///
/// Source: deb-control(5) and dpkg(1), "package states".
struct DpkgStatus: TextDatabase {
    private(set) var list: PackageList
    private var fields: [String: String] = [:]
    private static let wanted: Set<String> = ["package", "version", "architecture", "source", "status"]

    init(list: PackageList) { self.list = list }

    mutating func take(_ line: ArraySlice<UInt8>) throws(Failure) {
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return try finish() }
        // A line that begins with a space continues the field above, none of which is wanted here.
        guard line.first != 0x20, line.first != 0x09, let colon = line.firstIndex(of: UInt8(ascii: ":"))
        else {
            return
        }
        let name = String(displaying: line[line.startIndex..<colon]).lowercased()
        guard Self.wanted.contains(name) else { return }
        fields[name] = String(displaying: line[(colon + 1)...]).trimmed
    }

    /// Takes the paragraph, if it is of an installed package: files of `status.d` have no status.
    mutating func finish() throws(Failure) {
        defer { fields.removeAll(keepingCapacity: true) }
        let state = fields["status"].map { $0.split(separator: " ").last.map(String.init) ?? "" }
        guard let name = fields["package"], let version = fields["version"], !name.isEmpty,
            state == nil || ["installed", "triggers-awaited", "triggers-pending"].contains(state)
        else { return }
        // `glibc (2.36-9)` where the version differs too.
        let source = fields["source"].flatMap { $0.split(separator: " ").first.map(String.init) } ?? ""
        try list.append(
            InstalledPackage(
                name: name, version: version, architecture: fields["architecture"] ?? "", source: source))
    }
}

/// apk's list of packages: `lib/apk/db/installed`.
///
/// Source: Alpine Linux, "Apk spec", "Installed database V2".
struct ApkInstalled: TextDatabase {
    private(set) var list: PackageList
    private var fields: [UInt8: String] = [:]

    init(list: PackageList) { self.list = list }

    mutating func take(_ line: ArraySlice<UInt8>) throws(Failure) {
        guard let key = line.first else { return try finish() }
        guard line.dropFirst().first == UInt8(ascii: ":"), "PVALo".utf8.contains(key) else { return }
        fields[key] = String(displaying: line.dropFirst(2)).trimmed
    }

    mutating func finish() throws(Failure) {
        defer { fields.removeAll(keepingCapacity: true) }
        func field(_ key: Character) -> String { fields[key.asciiValue!] ?? "" }
        guard !field("P").isEmpty, !field("V").isEmpty else { return }
        try list.append(
            InstalledPackage(
                name: field("P"), version: field("V"), architecture: field("A"), license: field("L"),
                source: field("o")))
    }
}

/// The distribution of an image: `ID` and `VERSION_ID` of os-release(5).
struct OSRelease: Sendable, Hashable {
    var id = ""
    var version = ""

    /// Of an unknown distribution.
    init() {}

    /// Reads the file; what it does not say stays empty.
    /// - Throws: a ``Failure`` where the stream fails.
    init(reading stream: inout some ByteStream) throws(Failure) {
        var (id, version) = ("", "")
        try LineReader.read(&stream) { (line) in
            let parts = String(displaying: line).split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return }
            let value = String(parts[1].filter { $0 != "\"" && $0 != "'" }).trimmed
            if parts[0] == "ID" { id = value.lowercased() }
            if parts[0] == "VERSION_ID" { version = value }
        }
        (self.id, self.version) = (id, version)
    }
}

extension String {
    /// Without spaces and tabs at its ends.
    var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
