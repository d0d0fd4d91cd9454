// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
public import OCI

/// What an apply did to a store, kept as JSON beside it: `STORE/sealift/receipts/BUNDLE-PLATFORM.json`.
public struct Receipt: Sendable, Codable, Equatable {
    /// The version of the form: 1.
    public var version = 1
    /// Where the receipt lies.
    public var path: String
    /// The identity of the bundle: the digest of its index.
    public var bundle: Digest
    /// The name in the bundle's spec.
    public var name: String
    /// The platform that was built for.
    public var platform: Platform
    /// The images that it put into the store: the base first, then the builds.
    public var images: [Image]

    /// An image in the store.
    public struct Image: Sendable, Codable, Equatable {
        /// The name that it is listed under.
        public var name: String
        /// Its id, 64 hexadecimal digits.
        public var id: String
        /// Its platform.
        public var platform: Platform
        /// Its layers with an id, from the bottom to the top.
        public var layers: [Layer]
    }

    /// A layer of an image.
    public struct Layer: Sendable, Codable, Equatable {
        /// Its id.
        public var id: Digest
        /// The instruction that made it.
        public var type: String
        /// That instruction's value.
        public var value: String
    }

    /// Where the receipt of an apply lies.
    static func path(store: String, bundle: Digest, platform: Platform) -> String {
        let platform = platform.description.replacing("/", with: "-")
        return "\(store)/sealift/receipts/\(bundle.hex)-\(platform).json"
    }

    /// Reads a receipt; `nil` where there is none or it is not ours to read.
    static func load(_ path: String) throws(Failure) -> Receipt? {
        guard access(path, F_OK) == 0 else { return nil }
        return try? JSONDecoder().decode(
            Receipt.self, from: Data(File.open(path).bytes(limit: 16 << 20)))
    }

    /// Puts the receipt in place, atomically.
    func save() throws(Failure) {
        var folder = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            folder += part + "/"
            if mkdir(folder, 0o755) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS, errno != EACCES {
                throw Failure.system("create the folder", folder)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try Durable.write(Array(encoder.encode(self)) + [UInt8(ascii: "\n")], to: path)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.fault, "write the receipt", path, because: "\(error)")
        }
    }
}
