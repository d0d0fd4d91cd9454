// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// The tar that a `tar-data.json.gz` and the files of its layer make together: what sealer's push sends.
///
/// Nothing of it is trusted: the reader of the tar verifies its sha256 against the layer's id.
final class TarSplitStream: ByteStream {
    private var lines: any ByteStream
    private let files: Folder
    private let artifact: String
    private var input: [UInt8] = []
    private var at = 0
    private var inputEnded = false
    private var pending: ArraySlice<UInt8> = []
    private var content: LayerContent?
    private let withContents: Bool
    /// What is left of a content that is not shown.
    private var zeros: Int64 = 0

    /// The longest line: base64 of the longest header that ``TarReader`` takes.
    private static let longestLine = 8 << 20

    /// Opens the tar-split file at `path` over the files in `folder`.
    /// - Parameter withContents: whether contents are read; else the tar has zeros in their places.
    init(_ path: String, over folder: String, withContents: Bool = true) throws(Failure) {
        self.withContents = withContents
        let file = try File.open(path)
        lines = try decompressed(file.stream(count: try file.size()), limit: nil, artifact: path)
        files = try Folder.open(folder)
        artifact = path
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            if !pending.isEmpty {
                let count = min(buffer.count, pending.count)
                buffer.copyBytes(from: pending.prefix(count))
                pending = pending.dropFirst(count)
                return count
            }
            if zeros > 0 {
                let count = Int(min(Int64(buffer.count), zeros))
                UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]).initializeMemory(
                    as: UInt8.self, repeating: 0)
                zeros -= Int64(count)
                return count
            }
            if content != nil {
                let count = try content!.read(into: buffer)
                if content!.left == 0 { content = nil }
                return count
            }
            guard let line = try nextLine() else { return 0 }
            try take(Tree(json: line, artifact: artifact))
        }
    }

    func skip(_ count: Int64) throws(Failure) -> Int64 {
        let step = pending.isEmpty ? min(count, zeros) : 0
        zeros -= step
        return step
    }

    private func take(_ line: Tree) throws(Failure) {
        let payload = Data(base64Encoded: line["payload"]?.string ?? "")
        switch (line["type"], payload) {
        case (.number("2"), let payload?): pending = Array(payload)[...]
        case (.number("1"), _?):
            guard case .number(let digits)? = line["size"], let size = Int64(digits), size > 0 else { return }
            guard withContents else { return zeros = size }
            let name = line["name"]?.string.map { Array($0.utf8) }
            let raw = line["name_raw"]?.string.flatMap { Data(base64Encoded: $0) }.map(Array.init)
            guard let name = name ?? raw else { fallthrough }
            let file = try files.file(name.strippedTarName)
            guard try file.size() == size else {
                throw Failure(
                    .data, "read", file.path,
                    because: "it has \(try file.size()) bytes, and its tar says \(size)")
            }
            content = LayerContent(file, size: size)
        default:
            throw Failure(.data, "read the tar-split", artifact, because: "a line of it has another form")
        }
    }

    /// The next line without its end; `nil` after the last.
    private func nextLine() throws(Failure) -> [UInt8]? {
        while true {
            if let end = input[at...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { at = end + 1 }
                return Array(input[at..<end])
            }
            input.removeFirst(at)
            at = 0
            if inputEnded {
                guard input.isEmpty else {
                    throw Failure(.data, "read the tar-split", artifact, because: "its last line is torn")
                }
                return nil
            }
            guard input.count < Self.longestLine else {
                throw Failure(.data, "read the tar-split", artifact, because: "one of its lines is too long")
            }
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            let outcome = piece.withUnsafeMutableBytes { buffer in
                Result { () throws(Failure) in try lines.read(into: buffer) }
            }
            let count = try outcome.get()
            inputEnded = count == 0
            input += piece[..<count]
        }
    }
}

extension [UInt8] {
    /// A name in a tar without `./` before it and `/` after it.
    var strippedTarName: [UInt8] {
        var name = self[...]
        while name.starts(with: [0x2E, 0x2F]) { name = name.dropFirst(2) }
        while name.last == UInt8(ascii: "/") { name = name.dropLast() }
        return name.elementsEqual([0x2E]) ? [] : Array(name)
    }
}
