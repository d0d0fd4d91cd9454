// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

/// Whose signatures count. Every command that reads bundles has these options.
struct KeyOptions: ParsableArguments {
    @Option(
        name: .customLong("key"),
        help: ArgumentHelp(
            "Refuse a bundle that this public key (PEM) has not signed; repeated, one of the keys is enough.",
            valueName: "file"),
        completion: .file())
    var files: [String] = []
    @Option(
        name: .customLong("keys"),
        help: ArgumentHelp(
            "The same for all keys *.pub of this folder; may be repeated. (default: those of /etc/sealift/keys.d, if it has any)",
            valueName: "folder"),
        completion: .directory)
    var folders: [String] = []

    /// Reads the keys. Blocking.
    func trust() throws(Failure) -> Trust { try Trust(files: files, folders: folders) }
}

/// How the passphrase of a private key is given.
struct PassphraseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read the passphrase of the private key from the first line of this file. (default: ask at the terminal)",
            valueName: "file"), completion: .file())
    var passphraseFile: String?

    /// The passphrase for `path`, from the file or from the terminal. Blocking.
    /// - Parameter twice: asks a second time and compares, for a new key.
    /// - Throws: a ``Failure`` of kind `usage` where there is no one to ask.
    func passphrase(for path: String, twice: Bool = false) throws(Failure) -> [UInt8] {
        if let passphraseFile {
            let bytes = try File.open(passphraseFile).text(limit: 4096)
            return Array(bytes.prefix { $0 != 0x0A && $0 != 0x0D })
        }
        guard let first = Console.ask("passphrase of \(path): ", isSecret: true) else {
            throw Failure(
                .usage, "ask for the passphrase of", path, because: "there is no terminal to ask at",
                remedy: "put it into a file that only you can read, and name that with --passphrase-file")
        }
        if twice, Console.ask("the same passphrase again: ", isSecret: true) != first {
            throw Failure(
                .usage, "set the passphrase of", path, because: "the two passphrases differ",
                remedy: "run it again")
        }
        return Array(first.utf8)
    }
}
