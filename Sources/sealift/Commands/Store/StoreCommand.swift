// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI
internal import Sealer

/// What is asked of a store besides filling it.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Maintain a sealer layer store: list, check, repair, clean.",
        subcommands: [
            StoreListCommand.self, StoreCheckCommand.self, StoreRepairCommand.self, StoreCleanCommand.self,
        ])
}

/// Which store a command means.
struct StoreOption: ParsableArguments {
    @Option(name: .customLong("store"), help: "The layer store of sealer.", completion: .directory)
    var path = Store.standardPath

    /// Opens the store, which must be there.
    func open() throws(Failure) -> Store {
        let store = try Store(at: path)
        // A wrong path must not look like an empty store.
        _ = try Folder.open(store.path)
        try store.refuseForeignFolder()
        return store
    }
}

extension StoreFinding {
    /// A line for people, and one for each image that suffers.
    var lines: [String] {
        ["\(kind.rawValue)  \(artifact): \(reason)"] + images.map { "    needed by \($0)" }
    }
}
