// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import ArgumentParser
internal import OCI
internal import Sealer

struct StoreCleanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Remove what nothing refers to, and say how much.",
        discussion: """
            Removed are layers and image files that no listed image has, and what a killed run has left. What the \
            last apply replaced stays, so that `apply --rollback` can restore it.

            EXAMPLES:
              sealift store gc --dry-run
            """)

    @OptionGroup var store: StoreOption
    @Flag(help: "Show what would go, and remove nothing.")
    var dryRun = false
    @Flag(help: "Print what goes as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let store = try store.open()
        let garbage = try await onThread { () throws(Failure) in
            let kept = try Receipt.restorable(in: store.path)
            if dryRun { return try store.garbage(keeping: kept) }
            // What a killed run has left in staging goes as soon as another process takes the lock.
            let left = try store.garbage(keeping: kept)
            let writer = try store.writer()
            try writer.transaction { () throws(Failure) in try writer.remove(store.garbage(keeping: kept)) }
            return left
        }
        if json { return try Console.printJSON(garbage) }
        for item in garbage { Console.print("\(item.artifact)  \(item.bytes.asBytes)") }
        let sum = garbage.clampedTotal(\.bytes)
        Console.say("\(garbage.count) things, \(sum.asBytes)\(dryRun ? " would be" : "") freed")
    }
}
