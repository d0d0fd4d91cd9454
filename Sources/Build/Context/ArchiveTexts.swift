// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A text file of an archive.
package struct ArchiveText: Sendable {
    /// The member's name, without empty parts and `.`.
    package let path: String
    /// Its content.
    package let bytes: [UInt8]
    /// Whether a pattern means it; false for what is in a folder that one means.
    package let isNamed: Bool

    /// The largest member that is read: 16 MiB.
    static let largest = 16 << 20
    /// The most bytes of all members together: 256 MiB.
    static let mostBytes = 256 << 20
    private static let endings = [".yaml", ".yml", ".json", ".txt"]

    /// Reads the members that `patterns` mean out of a tar in any compression, a packed chart or a zip; of a folder that a
    /// pattern means, the YAML, JSON and text files below it and those called imageList.
    /// - Parameter scratch: the path of a file that is made for the contents, which may be removed afterwards.
    /// - Throws: a ``Failure`` of kind `data` for what is no archive, is damaged or hostile, or has too much; of kind
    ///   `input` for a pattern that means no file.
    package static func read(
        _ archive: File, called name: String, matching patterns: [String], scratch: String
    ) throws(Failure) -> [ArchiveText] {
        let contents = try File.create(scratch, exclusive: true)
        let unpacker = ArchiveUnpacker(archive, size: try archive.size(), artifact: name)
        let wanted = patterns.map { PathPattern($0) }
        var (found, size): ([ArchiveText], Int64) = ([], 0)
        var unused = Set(patterns.indices)
        for member in try unpacker.members(to: contents) where member.kind == .file {
            let path = String(decoding: member.path, as: UTF8.self)
            let meant = wanted.indices.filter { wanted[$0].covers(path) }
            let isNamed = meant.contains { wanted[$0].matches(path) }
            guard !meant.isEmpty, isNamed || isText(path) else { continue }
            unused.subtract(meant)
            size = min(size, Int64(mostBytes)) + member.size
            guard member.size <= Int64(largest), size <= Int64(mostBytes) else {
                throw Failure(
                    .data, "read the images of", "\(name)/\(path)",
                    because: "one member may have \(largest) bytes, and all together \(mostBytes)",
                    remedy: "name the members that name images")
            }
            var stream = contents.stream(at: member.offset, count: member.size)
            let bytes = try stream.readAll(limit: largest, artifact: path)
            found.append(ArchiveText(path: path, bytes: bytes, isNamed: isNamed))
        }
        guard let first = unused.min() else { return found }
        throw Failure(
            .input, "read \(patterns[first]) of", name, because: "it has no such file",
            remedy: "name members as `tar -tf` or `unzip -l` shows them")
    }

    private static func isText(_ path: String) -> Bool {
        endings.contains(where: path.hasSuffix) || path == "imageList" || path.hasSuffix("/imageList")
    }
}
