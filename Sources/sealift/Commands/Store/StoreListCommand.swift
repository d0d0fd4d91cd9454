// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import OCI
internal import Sealer

struct StoreListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List images and layers: sizes, platforms, and who uses what.",
        discussion: """
            EXAMPLES:
              sealift store ls --json
            """)

    @OptionGroup var store: StoreOption
    @Flag(help: "Print the list as JSON.")
    var json = false
    @OptionGroup var words: OutputOptions

    func run() async throws {
        let store = try store.open()
        let survey = try await onThread { () throws(Failure) in try store.survey() }
        if json { return try Console.printJSON(Facts(survey), schema: "store-list/1") }
        for image in survey.images {
            let title =
                Line.bold(image.entry.name)
                + "  \(image.entry.id.prefix(12))  \(image.entry.platform.value)"
            let layers = (image.image?.layers ?? []).compactMap { layer in
                layer.id.map { id in
                    Tree(
                        "\(id.short)  \((survey.layer(id)?.size ?? 0).asBytes)  \(layer.type) \(layer.value)")
                }
            }
            for line in Tree(title + "  \(image.entry.size.asBytes)", children: layers).lines {
                Console.print(line)
            }
        }
        let shared = survey.layers.filter { $0.users.count > 1 }
        let unused = survey.layers.filter { $0.users.isEmpty }
        Console.say(
            "\(survey.images.count) images, \(survey.layers.count) layers, \(shared.count) of them shared")
        if !unused.isEmpty || !survey.unlisted.isEmpty {
            Console.say(
                "\(unused.count) layers and \(survey.unlisted.count) image files that nothing refers to; "
                    + "`sealift store gc` removes them")
        }
    }

    private struct Facts: Encodable {
        struct Image: Encodable {
            let name: String, id: String, platform: Platform, created: String, size: Int64, layers: [Digest]
        }
        struct Layer: Encodable { let id: Digest, size: Int64, isWhole: Bool, users: [String] }
        let images: [Image]
        let layers: [Layer]
        let unlisted: [String]
        let leftovers: [String]

        init(_ survey: StoreSurvey) {
            images = survey.images.map {
                Image(
                    name: $0.entry.name, id: $0.entry.id, platform: $0.entry.platform.value,
                    created: $0.entry.created, size: $0.entry.size, layers: $0.image?.layerIDs ?? [])
            }
            layers = survey.layers.map {
                Layer(id: $0.id, size: $0.size, isWhole: $0.isWhole, users: $0.users)
            }
            unlisted = survey.unlisted
            leftovers = survey.leftovers + survey.strangers
        }
    }
}
