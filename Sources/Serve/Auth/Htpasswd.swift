// SPDX-License-Identifier: Apache-2.0
internal import CCrypt
internal import FoundationEssentials
internal import Glibc
package import OCI

/// Users and their bcrypt hashes, as `htpasswd -B` writes them.
package final class Htpasswd: Sendable {
    private let hashes: [String: String]
    /// What was found out of logins: bcrypt is slow by intent, and a client sends its password with every request.
    private let outcomes = Guarded(Outcomes())

    private struct Outcomes {
        /// SHA-256 of the login of each user that was found right last: one a user, so that no one's guesses push it out.
        var right: [String: Digest] = [:]
        /// SHA-256 of logins that were found wrong last, and their order.
        var wrong: Set<Digest> = []
        var order: [Digest] = []
        var oldest = 0
    }

    /// The most wrong logins that are remembered.
    private static let memory = 1024

    /// Reads the file at `path`: a line a user, `NAME:HASH`; empty lines and those that begin with `#` count
    /// for nothing.
    /// - Throws: a `Failure` of kind `configuration` that names the line with any other form of hash.
    package convenience init(path: String) throws(Failure) {
        try self.init(String(decoding: File.open(path).text(limit: 1 << 20), as: UTF8.self), path: path)
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

    /// What ``check(_:)`` has found of this very login before; `nil` for one that it has not seen, or has forgotten.
    func known(_ header: String) -> Login? {
        guard let (user, password) = Self.credentials(in: header) else { return .wrong }
        let key = Self.key(user, password: password)
        return outcomes.withLock { outcomes in
            if outcomes.right[user] == key { return .right(user: user) }
            return outcomes.wrong.contains(key) ? .wrong : nil
        }
    }

    /// What is known of a login.
    enum Login: Equatable {
        case right(user: String)
        case wrong
    }

    private static func key(_ user: String, password: String) -> Digest {
        Digest(of: Array(user.utf8) + [0] + Array(password.utf8))
    }

    /// The user whom the `Authorization` header names with the right password, or `nil`. Takes as long as bcrypt does.
    func check(_ header: String) -> String? {
        guard let (user, password) = Self.credentials(in: header) else { return nil }
        let isRight = isRight(user, password: password)
        let key = Self.key(user, password: password)
        outcomes.withLock { outcomes in
            if isRight {
                outcomes.right[user] = key
            } else if outcomes.wrong.insert(key).inserted {
                if outcomes.order.count < Self.memory { return outcomes.order.append(key) }
                outcomes.wrong.remove(outcomes.order[outcomes.oldest])
                outcomes.order[outcomes.oldest] = key
                outcomes.oldest = (outcomes.oldest + 1) % Self.memory
            }
        }
        return isRight ? user : nil
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
