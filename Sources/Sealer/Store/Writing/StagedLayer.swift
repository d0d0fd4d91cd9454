// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A layer in the making: its files and its database entry, below a store's staging folder.
package struct StagedLayer: Sendable {
    /// sha256 of its tar.
    package internal(set) var id: Digest
    package let folder: String

    /// Where its files are.
    package var files: String { "\(folder)/files" }
    var database: String { "\(folder)/database" }
    var tarSplit: String { "\(database)/tar-data.json.gz" }

    /// Writes the entry's files, none with a newline at its end.
    func record(size: Int64, origin: Tree, cacheID: Digest?) throws(Failure) {
        var files: [(String, [UInt8])] = [
            ("id", Array(id.description.utf8)), ("size", Array("\(size)".utf8)),
            ("distribution_layer_digest", origin.json()),
        ]
        if let cacheID { files.append(("cacheID", Array(cacheID.description.utf8))) }
        for (name, bytes) in files { try AtomicWrite.write(bytes, to: "\(database)/\(name)") }
    }
}
