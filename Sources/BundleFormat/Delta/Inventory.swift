// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What an isolated host has already: the value that `sealift inventory` prints, and `collect --since` reads.
/// It is the one form of it; a bundle serves as one too, as a host that took it has what it holds.
package struct Inventory: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    package var version: Int
    /// The blobs that `apply` can read there byte for byte as they were carried, in order.
    package var blobs: [Digest]
    /// The ids of the layers in its store (digests of uncompressed tars), in order. A layer of the base whose
    /// id is here need not be carried.
    package var layers: [Digest]

    /// Creates an inventory, its entries sorted, each once.
    package init(blobs: some Sequence<Digest>, layers: some Sequence<Digest> = []) {
        version = 1
        self.blobs = Set(blobs).sorted()
        self.layers = Set(layers).sorted()
    }

    /// What an opened bundle holds: `collect --since BUNDLE`. Blobs that it required count too, as a host
    /// that took it has them.
    package init(of bundle: Bundle) {
        self.init(
            blobs: bundle.blobs.map(\.descriptor.digest) + bundle.required.map(\.descriptor.digest))
    }

    /// What all of `parts` have together.
    package init(merging parts: [Inventory]) {
        self.init(blobs: parts.flatMap(\.blobs), layers: parts.flatMap(\.layers))
    }

    /// Reads what is at `path`: a bundle, also in volumes, or an inventory as JSON.
    /// - Throws: a `Failure` of kind `input` where nothing is there, of kind `data` for what is neither.
    package init(at path: String, trusting trust: Trust = .none) throws(Failure) {
        if let file = try? File.open(path), try file.begins(with: UInt8(ascii: "{")) {
            self = try .decode(file.bytes(limit: BundleDocument.largestSize), path: path)
        } else {
            self.init(of: try Bundle(opening: path, trusting: trust))
        }
    }

    /// JSON, keys sorted, indented, with a final newline.
    package func encoded() throws(Failure) -> [UInt8] { try StrictJSON.pretty(self) }

    /// Reads an inventory.
    /// - Parameter path: names the file in errors.
    /// - Throws: a `Failure` of kind `data` with line and key for what is not one.
    package static func decode(_ bytes: [UInt8], path: String) throws(Failure) -> Inventory {
        let remedy = "print it again on that host with 'sealift inventory'"
        let read = try StrictJSON.decode(
            Inventory.self, from: bytes, kind: .data, verb: "read the inventory", artifact: path,
            remedy: remedy, limit: BundleDocument.largestSize)
        guard read.version == 1 else {
            throw Failure(
                .data, "read the inventory", path,
                because: "its version is \(read.version), and only 1 is known", remedy: remedy)
        }
        return Inventory(blobs: read.blobs, layers: read.layers)
    }
}

extension File {
    /// Whether its first byte is `byte`: JSON that we write begins with a brace, and no tar does.
    fileprivate func begins(with byte: UInt8) throws(Failure) -> Bool {
        var stream = stream(count: min(1, try size()))
        return try stream.readAll(limit: 1, artifact: path) == [byte]
    }
}
