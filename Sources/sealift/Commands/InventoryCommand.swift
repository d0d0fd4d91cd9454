// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "Print what this host has, for `collect --since` on the connected one.",
        discussion: """
            JSON: the layers of the store, and the blobs that an apply finds again in it. A bundle collected \
            --since this file leaves them out.

            EXAMPLES:
              sealift inventory > inventory.json               # on the isolated host
              sealift collect k8s.yaml --since inventory.json  # on the connected one
            """)

    @OptionGroup var store: StoreOption
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let store = try store.open()
        let bytes = try await onThread { () throws(Failure) in try Inventory(of: store).encoded() }
        Console.printText(String(decoding: bytes, as: UTF8.self))
    }
}
