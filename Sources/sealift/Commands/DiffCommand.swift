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
              sealift diff k8s-1.sealift k8s-2.sealift --html changes.html
            """)

    @Argument(help: "The older bundle.", completion: .file())
    var old: String
    @Argument(help: "The newer bundle.", completion: .file())
    var new: String
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Print the difference as JSON.")
    var json = false
    @Option(
        help: ArgumentHelp(
            "Write it as one page for a browser, which loads nothing: the new bytes as a picture, changes to search.",
            valueName: "file"), completion: .file(extensions: ["html"]))
    var html: String?
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

    func validate() throws {
        if html != nil, json { throw ValidationError("--html and --json exclude each other") }
    }

    func run() async throws {
        let (before, after, diff) = try await onThread { () throws(Failure) in
            let trust = try keys.trust()
            let (before, after) = (
                try Bundle(opening: old, trusting: trust), try Bundle(opening: new, trusting: trust)
            )
            return (before, after, BundleDiff(from: before, to: after))
        }
        if let html {
            let page = DiffPage(diff: diff, old: before, new: after).html
            try await onThread { () throws(Failure) in try AtomicWrite.write(Array(page.utf8), to: html) }
            return Console.say("\(html): a page for a browser")
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
        var table = DiffTable()
        for entry in diff.entries {
            let bytes = [("+", entry.added), ("-", entry.removed)].filter { $0.1 > 0 }
            table.add(entry.change, more: bytes.map { $0.0 + $0.1.asBytes }.joined(separator: "  "))
        }
        table.lines.forEach(Console.print)
        Console.print(
            "\(table.summary): \(diff.addedBytes.asBytes) new, \(diff.removedBytes.asBytes) gone, \(diff.keptBytes.asBytes) in both"
        )
    }
}
