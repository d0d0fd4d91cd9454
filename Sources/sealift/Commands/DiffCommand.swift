// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what one bundle has and another has not, by name and in bytes.")

    @Argument(help: "The older bundle.", completion: .file())
    var old: String
    @Argument(help: "The newer bundle.", completion: .file())
    var new: String
    @Flag(help: "Print the difference as JSON.")
    var json = false

    private struct Facts: Encodable {
        struct Item: Encodable { let name: String, change: String, old: Digest?, new: Digest? }
        let changes: [Item]
        let added: Int64
        let removed: Int64
        let kept: Int64
    }

    func run() async throws {
        let diff = try await onThread { () throws(Failure) in
            BundleDiff(from: try Bundle(opening: old), to: try Bundle(opening: new))
        }
        if json {
            let items = diff.changes.map {
                Facts.Item(name: $0.name, change: $0.kind.rawValue, old: $0.old, new: $0.new)
            }
            return try Console.printJSON(
                Facts(
                    changes: items, added: diff.addedBytes, removed: diff.removedBytes, kept: diff.keptBytes))
        }
        for change in diff.changes { Console.print("\(change)") }
        Console.print(
            "\(diff.addedBytes.asBytes) added, \(diff.removedBytes.asBytes) removed, \(diff.keptBytes.asBytes) in both"
        )
    }
}
