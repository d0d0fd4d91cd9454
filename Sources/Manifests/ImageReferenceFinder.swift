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

    var scan: ImageScan
    private let known: Set<Reference>
    private var seen: Set<Int> = []

    init(_ source: SourceText, known: Set<Reference>) {
        scan = ImageScan(source)
        self.known = known
    }

    mutating func walk(_ node: YamlNode, _ place: Place) {
        switch node.content {
        case .scalar: consider(node, place)
        case .alias(_, let target):
            // What the alias leads to was walked where it stands; only its meaning here may be new.
            if case .scalar = target.content { consider(target, place) }
        case .sequence(let items, _):
            for item in items {
                if case .image = place { walk(item, .other) } else { walk(item, place) }
            }
        case .mapping(let entries, _):
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

    private mutating func consider(_ node: YamlNode, _ place: Place) {
        guard case .scalar(let whole, _) = node.content else { return }
        let text = Self.trimmed(whole)
        guard !text.isEmpty else { return }
        switch place {
        case .image(let certain):
            guard node.scalarType == .string else { return }
            guard certain || Self.isTelling(text) else { return }
            do throws(Failure) {
                append(try Reference(text), text, node)
            } catch {
                guard certain, seen.insert(node.range.lowerBound).inserted else { return }
                scan.unreadable.append(
                    UnreadableImage(
                        text: text, position: scan.source.position(of: node.range.lowerBound),
                        reason: error.reason))
            }
        case .imageSchema:
            if Self.isTelling(text), let reference = try? Reference(text) { append(reference, text, node) }
        case .hint:
            let value = Self.afterFlag(text)
            guard Self.isTelling(value), let reference = try? Reference(value), known.contains(reference)
            else {
                return
            }
            append(reference, value, node)
        case .environment, .other: return
        }
    }

    private mutating func append(_ reference: Reference, _ text: String, _ node: YamlNode) {
        guard let range = bytes(of: text, in: node), seen.insert(range.lowerBound).inserted else { return }
        scan.references.append(
            ImageReference(
                reference: reference, text: text, range: range,
                position: scan.source.position(of: range.lowerBound)))
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
