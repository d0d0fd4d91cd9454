// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The section `images`.
extension SpecReading {
    mutating func images(_ node: YamlNode?) -> [Reference] {
        var all: [Reference] = []
        var first: [Reference: SourcePosition] = [:]
        for item in list(node, as: "images") {
            let place = mark(item, part: .image(all.count))
            guard let image = image(item) else { continue }
            if let before = first[image] {
                note(item, message: "the image \(image.familiar) is listed in line \(before.line) already")
            }
            first[image] = place
            all.append(image)
        }
        return all
    }

    /// A reference, or `{ image: REFERENCE, from: ARCHIVE, attached: KINDS }`.
    private mutating func image(_ node: YamlNode) -> Reference? {
        let keys = ["image", "from", "attached"]
        guard node.entries?.contains(where: { keys.contains($0.key.text ?? "") }) == true else {
            return reference(node, as: "an image", defaults: .docker)
        }
        guard let fields = mapping(node, as: "the image", keys: keys, required: ["image"]),
            let image = fields["image"].flatMap({ reference($0, as: "an image", defaults: .docker) })
        else { return nil }
        if fields.count == 1 {
            note(node, message: "the image has neither 'from' nor 'attached'; write only its name")
        }
        if let from = fields["from"] { archives(from, of: image) }
        if let node = fields["attached"] { attached(node, of: image) }
        return image
    }

    /// One archive for all platforms, or one a platform.
    private mutating func archives(_ node: YamlNode, of image: Reference) {
        guard node.entries != nil else {
            guard let from = location(node) else { return }
            return context.archives.append(.init(image: image, platform: nil, from: from))
        }
        var lacking = context.platforms
        for (key, value) in named(node, as: "the archives of \(image.familiar)") {
            guard let platform = platform(key) else { continue }
            if !context.platforms.contains(platform) {
                note(
                    key,
                    message: "the spec carries no \(platform); add it to platforms or take this line away")
            }
            lacking.removeAll { $0 == platform }
            guard let from = location(value) else { continue }
            context.archives.append(.init(image: image, platform: platform, from: from))
        }
        guard !lacking.isEmpty else { return }
        let names = lacking.map(\.description).joined(separator: ", ")
        note(node, message: "there is no archive of \(image.familiar) for \(names)")
    }

    private mutating func location(_ node: YamlNode) -> ArchiveLocation? {
        guard let text = text(node, as: "an archive") else { return nil }
        do throws(Failure) { return try ArchiveLocation(text) } catch {
            note(node, message: "'\(text.prefix(120))' is no image archive: \(error.reason)")
            return nil
        }
    }
}
