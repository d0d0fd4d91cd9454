// SPDX-License-Identifier: Apache-2.0

/// What a file is that plainly holds no text, by its first bytes.
package enum BinaryForm: String, Sendable, CaseIterable {
    case gzip = "a gzip archive"
    case zstd = "a zstd archive"
    case xz = "an xz archive"
    case bzip2 = "a bzip2 archive"
    case zip = "a zip archive"
    case tar = "a tar archive"
    case program = "a program"
    case picture = "a picture"
    case document = "a PDF document"
    case utf16 = "a text in UTF-16"
    case other = "binary data"

    /// How many bytes tell the form.
    package static let headSize = 4096

    /// - Parameter bytes: the first ``headSize`` bytes of a file, or all of them.
    package init?(_ bytes: ArraySlice<UInt8>) {
        let marks: [(BinaryForm, [UInt8])] = [
            (.zip, Array("PK\u{3}\u{4}".utf8)), (.zip, Array("PK\u{5}\u{6}".utf8)),
            (.program, [0x7F, 0x45, 0x4C, 0x46]), (.picture, [0x89, 0x50, 0x4E, 0x47]),
            (.picture, [0xFF, 0xD8, 0xFF]), (.picture, Array("GIF8".utf8)), (.document, Array("%PDF-".utf8)),
            (.utf16, [0xFE, 0xFF]), (.utf16, [0xFF, 0xFE]),
        ]
        if let form = Compression(Array(bytes.prefix(Compression.headSize))) {
            self =
                switch form {
                case .gzip: .gzip
                case .zstd: .zstd
                case .xz: .xz
                case .bzip2: .bzip2
                }
        } else if let (form, _) = marks.first(where: { bytes.starts(with: $0.1) }) {
            self = form
        } else if bytes.dropFirst(257).starts(with: Array("ustar".utf8)) {
            self = .tar
        } else if bytes.prefix(Self.headSize).contains(0) {
            self = .other
        } else {
            return nil
        }
    }
}

extension File {
    /// What it is, where that is no text.
    package func binaryForm() throws(Failure) -> BinaryForm? {
        let count = min(try size(), Int64(BinaryForm.headSize))
        var stream = stream(count: count)
        return BinaryForm(try stream.readAll(limit: Int(count), artifact: path)[...])
    }

    /// All bytes of a text.
    /// - Throws: as ``bytes(limit:)``, and a ``Failure`` of `kind` for what plainly is no text, which it names.
    package func text(limit: Int, kind: Failure.Kind = .data) throws(Failure) -> [UInt8] {
        if let form = try binaryForm() { throw form.failure(reading: path, kind: kind) }
        return try bytes(limit: limit)
    }
}

extension BinaryForm {
    /// Refuses the file at `path`, which should be a text.
    package func failure(reading path: String, kind: Failure.Kind = .data) -> Failure {
        Failure(
            kind, "read", path, because: "it is \(rawValue), and a text is expected",
            remedy: self == .utf16
                ? "save it as UTF-8"
                : "check that this is the file that is meant; of an archive, unpack it and name the text in it"
        )
    }
}
