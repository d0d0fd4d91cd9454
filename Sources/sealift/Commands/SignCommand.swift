// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct SignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign a bundle: writes BUNDLE.sig, which openssl and cosign check too.",
        discussion: """
            The signature is over index.json, which leads by digests to every byte. `verify --key` and \
            `apply --key` refuse a bundle that the key has not signed.
            """)

    @Argument(help: "The bundle, or the first of its volumes.", completion: .file())
    var bundle: String
    @Option(help: "The private key (PEM, P-256 or Ed25519).", completion: .file())
    var key: String

    func run() async throws {
        let path = try await onThread { () throws(Failure) in
            let bundle = try Bundle(opening: self.bundle)
            try bundle.sign(with: try SigningKey(at: key))
            return bundle.signaturePath
        }
        Console.print(path)
    }
}

struct KeygenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a P-256 key pair for `sign`: NAME.key and NAME.pub.")

    @Argument(help: "Where the keys go, without the endings.")
    var name: String

    func run() async throws {
        try await onThread { () throws(Failure) in
            let key = try SigningKey.generate()
            // A key that is there already signs bundles that are on their way: it is never replaced.
            _ = try File.create("\(name).key", exclusive: true)
            try Durable.write(try key.privatePEM(), to: "\(name).key", mode: 0o600)
            try Durable.write(try key.publicPEM(), to: "\(name).pub")
        }
        Console.print("\(name).pub")
        Console.say("keep \(name).key to yourself; \(name).pub goes to the isolated hosts")
    }
}

extension SigningKey {
    /// Reads the PEM file at `path`.
    convenience init(at path: String) throws(Failure) {
        try self.init(pem: try File.open(path).bytes(limit: 1 << 16), path: path)
    }
}
