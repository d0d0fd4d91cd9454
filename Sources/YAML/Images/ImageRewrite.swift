// SPDX-License-Identifier: Apache-2.0
package import OCI

/// One replacement of a rewrite.
package struct ImageChange: Sendable, Hashable {
    /// The bytes that are replaced, within one line.
    package let range: Range<Int>
    /// Line and column of the first of them.
    package let position: SourcePosition
    /// The part of an image's name that is there, escapes resolved.
    package let before: String
    /// What comes in its place.
    package let after: String
}

extension ImageScan {
    /// What a rewrite to `registry` changes, in order of place; empty where all images lead there already.
    /// - Parameter registry: `host[:port]`, like `sea.hub:5000`.
    /// - Throws: a ``Failure`` of kind `configuration` for an image that cannot be changed alone.
    package func changes(to registry: String) throws(Failure) -> [ImageChange] {
        if let first = fixed.first {
            let more = fixed.count > 1 ? " (and \(fixed.count - 1) more like it)" : ""
            throw Failure(
                .configuration, "rewrite the image '\(first.text)' in", "\(source.path):\(first.position)",
                because: first.reason + more, remedy: "write the name out at each place, on one line")
        }
        var changes: [ImageChange] = []
        for spot in spots.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            let after = spot.text(in: registry)
            if let last = changes.last, last.range == spot.range {
                guard last.after == after else {
                    throw Failure(
                        .configuration, "rewrite the image '\(spot.text)' in",
                        source.place(spot.range.lowerBound),
                        because: "two images share it and lead to different names",
                        remedy: "write the name out at each place")
                }
                continue
            }
            changes.append(
                ImageChange(
                    range: spot.range, position: source.position(of: spot.range.lowerBound),
                    before: spot.text, after: after))
        }
        return changes.filter { $0.before != $0.after }
    }

    /// The bytes with every image led to `registry`, every other byte as it was. The result is read again:
    /// it differs from what was there in these values alone.
    /// - Parameter registry: `host[:port]`, like `sea.hub:5000`.
    /// - Throws: a ``Failure`` of kind `configuration` for an image that cannot be changed alone.
    package func rewritten(to registry: String) throws(Failure) -> [UInt8] {
        let changes = try changes(to: registry)
        guard !changes.isEmpty else { return source.bytes }
        var result: [UInt8] = []
        result.reserveCapacity(source.bytes.count + changes.count * 16)
        var at = 0
        for change in changes {
            result.append(contentsOf: source.bytes[at..<change.range.lowerBound])
            result.append(contentsOf: change.after.utf8)
            at = change.range.upperBound
        }
        result.append(contentsOf: source.bytes[at...])
        guard isYAML else { return result }
        var proof = RewriteProof(changes)
        try proof.check(source, SourceText(result, path: source.path))
        return result
    }

    /// Holds the files of one rewrite against each other: without their domains, two images must not become
    /// one, as the cluster's registry knows none.
    /// - Throws: a ``Failure`` of kind `configuration` that names both places.
    package static func checkApart(_ scans: [ImageScan], in registry: String) throws(Failure) {
        var seen: [String: (reference: Reference, place: String)] = [:]
        for scan in scans {
            for image in scan.references where image.reference.domain != registry {
                let place = "\(scan.source.path):\(image.position)"
                let name = image.reference.path
                guard let other = seen.updateValue((image.reference, place), forKey: name),
                    other.reference.domain != image.reference.domain
                else { continue }
                throw Failure(
                    .configuration, "rewrite", place,
                    because: "\(image.reference) and \(other.reference) in \(other.place) would both be "
                        + "\(registry)/\(name)", remedy: "take one of the two, or rewrite the files apart")
            }
        }
    }
}

/// Reads a rewritten file again, beside the file before, and compares every value.
private struct RewriteProof {
    private var left: ArraySlice<ImageChange>

    init(_ changes: [ImageChange]) { left = changes[...] }

    mutating func check(_ before: SourceText, _ after: SourceText) throws(Failure) {
        func refuse(_ offset: Int, _ reason: String) -> Failure {
            Failure(
                .configuration, "rewrite the images of", before.place(offset), because: reason,
                remedy: "write the name in quotes, on one line, and try again")
        }
        let first = left.first?.range.lowerBound ?? 0
        var old = try YamlDocuments(before)
        do throws(Failure) {
            var new = try YamlDocuments(after)
            while let one = try old.next() {
                guard let other = try new.next() else { throw refuse(first, "the result lacks a document") }
                if let place = difference(one.root, other.root) {
                    throw refuse(place, "another value would change with it")
                }
            }
            guard try new.next() == nil, left.isEmpty else {
                throw refuse(left.first?.range.lowerBound ?? first, "the result does not hold it")
            }
        } catch {
            throw error.kind == .configuration
                ? error : refuse(first, "the result would not parse (\(error.reason))")
        }
    }

    /// Where two nodes differ in what no change explains.
    private mutating func difference(_ before: YamlNode, _ after: YamlNode) -> Int? {
        let place = before.range.lowerBound
        guard before.anchor == after.anchor, before.tag == after.tag else { return place }
        switch (before.content, after.content) {
        case (.scalar(let old, let style), .scalar(let new, let newStyle)):
            guard style == newStyle, before.scalarType == after.scalarType else { return place }
            return expected(old, in: before.range) == new ? nil : place
        case (.sequence(let old, _), .sequence(let new, _)):
            guard old.count == new.count else { return place }
            for (one, other) in zip(old, new) {
                if let found = difference(one, other) { return found }
            }
            return nil
        case (.mapping(let old, _), .mapping(let new, _)):
            guard old.count == new.count else { return place }
            for (one, other) in zip(old, new) {
                if let found = difference(one.key, other.key) { return found }
                if let found = difference(one.value, other.value) { return found }
            }
            return nil
        case (.alias(let old, _), .alias(let new, _)): return old == new ? nil : place
        default: return place
        }
    }

    /// The scalar's text with the changes within `range` made to it.
    private mutating func expected(_ text: String, in range: Range<Int>) -> String? {
        var done = ""
        var rest = text[...]
        while let change = left.first, range.contains(change.range.lowerBound) {
            left.removeFirst()
            guard let found = Words.first(change.before, in: rest) else { return nil }
            done += rest[..<found.lowerBound] + change.after
            rest = rest[found.upperBound...]
        }
        return done + rest
    }
}
