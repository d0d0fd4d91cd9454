// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import OCI

/// Who signed a bundle: a trusted key.
package struct Signer: Sendable, Codable, Equatable {
    /// What the key is called here: the name of its file without `.pub`.
    package let name: String
    /// SHA-256 of the key (SubjectPublicKeyInfo, DER).
    package let fingerprint: Digest

    /// The key's id: the first 16 digits of its fingerprint.
    package var keyID: String { String(fingerprint.hex.prefix(16)) }
}

extension Signer: CustomStringConvertible {
    /// `NAME (key 0123456789abcdef)`.
    package var description: String { "\(name) (key \(keyID))" }
}

/// The public keys whose signatures count. With any key, a bundle that none of them signed is not opened.
package struct Trust: Sendable {
    /// No key: signatures are not looked at.
    package static let none = Trust(keys: [])
    /// Where the keys of a host are: `*.pub`.
    package static let standardFolder = "/etc/sealift/keys.d"
    /// The largest key file in bytes.
    private static let largestKey = 1 << 16

    private let keys: [(name: String, key: SigningKey)]

    private init(keys: [(name: String, key: SigningKey)]) { self.keys = keys }

    /// Whether bundles must be signed.
    package var isConfigured: Bool { !keys.isEmpty }

    /// The keys of `files` and those called `*.pub` in `folders`; where both are empty, those of the host's
    /// ``standardFolder``, if it has any.
    /// - Throws: a `Failure` of kind `configuration` for a file that is not a public key, or a named folder that
    ///   holds none; of kind `input` or `denied` for what cannot be read.
    package init(files: [String], folders: [String]) throws(Failure) {
        var paths = files
        for folder in folders {
            let found = try Self.keys(in: folder)
            guard !found.isEmpty else {
                throw Failure(
                    .configuration, "read the keys in", folder, because: "it holds no file called *.pub",
                    remedy: "put the public keys of those who may sign bundles there")
            }
            paths += found
        }
        if files.isEmpty, folders.isEmpty, access(Self.standardFolder, F_OK) == 0 {
            paths = try Self.keys(in: Self.standardFolder)
        }
        var keys: [(name: String, key: SigningKey)] = []
        for path in paths {
            let key = try SigningKey(pem: try File.open(path).bytes(limit: Self.largestKey), path: path)
            let name = path.split(separator: "/").last.map(String.init) ?? path
            keys.append((name.hasSuffix(".pub") ? String(name.dropLast(4)) : name, key))
        }
        self.init(keys: keys)
    }

    private static func keys(in folder: String) throws(Failure) -> [String] {
        try Folder.open(folder).names().map { String(decoding: $0, as: UTF8.self) }
            .filter { $0.hasSuffix(".pub") && !$0.hasPrefix(".") }.sorted().map { "\(folder)/\($0)" }
    }

    /// The trusted keys that have signed `index`.
    /// - Parameters:
    ///   - index: the raw bytes of the bundle's `index.json`.
    ///   - path: where the signatures are.
    /// - Throws: a `Failure` of kind `data` unless there is one.
    func signers(of index: [UInt8], signatures path: String, bundle: String) throws(Failure) -> [Signer] {
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(.data, "accept the signature of", bundle, because: reason, remedy: remedy)
        }
        guard let signatures = try SignatureFile(at: path) else {
            throw refuse(
                "there is no \(path), and only signed bundles are trusted here",
                remedy: "ask the bundle's maker for its signature, and put it next to the bundle")
        }
        let signers = keys.filter { key in
            signatures.signatures.contains { key.key.isSignature($0, of: index) }
        }
        guard !signers.isEmpty else {
            throw refuse(
                "\(path) was not made over this bundle by a trusted key (\(keys.map(\.name).joined(separator: ", ")))",
                remedy: "do not use the bundle; ask its maker which key signs")
        }
        return try signers.map { (key) throws(Failure) in
            Signer(name: key.name, fingerprint: try key.key.fingerprint())
        }
    }
}

extension Trust {
    /// These keys, called by their ids.
    init(_ keys: [SigningKey]) throws(Failure) {
        self.init(keys: try keys.map { (key) throws(Failure) in (try key.keyID(), key) })
    }
}
