// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// Walks documents for images.
struct ImageFinder {
    var scan: ImageScan
    let known: CarriedImages
    /// How many texts of documents this one is inside of.
    let depth: Int
    var table: NodeTable
    /// The nodes that are parts of an image; of an alias, the alias.
    var handled: Set<Int> = []
    /// Where bytes begin that were taken in.
    var seen: Set<Int> = []
    /// Where bytes begin that may be an image, unless they are taken in by another name.
    var suspected: Set<Int> = []
    /// Where values are that are put before the names of images, and are none.
    var registries: Set<SourcePosition> = []
    /// Where scalars with an anchor begin, and an alias of each that is no image.
    private var otherUses: [Int: (name: String, line: Int)] = [:]
    private let keys = KeyWords()
    /// Names that occur again and again are read once.
    private var read: [String: NamedImage] = [:]

    init(_ source: SourceText, known: CarriedImages, depth: Int = 0) {
        scan = ImageScan(source, isYAML: true)
        self.known = known
        self.depth = depth
        table = NodeTable(empty: source)
    }

    /// All that was found, in order of place.
    mutating func found() -> ImageScan {
        if !otherUses.isEmpty {
            for spot in scan.spots {
                guard let alias = otherUses.removeValue(forKey: spot.scalar) else { continue }
                fix(
                    spot.text, offset: spot.scalar,
                    reason: "the alias *\(alias.name) in line \(alias.line), no image, would change with it")
            }
        }
        if !scan.possible.isEmpty {
            let sure = Set(scan.references.map(\.position))
            scan.possible.removeAll { sure.contains($0.position) || registries.contains($0.position) }
        }
        scan.references.sort { $0.range.lowerBound < $1.range.lowerBound }
        scan.possible.sort { $0.position < $1.position }
        scan.unreadable.sort { $0.position < $1.position }
        return scan
    }

    /// Takes in the images of a document.
    mutating func look(into document: NodeTable) {
        table = document
        handled = []
        walk(0, scope: ImageScope(isRoot: true))
    }

    /// Takes in the images of an item of a list, which is dropped from the table afterwards.
    mutating func look(at item: Int, in document: NodeTable) {
        table = document
        handled.removeAll(keepingCapacity: true)
        walk(item, scope: ImageScope())
        // The table is only shared while it is read, so that it need not be copied.
        table = NodeTable(empty: scan.source)
    }

    /// - Precondition: documents nest at most as deep as ``NodeTable`` admits.
    private mutating func walk(_ node: Int, scope: ImageScope) {
        switch table.nodes[node].kind {
        case .alias:
            // What the alias refers to was walked where it is written; only its meaning here may be new.
            let target = table.resolved(node)
            guard table.isScalar(target), !handled.contains(node) else { return }
            let start = table.range(target).lowerBound
            let kind = table.nodes[target].kind
            if !consider(target, scope: scope), kind != .literal, kind != .folded {
                let line = scan.source.position(of: table.range(node).lowerBound).line
                otherUses[start] = (table.aliasName(node), line)
            }
        case .sequence: walkItems(node, scope: scope)
        case .mapping: walkEntries(node, scope: scope)
        default: if !handled.contains(node) { _ = consider(node, scope: scope) }
        }
    }

    private mutating func walkItems(_ node: Int, scope: ImageScope) {
        var inner = scope.item
        var children = table.children(node)
        while let item = children.next() {
            if scope.place == .argument, table.isScalar(item) {
                walk(item, scope: inner)
                // The value may follow its flag.
                let text = table.bytes(item)
                inner.saysImage = text.first == UInt8(ascii: "-") && ImageScope.says(text)
            } else {
                walk(item, scope: inner)
            }
        }
    }

    private mutating func walkEntries(_ node: Int, scope: ImageScope) {
        var scope = scope
        let fields = ImageFields(node, in: table, keys: keys)
        if !fields.isEmpty {
            scope.enter(fields, in: table)
            considerShapes(of: fields, mapping: node, scope: scope)
        }
        var children = table.children(node)
        while let key = children.next(), let value = children.next() {
            guard table.isScalar(key) else { continue }
            let inner = scope.value(under: keys.word(table.bytes(key)), fields, in: table)
            if inner.place == .image || inner.place == .namedImage || inner.place == .repository {
                considerSiblings(of: key, value: value, mapping: node, scope: inner)
            }
            walk(value, scope: inner)
        }
    }

    // MARK: taking in

    /// The reference that `text` is, short names filled in.
    mutating func reference(_ text: String) -> Result<Reference, Failure> {
        if let image = read[text] { return .success(image.reference) }
        do throws(Failure) {
            let reference = try Reference(text)
            read[text] = NamedImage(reference, text: text)
            return .success(reference)
        } catch { return .failure(error) }
    }

    /// A reference and its text, the one that was read where it is the same.
    func named(_ reference: Reference, _ text: String) -> NamedImage {
        if let image = read[text], image.reference == reference { return image }
        return NamedImage(reference, text: text)
    }

    /// Takes in a reference; in a document within text only a carried one counts.
    mutating func add(_ reference: Reference, text: String, at range: Range<Int>) {
        let position = scan.source.position(of: range.lowerBound)
        if depth > 0, !known.contains(reference) {
            scan.possible.append(
                PossibleImage(
                    named(reference, text), isComplete: true, position: position,
                    reason: "it is in a document within text"))
        } else {
            scan.references.append(
                ImageMention(named(reference, text), range: range, position: position))
        }
    }

    mutating func addPossible(
        _ reference: Reference, isComplete: Bool, text: String, at offset: Int,
        isBelowAnyRegistry: Bool = false,
        reason: String
    ) {
        scan.possible.append(
            PossibleImage(
                named(reference, text), isComplete: isComplete, isBelowAnyRegistry: isBelowAnyRegistry,
                position: scan.source.position(of: offset), reason: reason))
    }

    /// Takes in a change of the whole text of a scalar, but for blanks around it.
    mutating func write(_ reference: Reference, text: String, part: ImageSpan.Part, in node: Int) {
        let node = table.resolved(node)
        let bytes = table.bytes(node)
        let offset = bytes.prefix { $0 <= 0x20 }.count
        guard let range = written(offset..<offset + text.utf8.count, of: node), isOneLine(range) else {
            return fix(text, offset: table.range(node).lowerBound, reason: "it is written over several lines")
        }
        let image = named(reference, text)
        scan.spots.append(
            ImageSpan(
                range: range, scalar: table.range(node).lowerBound, offset: offset, text: image.text,
                image: image, part: part))
    }

    mutating func note(_ text: String, node: Int, reason: String) {
        let start = table.range(table.resolved(node)).lowerBound
        guard seen.insert(start).inserted else { return }
        scan.unreadable.append(
            UnreadableImage(text: text, position: scan.source.position(of: start), reason: reason))
    }

    mutating func fix(_ text: String, offset: Int, reason: String) {
        scan.fixed.append(
            UnreadableImage(text: text, position: scan.source.position(of: offset), reason: reason))
    }

    func isOneLine(_ range: Range<Int>) -> Bool {
        !scan.source.bytes[range].contains { $0 == 0x0A || $0 == 0x0D }
    }

    /// Where a range of a scalar's text is written.
    func written(_ range: Range<Int>, of node: Int) -> Range<Int>? {
        let place = table.textRange(node)
        guard table.nodes[node].isApart else {
            return place.lowerBound + range.lowerBound..<place.lowerBound + range.upperBound
        }
        return ScalarMap(table.bytes(node), written: scan.source.bytes[place], kind: table.nodes[node].kind)?
            .written(range)
    }
}
