// SPDX-License-Identifier: Apache-2.0
internal import YAML
internal import OCI

/// The sections `images` and `imagesFrom`.
extension SpecParser {
    /// The images of all files, those of included ones first. One that is listed again in a file that includes the other
    /// is what that file says.
    mutating func images() -> [Reference] {
        var all: [Reference] = []
        var first: [Reference: (index: Int, node: PlacedNode)] = [:]
        forEach("images") { reading, node in
            if node.items == nil { reading.gaps.lacksImages = true }
            for item in reading.list(node, as: "images") {
                let before = reading.context
                let count = reading.problems.count
                guard let image = reading.image(item) else {
                    reading.note(unreadable: item)
                    continue
                }
                if reading.problems.count > count { reading.gaps.images.insert(image) }
                let found = PlacedNode(part: reading.current, key: item, value: item)
                guard let known = first[image] else {
                    reading.mark(item, part: .image(all.count))
                    first[image] = (all.count, found)
                    all.append(image)
                    continue
                }
                if reading.settle(image, known.node, item, before: before) {
                    reading.mark(item, part: .image(known.index))
                    first[image] = (known.index, found)
                }
            }
        }
        return all
    }

    /// Whether an image that is listed again is what the later place says; what the other said of it is taken back then.
    private mutating func settle(
        _ image: Reference, _ known: PlacedNode, _ item: YAMLNode, before: Context
    ) -> Bool {
        let place = place(of: known)
        if known.part == current {
            note(
                item, message: "the image \(image.familiar) is listed in line \(place.position.line) already")
            return false
        }
        guard counts(over: known.part) else {
            let isSame = text(of: known) == source.bytes[item.range]
            if !isSame { conflict("the image \(image.familiar)", at: item, with: place) }
            context = before
            return false
        }
        let (archives, attached, platforms) = (
            before.archives.count, before.attached.count, before.imagePlatforms.count
        )
        context.archives = before.archives.filter { $0.image != image } + context.archives[archives...]
        context.attached = before.attached.filter { $0.image != image } + context.attached[attached...]
        context.imagePlatforms =
            before.imagePlatforms.filter { $0.image != image } + context.imagePlatforms[platforms...]
        return true
    }

    /// Names of files, or `{ file: NAME, members: PATTERNS }`.
    mutating func imagesFrom() -> [Spec.ImagesFrom] {
        var all: [(one: Spec.ImagesFrom, part: Int)] = []
        forEach("imagesFrom") { reading, node in
            for item in node.entries != nil ? [node] : reading.oneOrMore(node, as: "imagesFrom") {
                guard let one = reading.fileOfImages(item) else { continue }
                if let known = all.first(where: { $0.one == one }) {
                    if known.part == reading.current {
                        reading.note(item, message: "the images of '\(one.file)' are taken twice")
                    }
                    continue
                }
                reading.mark(item, part: .imagesFrom(all.count))
                all.append((one, reading.current))
            }
        }
        return all.map(\.one)
    }

    private mutating func fileOfImages(_ node: YAMLNode) -> Spec.ImagesFrom? {
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

    /// Takes the image that a faulty entry means, as far as its letters tell, for one that is not to be had.
    private mutating func note(unreadable node: YAMLNode) {
        let name = node.entries?.first { $0.key.text == "image" }?.value ?? node
        let letters = (name.text ?? "").lowercased().filter {
            $0.isASCII && ($0.isLetter || $0.isNumber || "._-/:@".contains($0))
        }
        if let image = try? Reference(letters) {
            gaps.images.insert(image)
        } else {
            gaps.lacksImages = true
        }
    }

    /// A reference, or `{ image: REFERENCE, from: ARCHIVE, platforms: PLATFORMS, attached: KINDS }`.
    private mutating func image(_ node: YAMLNode) -> Reference? {
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
    private mutating func platforms(_ node: YAMLNode?, of image: Reference) -> [Platform] {
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
    private mutating func archives(_ node: YAMLNode, of image: Reference, for platforms: [Platform]) {
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

    private mutating func location(_ node: YAMLNode) -> ArchiveLocation? {
        guard let text = text(node, as: "an archive") else { return nil }
        do throws(Failure) {
            let found = try ArchiveLocation(text)
            return try ArchiveLocation(
                "\(found.form.rawValue):\(fromSpec(found.path))" + (found.name.map { ":" + $0 } ?? ""))
        } catch {
            note(node, message: "'\(text.prefix(120))' is no image archive: \(error.reason)")
            return nil
        }
    }
}
