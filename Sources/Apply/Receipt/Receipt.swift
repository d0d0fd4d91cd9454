// SPDX-License-Identifier: Apache-2.0
package import BundleFormat
internal import FoundationEssentials
internal import Glibc
package import OCI
package import Sealer

/// What an apply did to a store, kept as JSON beside it: `STORE/sealift/receipts/BUNDLE-PLATFORM.json`.
///
/// It is written when the apply begins, so that one which was killed can still be undone, and again at its end.
package struct Receipt: Sendable, Codable, Equatable {
    /// The version of the form: 2.
    package var version = 2
    /// Where the receipt is.
    package var path: String
    /// How many applies the store had seen, this one counted: the highest is the last.
    package var sequence: Int
    /// Whether the apply came to its end.
    package var isDone: Bool
    /// The identity of the bundle: the digest of its index.
    package var bundle: Digest
    /// The name in the bundle's spec.
    package var name: String
    /// The platform that was built for.
    package var platform: Platform
    /// The trusted keys that had signed the bundle; `nil` where it was opened without any.
    package var signers: [Signer]?
    /// Who built: `sealer` for the real one, `nil` for the native builder.
    package var builder: String?
    /// The images that it put into the store: the base first, then the builds. None before the end.
    package var images: [Image]
    /// The names that it gives to images, and which image had each before.
    package var replaced: [Replaced]
    /// While it is not done: what the store had before it.
    package var before: Before?
    /// When it is done: the layers of its images that the store had not before, and those that killed runs of it left.
    package var added: [Digest]?
    /// When it is done: the ids of images that killed or earlier runs of it left; `nil` for none.
    package var abandoned: [String]?

    /// An image in the store.
    package struct Image: Sendable, Codable, Equatable {
        /// The name that it is listed under.
        package var name: String
        /// Its id, 64 hexadecimal digits.
        package var id: String
        /// Its platform.
        package var platform: Platform
        /// Its layers with an id, from the bottom to the top.
        package var layers: [Layer]
    }

    /// A layer of an image.
    package struct Layer: Sendable, Codable, Equatable {
        /// Its id.
        package var id: Digest
        /// The instruction that made it.
        package var type: String
        /// That instruction's value.
        package var value: String
    }

    /// A name, and what the store's list said of it before.
    package struct Replaced: Sendable, Codable, Equatable {
        /// The full name with its tag.
        package var name: String
        /// The entry that it had for the platform; `nil` for none.
        package var entry: StoredImage?
    }

    /// What a store had before an apply.
    package struct Before: Sendable, Codable, Equatable {
        /// Its layers.
        package var layers: [Digest]
        /// The ids of its images, listed or not.
        package var images: [String]
    }

    /// No receipt is larger, in bytes.
    static let largestSize = 16 << 20

    static func folder(of store: String) -> String { "\(store)/sealift/receipts" }

    /// Where the receipt of an apply is.
    static func path(store: String, bundle: Digest, platform: Platform) -> String {
        let platform = platform.description.replacing("/", with: "-")
        return "\(folder(of: store))/\(bundle.hex)-\(platform).json"
    }

    /// Reads a receipt; `nil` where there is none or it is not ours to read.
    static func load(_ path: String) throws(Failure) -> Receipt? {
        guard access(path, F_OK) == 0 else { return nil }
        let bytes = try File.open(path).bytes(limit: largestSize)
        guard var receipt = try? JSONText.decode(Receipt.self, from: bytes), receipt.version == 2
        else {
            return nil
        }
        receipt.path = path
        return receipt
    }

    /// All receipts of a store, the last apply's last.
    package static func all(in store: String) throws(Failure) -> [Receipt] {
        let folder = folder(of: store)
        guard access(folder, F_OK) == 0 else { return [] }
        var receipts: [Receipt] = []
        for name in try Folder.open(folder).names().map({ String(decoding: $0, as: UTF8.self) })
        where name.hasSuffix(".json") {
            if let receipt = try load("\(folder)/\(name)") { receipts.append(receipt) }
        }
        return receipts.sorted { $0.sequence < $1.sequence }
    }

    /// The ids of the images that undoing the last apply to a store would list again.
    package static func restorable(in store: String) throws(Failure) -> Set<String> {
        Set(try all(in: store).last?.replaced.compactMap { $0.entry?.id } ?? [])
    }

    /// Puts the receipt in place, atomically.
    func save() throws(Failure) {
        var folder = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            folder += part + "/"
            if mkdir(folder, 0o755) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS, errno != EACCES {
                throw Failure.system("create the folder", artifact: folder)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try AtomicWrite.write(Array(encoder.encode(self)) + [UInt8(ascii: "\n")], to: path)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.fault, "write the receipt", path, because: "\(error)")
        }
    }

    /// Takes the receipt away. None there is no error.
    func remove() throws(Failure) {
        if unlink(path) != 0 {
            guard errno == ENOENT || errno == ENOTDIR else { throw Failure.system("remove", artifact: path) }
            return
        }
        try AtomicWrite.flushFolder(of: path)
    }
}
