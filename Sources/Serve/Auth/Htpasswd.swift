// SPDX-License-Identifier: Apache-2.0
internal import CCrypt
internal import FoundationEssentials
internal import Glibc
package import OCI

/// Users and their bcrypt hashes, as `htpasswd -B` writes them.
package final class Htpasswd: Sendable {
    private let hashes: [String: String]
    /// SHA-256 of `Authorization` headers that were found right: bcrypt is slow by intent, and a client
    /// sends its password with every request.
    private let admitted = Guarded<[Digest: String]>([:])

    /// The most headers that are remembered.
    private static let memory = 1024

    /// Reads the file at `path`: a line a user, `NAME:HASH`; empty lines and those that begin with `#` count
    /// for nothing.
    /// - Throws: a `Failure` of kind `configuration` that names the line with any other form of hash.
    package convenience init(path: String) throws(Failure) {
        try self.init(String(decoding: File.open(path).bytes(limit: 1 << 20), as: UTF8.self), path: path)
    }

    /// Reads `text`, the content of such a file; `path` names it in errors.
    package init(_ text: String, path: String) throws(Failure) {
        var hashes: [String: String] = [:]
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            if line.isEmpty || line.hasPrefix("#") { continue }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, Self.isBcrypt(parts[1]) else {
                throw Failure(
                    .configuration, "read", "\(path), line \(number + 1)",
                    because: "expected a name, a colon and a bcrypt hash",
                    remedy: "write the file with: htpasswd -B")
            }
            hashes[String(parts[0])] = String(parts[1])
        }
        self.hashes = hashes
    }

    private static func isBcrypt(_ hash: Substring) -> Bool {
        hash.utf8.count == 60 && ["$2a$", "$2b$", "$2y$"].contains { hash.hasPrefix($0) }
    }

    /// The user whose password ``check(_:)`` has found in this very header before.
    func known(_ header: String) -> String? {
        let key = Digest(of: Array(header.utf8))
        return admitted.withLock { $0[key] }
    }

    /// The user whom the `Authorization` header names with the right password, or `nil`. Takes as long as bcrypt does.
    func check(_ header: String) -> String? {
        guard let (user, password) = Self.credentials(in: header), isRight(user, password: password) else {
            return nil
        }
        let key = Digest(of: Array(header.utf8))
        admitted.withLock { admitted in
            if admitted.count >= Self.memory { admitted = [:] }
            admitted[key] = user
        }
        return user
    }

    /// User and password of the header; `nil` for anything but the scheme `Basic`. Source: RFC 7617.
    static func credentials(in header: String) -> (user: String, password: String)? {
        guard header.lowercased().hasPrefix("basic "),
            let data = Data(base64Encoded: String(header.dropFirst(6).drop { $0 == " " })),
            let text = String(validating: data, as: UTF8.self), !text.utf8.contains(0),
            let colon = text.firstIndex(of: ":")
        else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private func isRight(_ user: String, password: String) -> Bool {
        // An unknown name takes as long as a wrong password.
        let known = hashes[user]
        let hash = known ?? hashes.values.first ?? ""
        var state: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(state) }
        guard let made = crypt_ra(password, hash, &state, &size) else { return false }
        let found = Array(String(cString: made).utf8)
        let wanted = Array(hash.utf8)
        guard found.count == wanted.count, known != nil else { return false }
        return zip(found, wanted).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
