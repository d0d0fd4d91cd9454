// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What the headers of an executable say: what it runs on, whether it needs shared libraries, and whether it is a sealift.
///
/// Source: ELF-64, little endian (System V ABI, chapters 4 and 5); the note is that of `CStartup`.
package struct ExecutableFile: Sendable {
    /// What it runs on; `nil` where sealift does not know its processor.
    package let platform: Platform?
    /// The loader that it asks for; `nil` for one that needs nothing of its host.
    package let loader: String?
    /// The version of sealift; `nil` for another program.
    package let version: String?
    /// Whether the file has every byte that its headers name: one that was cut off has not.
    package let isWhole: Bool

    /// The running program.
    package static let running = "/proc/self/exe"

    private static let processors: [UInt16: String] = [
        62: "amd64", 183: "arm64", 243: "riscv64", 21: "ppc64le", 258: "loong64",
    ]
    private static let (interpreter, note): (UInt32, UInt32) = (3, 4)
    /// The largest segment that is read: notes are some hundred bytes.
    private static let largestSegment = 64 << 10

    /// Reads the headers of `file`; `nil` where it is not an executable of this kind.
    package init?(_ file: File) throws(Failure) {
        let header = try Self.bytes(of: file, at: 0, count: 64)
        guard header.count == 64, header.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]),
            [2, 3].contains(Self.number(header, at: 16, as: UInt16.self))
        else { return nil }
        platform = Self.processors[Self.number(header, at: 18, as: UInt16.self)].map {
            Platform(os: "linux", architecture: $0)
        }
        let length = UInt64(max(0, try file.size()))
        guard let segments = try Self.segments(of: file, header: header, length: length) else { return nil }
        var (loader, version): (String?, String?)
        for segment in segments where segment.isWhole && [Self.interpreter, Self.note].contains(segment.kind)
        {
            let bytes = try Self.bytes(
                of: file, at: Int64(segment.offset),
                count: Int(min(segment.count, UInt64(Self.largestSegment))))
            if segment.kind == Self.interpreter {
                loader = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            } else {
                version = version ?? Self.version(in: bytes)
            }
        }
        self.loader = loader
        self.version = version
        let sections =
            UInt64(Self.number(header, at: 58, as: UInt16.self))
            * UInt64(Self.number(header, at: 60, as: UInt16.self))
        isWhole =
            Self.isWithin(sections, at: Self.number(header, at: 40, as: UInt64.self), of: length)
            && segments.allSatisfy(\.isWhole)
    }

    /// A part of the file that the program headers name.
    private struct Segment {
        let kind: UInt32
        let offset, count: UInt64
        /// Whether all of it is in the file.
        let isWhole: Bool
    }

    /// What the program headers name; `nil` where they are not those of a 64-bit executable.
    private static func segments(
        of file: File, header: [UInt8], length: UInt64
    ) throws(Failure) -> [Segment]? {
        let size = Int(number(header, at: 54, as: UInt16.self))
        let count = Int(number(header, at: 56, as: UInt16.self))
        let start = number(header, at: 32, as: UInt64.self)
        guard size == 56, isWithin(UInt64(size * count), at: start, of: length) else { return nil }
        let table = try bytes(of: file, at: Int64(start), count: size * count)
        guard table.count == size * count else { return nil }
        return (0..<count).map { entry in
            let at = entry * size
            let offset = number(table, at: at + 8, as: UInt64.self)
            let count = number(table, at: at + 32, as: UInt64.self)
            return Segment(
                kind: number(table, at: at, as: UInt32.self), offset: offset, count: count,
                isWhole: isWithin(count, at: offset, of: length))
        }
    }

    private static func isWithin(_ count: UInt64, at offset: UInt64, of length: UInt64) -> Bool {
        count <= length && offset <= length - count
    }

    /// Whether `text` can be a version: at most 32 letters, digits, dots, and signs that versions have.
    package static func isVersion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2B, 0x2D, 0x2E, 0x7E].contains($0)
            }
    }

    /// The text of sealift's note among the notes of a segment.
    private static func version(in notes: [UInt8]) -> String? {
        var position = 0
        while position + 12 <= notes.count {
            let name = Int(number(notes, at: position, as: UInt32.self))
            let text = Int(number(notes, at: position + 4, as: UInt32.self))
            let nameStart = position + 12
            let textStart = nameStart + (name + 3) / 4 * 4
            guard textStart + text <= notes.count else { return nil }
            if notes[nameStart..<(nameStart + name)].elementsEqual("sealift\0".utf8) {
                let version = String(
                    decoding: notes[textStart..<(textStart + text)].prefix { $0 != 0 }, as: UTF8.self)
                return isVersion(version) ? version : nil
            }
            position = textStart + (text + 3) / 4 * 4
        }
        return nil
    }

    private static func number<Number: FixedWidthInteger>(
        _ bytes: [UInt8], at offset: Int, as type: Number.Type
    ) -> Number {
        (0..<(Number.bitWidth / 8)).reduce(0) { $0 | Number(bytes[offset + $1]) << ($1 * 8) }
    }

    private static func bytes(of file: File, at offset: Int64, count: Int) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(Failure) in try file.read(into: buffer, at: offset) }
        }
        return Array(bytes.prefix(try outcome.get()))
    }
}
