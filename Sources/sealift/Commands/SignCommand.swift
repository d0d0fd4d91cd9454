// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import FoundationEssentials
internal import OCI

struct SignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign a bundle: writes BUNDLE.sig, which openssl and cosign check too.",
        discussion: """
            The signature is over index.json, which names by digests every byte. A command that has a trusted key \
            (--key, --keys, or /etc/sealift/keys.d) refuses a bundle that none of its keys has signed.

            EXAMPLES:
              sealift sign k8s.sealift --key ops.key
              sealift sign k8s.sealift --key audit.key --add  # keeps that of ops
            """)

    @Argument(help: "The bundle, or the first of its volumes.", completion: .file())
    var bundle: String
    @Option(
        help: "The private key (PEM, P-256 or Ed25519); repeated, each of them signs.", completion: .file())
    var key: [String]
    @Flag(help: "Keep the signatures that are there, those of others.")
    var add = false
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let path = try await onThread { () throws(Failure) in
            let bundle = try Bundle(opening: self.bundle)
            var keys: [SigningKey] = []
            for path in key {
                let pem = try File.open(path).bytes(limit: 1 << 16)
                keys.append(
                    try SigningKey(pem: pem, path: path) { () throws(Failure) in
                        try passphrase.passphrase(for: path)
                    })
            }
            try bundle.sign(with: keys, adding: add)
            return bundle.signaturePath
        }
        Console.print(path)
    }
}

struct KeygenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a P-256 key pair for `sign`: NAME.key and NAME.pub.",
        discussion: """
            EXAMPLES:
              sealift keygen ops --encrypt     # ops.key and ops.pub
            """)

    @Argument(help: "Where the keys go, without the endings.")
    var name: String
    @Flag(help: "Encrypt the private key with a passphrase.")
    var encrypt = false
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let fingerprint = try await onThread { () throws(Failure) in
            let key = try SigningKey.generate()
            let isEncrypted = encrypt || passphrase.passphraseFile != nil
            let pem =
                isEncrypted
                ? try key.privatePEM(passphrase: passphrase.passphrase(for: "\(name).key", twice: true))
                : try key.privatePEM()
            // Keys that are there already belong to bundles that are on their way: none is replaced.
            try create(pem, path: "\(name).key", mode: 0o600)
            do throws(Failure) { try create(try key.publicPEM(), path: "\(name).pub", mode: 0o644) } catch {
                try? FileManager.default.removeItem(atPath: "\(name).key")
                throw error
            }
            return try key.fingerprint()
        }
        Console.print("\(name).pub")
        Console.say("fingerprint \(fingerprint), key id \(fingerprint.hex.prefix(16))")
        Console.say(
            "keep \(name).key to yourself; \(name).pub goes to the isolated hosts, into \(Trust.standardFolder)"
        )
    }

    private func create(_ bytes: [UInt8], path: String, mode: UInt32) throws(Failure) {
        do throws(Failure) { try AtomicWrite.create(bytes, at: path, mode: mode) } catch {
            var failure = error
            if error.kind == .space { failure.remedy = "name another place: a key is never overwritten" }
            throw failure
        }
    }
}
