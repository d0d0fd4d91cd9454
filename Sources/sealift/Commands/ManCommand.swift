// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI

struct ManCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "man", abstract: "Write the manual pages of all commands into a folder.",
        discussion: """
            They are made from the same text as --help: sealift.1, sealift-collect.1 and so on. The folder must exist.

            EXAMPLES:
              sealift man /usr/local/share/man/man1
              sealift man . && man ./sealift-collect.1
            """)

    @Argument(help: "Where the pages go.", completion: .directory)
    var folder: String
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let pages = try CommandHelp(of: Sealift.self).pages
        let folder = folder
        try await onThread { () throws(Failure) in
            _ = try Folder.open(folder)
            for page in pages { try AtomicWrite.write(Array(page.text.utf8), to: "\(folder)/\(page.name).1") }
        }
        Console.say("\(folder): \(pages.count) pages")
    }
}
