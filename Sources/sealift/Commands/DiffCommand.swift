// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what one bundle has and another has not, by name and in bytes.",
        discussion: """
            EXAMPLES:
              sealift diff k8s-1.sealift k8s-2.sealift
            """)

    @Argument(help: "The older bundle.", completion: .file())
    var old: String
    @Argument(help: "The newer bundle.", completion: .file())
    var new: String
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Print the difference as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    private struct Facts: Encodable {
        struct Item: Encodable {
            let name: String, change: String, old: Digest?, new: Digest?, added: Int64, removed: Int64
        }
        let changes: [Item]
        let added: Int64
        let removed: Int64
        let kept: Int64
    }

    func run() async throws {
        let diff = try await onThread { () throws(Failure) in
            let trust = try keys.trust()
            return BundleDiff(
                from: try Bundle(opening: old, trusting: trust), to: try Bundle(opening: new, trusting: trust)
            )
        }
        if json {
            let items = diff.entries.map { entry in
                let change = entry.change
                return Facts.Item(
                    name: change.name, change: change.kind.rawValue, old: change.old, new: change.new,
                    added: entry.added, removed: entry.removed)
            }
            return try Console.printJSON(
                Facts(
                    changes: items, added: diff.addedBytes, removed: diff.removedBytes, kept: diff.keptBytes),
                schema: "diff/1")
        }
        var table = ChangeTable()
        for entry in diff.entries {
            let bytes = [("+", entry.added), ("-", entry.removed)].filter { $0.1 > 0 }
            table.add(entry.change, bytes.map { $0.0 + $0.1.asBytes }.joined(separator: "  "))
        }
        table.lines.forEach(Console.print)
        Console.print(
            "\(table.summary): \(diff.addedBytes.asBytes) new, \(diff.removedBytes.asBytes) gone, \(diff.keptBytes.asBytes) in both"
        )
    }
}
