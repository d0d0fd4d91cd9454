// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Walks a document for images.
struct ImageFinder {
    /// What the place of a node says about its scalars.
    enum Place {
        /// The value of a key that names an image; `certain` for `image` itself.
        case image(certain: Bool)
        /// The schema of a property that names an image.
        case imageSchema
        /// An item of `args` or `command`, or an env's `value`.
        case hint
        /// A list of env entries.
        case environment
        /// Anything else.
        case other
    }

    private var scan: ImageScan
    private let known: Set<Reference>
    private var seen: Set<Int> = []
    /// Where scalars with an anchor begin, and an alias of each that is no image.
    private var otherUses: [Int: YamlNode] = [:]
    /// Where the aliases begin that are parts of an image.
    private var parts: Set<Int> = []
    /// Where scalars begin whose words were looked at.
    private var read: Set<Int> = []

    init(_ source: SourceText, known: Set<Reference>) {
        scan = ImageScan(source, isYAML: true)
        self.known = known
    }

    /// All that was found, in order of place.
    mutating func found() -> ImageScan {
        for spot in scan.spots {
            guard let alias = otherUses.removeValue(forKey: spot.scalar),
                case .alias(let name, _) = alias.content
            else { continue }
            let line = scan.source.position(of: alias.range.lowerBound).line
            fix(spot.text, spot.scalar, "the alias *\(name) in line \(line), no image, would change with it")
        }
        scan.references.sort { $0.range.lowerBound < $1.range.lowerBound }
        scan.unreadable.sort { $0.position < $1.position }
        return scan
    }

    mutating func walk(_ node: YamlNode, _ place: Place) {
        switch node.content {
        case .scalar: _ = consider(node, place)
        case .alias(_, let target):
            // What the alias points to was walked in its place; only its meaning here may be new.
            guard case .scalar(_, let style) = target.content, !parts.contains(node.range.lowerBound) else {
                return
            }
            let isText = style == .literal || style == .folded
            if !consider(target, place), !isText { otherUses[target.range.lowerBound] = node }
        case .sequence(let items, _):
            for item in items {
                if case .image = place { walk(item, .other) } else { walk(item, place) }
            }
        case .mapping(let entries, _):
            let underImage = if case .image = place { true } else { false }
            if let image = SplitImage(entries, underImage: underImage) { consider(image) }
            for entry in entries { walk(entry.value, inside(place, under: entry.key.text ?? "")) }
        }
    }

    /// What stands under `key` in a mapping at `place`.
    private func inside(_ place: Place, under key: String) -> Place {
        switch (place, key) {
        case (.image, "type"), (.image, "default"), (.image, "description"):
            return key == "default" ? .imageSchema : .other
        case (.environment, "value"): return .hint
        case (_, "env"): return .environment
        case (_, "args"), (_, "command"): return .hint
        case (_, "image"): return .image(certain: true)
        default: return key.lowercased().hasSuffix("image") ? .image(certain: false) : .other
        }
    }

    /// Takes in the images of a scalar; tells whether there is one, now or before.
    private mutating func consider(_ node: YamlNode, _ place: Place) -> Bool {
        guard case .scalar(let whole, let style) = node.content else { return false }
        let text = Self.trimmed(whole)
        guard !text.isEmpty else { return false }
        switch place {
        case .image(let certain):
            guard node.scalarType == .string, certain || Self.isTelling(text) else { return false }
            do throws(Failure) {
                return append(try Reference(text), text, node)
            } catch {
                if certain { note(text, node, error.reason) }
                return false
            }
        case .imageSchema:
            guard Self.isTelling(text), let reference = try? Reference(text) else { return false }
            return append(reference, text, node)
        case .hint:
            if known.isEmpty { return false }
            let value = Self.afterFlag(text)
            if Self.isTelling(value), let reference = try? Reference(value), known.contains(reference) {
                return append(reference, value, node)
            }
            return considerWords(of: node, style)
        case .environment, .other:
            guard !known.isEmpty, style == .literal || style == .folded else { return false }
            return considerWords(of: node, style)
        }
    }

    /// Takes in known images that a longer text names.
    private mutating func considerWords(of node: YamlNode, _ style: YamlNode.Style) -> Bool {
        guard read.insert(node.range.lowerBound).inserted else { return true }
        var any = false
        for range in Words.all(in: scan.source.bytes[node.range], escapes: style == .doubleQuoted) {
            let text = String(decoding: scan.source.bytes[range], as: UTF8.self)
            guard let reference = try? Reference(text), known.contains(reference) else { continue }
            any = true
            if seen.insert(range.lowerBound).inserted {
                scan.add(reference, text, range, in: node.range.lowerBound)
            }
        }
        return any
    }

    /// Takes in an image in parts.
    private mutating func consider(_ image: SplitImage) {
        let reference: Reference
        do throws(Failure) { reference = try Reference(image.text) } catch {
            if image.isCertain { note(image.text, image.name.resolved, error.reason) }
            return
        }
        let isKnown =
            image.isComplete
            ? known.contains(reference)
            : known.contains { ($0.domain, $0.repository) == (reference.domain, reference.repository) }
        guard image.isCertain || isKnown else { return }
        for case .some(let node) in [image.name, image.registry] { parts.insert(node.range.lowerBound) }
        for (node, text, part) in image.parts(reference) {
            guard let range = bytes(of: text, in: node.resolved), isOneLine(range) else {
                return fix(image.text, node.range.lowerBound, "it is written over several lines")
            }
            scan.spots.append(
                ImageSpot(
                    range: range, scalar: node.resolved.range.lowerBound, text: text, reference: reference,
                    part: part))
        }
        guard let range = bytes(of: image.name.text ?? "", in: image.name.resolved) else { return }
        defer { seen.insert(range.lowerBound) }
        guard image.isComplete else {
            return note(image.text, image.name.resolved, "it has no tag: who fills it in is not known here")
        }
        scan.references.append(
            ImageReference(
                reference: reference, text: image.text, range: range,
                position: scan.source.position(of: range.lowerBound)))
    }

    private mutating func append(_ reference: Reference, _ text: String, _ node: YamlNode) -> Bool {
        guard let range = bytes(of: text, in: node), isOneLine(range) else {
            fix(text, node.range.lowerBound, "it is written over several lines")
            return true
        }
        if seen.insert(range.lowerBound).inserted {
            scan.add(reference, text, range, in: node.range.lowerBound)
        }
        return true
    }

    private mutating func note(_ text: String, _ node: YamlNode, _ reason: String) {
        guard seen.insert(node.range.lowerBound).inserted else { return }
        scan.unreadable.append(
            UnreadableImage(
                text: text, position: scan.source.position(of: node.range.lowerBound), reason: reason))
    }

    private mutating func fix(_ text: String, _ offset: Int, _ reason: String) {
        scan.fixed.append(
            UnreadableImage(text: text, position: scan.source.position(of: offset), reason: reason))
    }

    private func isOneLine(_ range: Range<Int>) -> Bool {
        !scan.source.bytes[range].contains { $0 == 0x0A || $0 == 0x0D }
    }

    /// Where `text` stands in the node's bytes. Where it is written with escapes or over several lines, all
    /// between the quotes is taken: a reference needs neither.
    private func bytes(of text: String, in node: YamlNode) -> Range<Int>? {
        let written = scan.source.bytes[node.range]
        let wanted = Array(text.utf8)
        if let end = written.indices.last(where: { at in
            at + wanted.count <= written.endIndex && written[at..<at + wanted.count].elementsEqual(wanted)
        }) {
            return end..<end + wanted.count
        }
        guard case .scalar(let whole, .doubleQuoted) = node.content, whole == text else { return nil }
        return node.range.lowerBound + 1..<node.range.upperBound - 1
    }

    /// `--image=nginx:1` without the flag; what is no flag, whole.
    private static func afterFlag(_ text: String) -> String {
        guard text.hasPrefix("-"), let equals = text.firstIndex(of: "=") else { return text }
        return String(text[text.index(after: equals)...])
    }

    /// Whether a text has a mark of a reference: a tag, a digest or a slash.
    private static func isTelling(_ text: String) -> Bool {
        text.utf8.contains { ":@/".utf8.contains($0) }
    }

    private static func trimmed(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard let first = bytes.firstIndex(where: { $0 > 0x20 }),
            let last = bytes.lastIndex(where: { $0 > 0x20 })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
