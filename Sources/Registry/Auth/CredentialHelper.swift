// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import OCI

/// A program `docker-credential-NAME` that keeps logins. Source: docker's credential helper protocol: the
/// server's name on stdin, a JSON object on stdout.
struct CredentialHelper {
    private let program: Program

    /// - Throws: a ``Failure`` of kind `configuration` for a name that is not a plain word.
    /// - Parameter patience: how long it may take; longer than a person needs to unlock a key ring.
    init(_ name: String, patience: Duration = .seconds(60)) throws(Failure) {
        guard !name.isEmpty, name.utf8.allSatisfy({ Self.letters.contains($0) }) else {
            throw Failure(
                .configuration, "run the credential helper", "'\(name.prefix(40).filter(\.isASCII))'",
                because: "a helper's name has letters, digits, '-', '_' and '.'",
                remedy: "correct credHelpers and credsStore in the auth file")
        }
        // It may ask for a password, and what it writes as errors may hold a secret.
        program = Program(
            "docker-credential-" + name, patience: patience, limit: 1 << 20, mayAsk: true,
            discardsErrors: true)
    }

    private static let letters = Set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.".utf8)

    /// The login that the helper has for `server`; `nil` where it has none. Blocking.
    func login(for server: String) throws(Failure) -> Login? {
        let status: Int32
        let answer: [UInt8]
        switch try program.run(["get"], input: Array(server.utf8)) {
        case .ended(let code, let output, _): (status, answer) = (code, output)
        case .late: throw refuse("it did not answer within \(program.patience.components.seconds) seconds")
        case .tooLong: throw refuse("it wrote more than \(program.limit) bytes")
        }
        guard status == 0 else {
            // The one way in which helpers say that there is none; else their text is not ours to show.
            if String(decoding: answer, as: UTF8.self).contains("credentials not found") { return nil }
            throw refuse("it failed for \(server)")
        }
        struct Answer: Decodable {
            var Username: String
            var Secret: String
        }
        guard let login = try? JSONText.decode(Answer.self, from: answer) else {
            throw refuse("its answer for \(server) is not the JSON of a login")
        }
        if login.Secret.isEmpty { return nil }
        return login.Username == "<token>"
            ? .identity(login.Secret) : .password(user: login.Username, password: login.Secret)
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .denied, "run the credential helper", program.path, because: reason,
            remedy: "run 'echo SERVER | \(program.path) get' by hand, or take it out of the auth file")
    }
}
