// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// A package's header, as every form of rpm's database keeps it.
///
/// Source: rpm's reference manual, "RPM V4 Package format", "Header structure": two counts, index entries of 16 bytes, a store
/// of data; all numbers with the most significant byte first.
struct RPMHeader {
    /// The tags that are read.
    private enum Tag: Int {
        case name = 1000
        case version, release, epoch
        case license = 1014
        case architecture = 1022
        case sourcePackage = 1044
    }
    private let bytes: [UInt8]
    private var places: [Int: Int] = [:]

    /// Reads the index of a header.
    /// - Throws: a ``Failure`` of kind `data` where it does not fit the bytes.
    init(_ bytes: [UInt8], path: String) throws(Failure) {
        self.bytes = bytes
        let entries = bytes.number(at: 0, bytes: 4, isLittle: false)
        let start = 8 + 16 * entries
        guard entries > 0, entries < 1 << 16, start <= bytes.count else {
            throw .database(path, "a header of \(bytes.count) bytes says that it has \(entries) entries")
        }
        for entry in stride(from: 8, to: start, by: 16) {
            let tag = bytes.number(at: entry, bytes: 4, isLittle: false)
            guard let wanted = Tag(rawValue: tag) else { continue }
            let type = bytes.number(at: entry + 4, bytes: 4, isLittle: false)
            // Strings, one or a list of which the first counts, and numbers of 32 bits.
            guard wanted == .epoch ? type == 4 : [6, 8, 9].contains(type) else { continue }
            places[tag] = start + bytes.number(at: entry + 8, bytes: 4, isLittle: false)
        }
    }

    private func text(_ tag: Tag) -> String {
        guard let place = places[tag.rawValue], place < bytes.count else { return "" }
        return String(displaying: bytes[place...].prefix(DatabaseBound.line).prefix { $0 != 0 })
    }

    /// The package; `nil` for a key that rpm keeps as one, and for a header without a name.
    var package: InstalledPackage? {
        let (name, version) = (text(.name), text(.version))
        guard !name.isEmpty, !version.isEmpty, name != "gpg-pubkey" else { return nil }
        let epoch = places[Tag.epoch.rawValue].map { bytes.number(at: $0, bytes: 4, isLittle: false) }
        let release = text(.release)
        return InstalledPackage(
            name: name,
            version: (epoch.map { "\($0):" } ?? "") + version + (release.isEmpty ? "" : "-\(release)"),
            architecture: text(.architecture), license: text(.license), source: text(.sourcePackage))
    }
}
