// SPDX-License-Identifier: Apache-2.0
public import OCI

/// What an isolated host has already: the value that `sealift inventory` prints, and `collect --since` reads.
public struct Inventory: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    public var version: Int
    /// The blobs that it has as they were carried, in order.
    public var blobs: [Digest]
    /// The ids of the layers in its store (digests of uncompressed tars), in order.
    public var layers: [Digest]

    /// Creates an inventory, its entries sorted, each once.
    public init(blobs: some Sequence<Digest>, layers: some Sequence<Digest> = []) {
        version = 1
        self.blobs = Set(blobs).sorted()
        self.layers = Set(layers).sorted()
    }

    /// What an opened bundle holds: `collect --since BUNDLE`. Blobs that it required count too, as a host
    /// that took it has them.
    public init(of bundle: Bundle) {
        self.init(
            blobs: bundle.blobs.map(\.descriptor.digest) + bundle.required.map(\.digest))
    }

    /// JSON, keys sorted, indented, with a final newline.
    public func encoded() throws(Failure) -> [UInt8] { try StrictJSON.pretty(self) }

    /// Reads an inventory.
    /// - Parameter path: names the file in errors.
    /// - Throws: a `Failure` of kind `data` with line and key for what is not one.
    public static func decode(_ bytes: [UInt8], path: String) throws(Failure) -> Inventory {
        let read = try StrictJSON.decode(
            Inventory.self, from: bytes, kind: .data, verb: "read the inventory", artifact: path,
            limit: Document.largestSize)
        guard read.version == 1 else {
            throw Failure(
                .data, "read the inventory", path,
                because: "its version is \(read.version), and only 1 is known")
        }
        return Inventory(blobs: read.blobs, layers: read.layers)
    }
}
