// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// The files of a chart that is packed, as `helm package` writes it; charts within it are unpacked too.
struct PackedChart {
    /// The YAML and the templates of the chart, each path once, below the path of the archive, and `Images.lock`.
    private(set) var files: [(path: String, file: FileNode)] = []

    private static let largest: Int64 = 64 << 20
    private static let largestFile = 16 << 20
    private static let deepest = 3

    /// Whether the name is one of an archive.
    static func isOne(_ path: String) -> Bool { path.hasSuffix(".tgz") || path.hasSuffix(".tar.gz") }

    /// A file of those bytes.
    static func node(_ bytes: [UInt8]) -> FileNode {
        FileNode(.file(.bytes(bytes), size: Int64(bytes.count)), attributes: .init(mode: 0o644))
    }

    /// Unpacks `bytes`, the archive at `path`.
    /// - Throws: a ``Failure`` of kind `data` where it is not an archive, or has more than 64 MiB or a file of more than
    ///   16 MiB.
    init(_ bytes: [UInt8], path: String) throws(Failure) {
        var found: [String: FileNode] = [:]
        var pending = [(path: path, bytes: bytes, depth: 1)]
        while let archive = pending.popLast() {
            var reader = TarReader(
                try decompressed(MemoryStream(archive.bytes), limit: Self.largest, artifact: archive.path),
                artifact: archive.path)
            while let entry = try reader.next() {
                let name = String(decoding: entry.header.name, as: UTF8.self)
                // As a writer names it: a chart's archive has NAME/… and nothing above.
                guard entry.header.kind == .file, !name.split(separator: "/").contains("..") else { continue }
                let isArchive = Self.isOne(name) && archive.depth < Self.deepest
                guard
                    isArchive || name.contains("/templates/")
                        || [".yaml", ".yml", "/Images.lock"].contains(where: name.hasSuffix)
                else { continue }
                let place = "\(archive.path)/\(name)"
                let content = try reader.readAll(limit: Self.largestFile, artifact: place)
                if isArchive {
                    pending.append((place, content, archive.depth + 1))
                } else {
                    found[place] = Self.node(content)
                }
            }
        }
        files = found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
