// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Scalars: whole names, and texts that name images.
extension ImageFinder {
    /// Takes in the images of a scalar; returns whether it is or names one.
    mutating func consider(_ node: Int, scope: ImageScope) -> Bool {
        switch scope.place {
        case .image, .namedImage, .images, .imageEntry, .imageSchema, .repository:
            guard let text = table.filled(node), table.scalarType(node) == .string, !ImageName.isDigest(text)
            else {
                return false
            }
            return considerName(text, node: node, scope: scope)
        case .prose:
            guard !known.isEmpty, let text = table.filled(node), ImageName.isTagged(text),
                let reference = try? Reference(text), known.contains(reference)
            else { return false }
            let offset = table.bytes(node).prefix { $0 <= 0x20 }.count
            return take(reference, text: text, range: offset..<offset + text.utf8.count, of: node)
        default:
            let bytes = table.bytes(node)
            guard bytes.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }) else {
                return false
            }
            return considerText(node, scope: scope)
        }
    }

    private mutating func considerName(_ text: String, node: Int, scope: ImageScope) -> Bool {
        let start = table.range(node).lowerBound
        let reference: Reference
        switch self.reference(text) {
        case .success(let read): reference = read
        case .failure(let error):
            if scope.place == .image { note(text, node: node, reason: error.reason) }
            return considerText(node, scope: scope)
        }
        if seen.contains(start) { return true }
        let isTagged = ImageName.isTagged(text)
        let domain = ImageName.domain(ofName: text)
        let isKnown = known.contains(reference)
        if scope.isContainer || isKnown || isTagged && (domain != nil || scope.registry == nil) {
            seen.insert(start)
            let offset = table.bytes(node).prefix { $0 <= 0x20 }.count
            add(
                reference, text: text,
                at: written(offset..<offset + text.utf8.count, of: node) ?? table.range(node)
            )
            if depth == 0 || isKnown { write(reference, text: text, part: .name, in: node) }
            return true
        }
        guard isTagged || domain != nil || text.contains("/") || scope.place == .image else { return false }
        // A repository may be one of sources.
        let isSource = scope.place == .repository && !scope.saysImage
        if isSource, domain == nil || !ImageName.isRegistry(text) { return false }
        guard suspected.insert(start).inserted else { return true }
        addPossible(
            reference, isComplete: isTagged, text: text, at: start,
            isBelowAnyRegistry: domain == nil && scope.registry != nil,
            reason: isTagged
                ? "a registry above it may come before it"
                : domain == nil ? "it has neither a registry nor a tag" : "it has no tag")
        if domain != nil, depth == 0, !isSource || known.containsName(of: reference) {
            write(reference, text: text, part: .name, in: node)
        }
        return true
    }

    /// Takes in the words of a text that are carried images, and notes those that look like images.
    private mutating func considerText(_ node: Int, scope: ImageScope) -> Bool {
        let bytes = table.bytes(node)
        let blanks = bytes.count { $0 <= 0x20 }
        let kind = table.nodes[node].kind
        let isBlock = kind == .literal || kind == .folded
        let isDocument =
            isBlock || bytes.contains(0x0A) || bytes.first == UInt8(ascii: "{")
            || bytes.first == UInt8(ascii: "[")
        let isText =
            isDocument || scope.place == .argument || scope.place == .text || bytes.first == UInt8(ascii: "-")
            || scope.saysImage && blanks == 0 || isAssignment(bytes)
        var any = false
        let isRead = isDocument && lookInside(node, &any)
        for word in ReferenceTokenizer.all(in: bytes) {
            let isApart = isText || word.range.count + blanks == bytes.count
            let text = String(decoding: bytes[word.range], as: UTF8.self)
            let (likeness, reference) = ImageName.likeness(text)
            guard let reference else { continue }
            let isTagged = ImageName.isTagged(text)
            let range = word.range.lowerBound - bytes.startIndex..<word.range.upperBound - bytes.startIndex
            if isTagged, known.contains(reference) {
                any = take(reference, text: text, range: range, of: node) || any
                continue
            }
            let isOfImage = scope.saysImage && isApart && !isDocument || word.isOfImage
            let enough: ImageName.Likeness = isOfImage ? .weak : isApart && !isDocument ? .medium : .strong
            if isRead || word.isComment || likeness < enough || likeness == .weak && !isTagged && !isOfImage {
                continue
            }
            let place = written(range, of: node)?.lowerBound ?? table.range(node).lowerBound
            guard suspected.insert(place).inserted else { continue }
            addPossible(
                reference, isComplete: isTagged, text: text, at: place,
                reason: Self.reason(scope, isDocument: isDocument))
        }
        return any
    }

    /// Whether a text without blanks is `NAME=VALUE`.
    private func isAssignment(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let sign = bytes.firstIndex(of: UInt8(ascii: "=")), sign > bytes.startIndex else {
            return false
        }
        return bytes[..<sign].allSatisfy { ReferenceTokenizer.isPart($0) && $0 != UInt8(ascii: ":") }
    }

    private static func reason(_ scope: ImageScope, isDocument: Bool) -> String {
        switch scope.place {
        case .argument: "it is in an argument or a variable"
        case _ where isDocument: "it is in text"
        case .text: "it is in an annotation or a ConfigMap"
        default: "its key does not say that it is an image"
        }
    }

    /// Takes in a carried image that is a part of a text.
    private mutating func take(_ reference: Reference, text: String, range: Range<Int>, of node: Int)
        -> Bool
    {
        guard let place = written(range, of: node), isOneLine(place) else {
            fix(text, offset: table.range(node).lowerBound, reason: "it is written over several lines")
            return true
        }
        guard seen.insert(place.lowerBound).inserted else { return true }
        let scalar = table.range(node).lowerBound
        let image = named(reference, text)
        scan.references.append(
            ImageMention(image, range: place, position: scan.source.position(of: place.lowerBound)))
        scan.spots.append(
            ImageSpan(
                range: place, scalar: scalar, offset: range.lowerBound, text: text, image: image, part: .name)
        )
        return true
    }

    // MARK: documents within text

    private static let deepest = 3

    /// Looks into a text that is YAML or JSON itself; returns whether it is.
    private mutating func lookInside(_ node: Int, _ any: inout Bool) -> Bool {
        let bytes = table.bytes(node)
        guard depth < Self.deepest, seen.insert(table.range(node).lowerBound).inserted,
            ImageScope.says(bytes) || bytes.contains(where: { $0 == UInt8(ascii: ":") })
        else {
            return false
        }
        let inner = SourceText(Array(bytes), path: scan.source.path)
        var finder = ImageFinder(inner, known: known, depth: depth + 1)
        do throws(Failure) {
            let events = try YAMLEventParser(inner)
            while let document = try NodeTable(next: events) {
                guard !document.isScalar(0) else { return false }
                finder.look(into: document)
            }
        } catch { return false }
        let found = finder.found()
        if found.references.isEmpty, found.possible.isEmpty { return true }
        merge(found, of: node, &any)
        return true
    }

    private mutating func merge(_ found: ImageScan, of node: Int, _ any: inout Bool) {
        let text = table.bytes(node)
        let place = table.textRange(node)
        let scalar = table.range(node).lowerBound
        let map =
            table.nodes[node].isApart
            ? ScalarMap(text, written: scan.source.bytes[place], kind: table.nodes[node].kind) : nil
        func written(_ range: Range<Int>) -> Range<Int>? {
            guard table.nodes[node].isApart else {
                return range.lowerBound + place.lowerBound..<range.upperBound + place.lowerBound
            }
            return map?.written(range)
        }
        for spot in found.spots where known.contains(spot.reference) {
            guard let range = written(spot.range), isOneLine(range), spot.filling == .none else {
                fix(
                    spot.text, offset: scalar,
                    reason: "it is in a document within text, and cannot be changed there")
                continue
            }
            any = true
            seen.insert(range.lowerBound)
            scan.spots.append(
                ImageSpan(
                    range: range, scalar: scalar, offset: spot.range.lowerBound, text: spot.text,
                    image: spot.image, part: spot.part))
        }
        for image in found.references {
            let range = written(image.range) ?? scalar..<scalar
            seen.insert(range.lowerBound)
            add(image.reference, text: image.text, at: range)
        }
        for image in found.possible {
            let offset = found.source.offset(of: image.position)
            let start = written(offset..<offset + 1)?.lowerBound ?? scalar
            addPossible(
                image.reference, isComplete: image.isComplete, text: image.text, at: start,
                isBelowAnyRegistry: image.isBelowAnyRegistry, reason: "it is in a document within text")
        }
    }
}
