// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The sections `images` and `imagesFrom`.
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

    /// Names of files, or `{ file: NAME, members: PATTERNS }`.
    mutating func imagesFrom(_ node: YamlNode?) -> [Spec.ImagesFrom] {
        var all: [Spec.ImagesFrom] = []
        let isOne = node?.entries != nil
        for item in isOne ? [node].compactMap(\.self) : oneOrMore(node, as: "imagesFrom") {
            mark(item, part: .imagesFrom(all.count))
            guard let one = fileOfImages(item) else { continue }
            if all.contains(one) { note(item, message: "the images of '\(one.file)' are taken twice") }
            all.append(one)
        }
        return all
    }

    private mutating func fileOfImages(_ node: YamlNode) -> Spec.ImagesFrom? {
        guard node.entries != nil else {
            if let text = node.text, text.contains("/"), context.files[text] == nil {
                note(
                    node,
                    message:
                        "expected the name of one of 'files'; for the path '\(text.prefix(80))' write a file with 'path' there, "
                        + "and its name here")
                return nil
            }
            return fileName(node).map { Spec.ImagesFrom(file: $0) }
        }
        guard let fields = mapping(node, as: "imagesFrom", keys: ["file", "members"], required: ["file"]),
            let file = fields["file"].flatMap({ fileName($0) })
        else { return nil }
        let members = fields["members"].map { list in
            oneOrMore(list, as: "members").compactMap { path($0, as: "a member of the archive") }
        }
        return Spec.ImagesFrom(file: file, members: members)
    }

    /// A reference, or `{ image: REFERENCE, from: ARCHIVE, platforms: PLATFORMS, attached: KINDS }`.
    private mutating func image(_ node: YamlNode) -> Reference? {
        let keys = ["image", "from", "platforms", "attached"]
        guard node.entries?.contains(where: { keys.contains($0.key.text ?? "") }) == true else {
            return reference(node, as: "an image", defaults: .docker)
        }
        guard let fields = mapping(node, as: "the image", keys: keys, required: ["image"]),
            let image = fields["image"].flatMap({ reference($0, as: "an image", defaults: .docker) })
        else { return nil }
        if fields.count == 1 {
            note(
                node,
                message: "the image has none of 'from', 'platforms' and 'attached'; write only its name")
        }
        let platforms = self.platforms(fields["platforms"], of: image)
        if let from = fields["from"] { archives(from, of: image, for: platforms) }
        if let node = fields["attached"] { attached(node, of: image) }
        return image
    }

    /// The platforms that an image is carried for: some of the spec's, all where there is no node.
    private mutating func platforms(_ node: YamlNode?, of image: Reference) -> [Platform] {
        guard let node else { return context.platforms }
        var own: [Platform] = []
        for item in oneOrMore(node, as: "the platforms of \(image.familiar)") {
            guard let platform = platform(item) else { continue }
            if !context.platforms.contains(platform) {
                note(
                    item, message: "the spec carries no \(platform); add it to platforms or take it away here"
                )
            }
            if own.contains(platform) { note(item, message: "the platform \(platform) is listed twice") }
            own.append(platform)
        }
        context.imagePlatforms.append(.init(image: image, platforms: own))
        return own
    }

    /// One archive for all platforms, or one a platform.
    private mutating func archives(_ node: YamlNode, of image: Reference, for platforms: [Platform]) {
        guard node.entries != nil else {
            guard let from = location(node) else { return }
            return context.archives.append(.init(image: image, platform: nil, from: from))
        }
        var lacking = platforms
        for (key, value) in named(node, as: "the archives of \(image.familiar)") {
            guard let platform = platform(key) else { continue }
            if !platforms.contains(platform) {
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
