// SPDX-License-Identifier: Apache-2.0
package import OCI

/// One replacement of a rewrite.
package struct ImageChange: Sendable, Hashable {
    /// The bytes that are replaced, within one line; none where a value is filled in.
    package let range: Range<Int>
    /// Line and column of the first of them.
    package let position: SourcePosition
    /// The part of an image's name that is written there, escapes resolved.
    package let before: String
    /// What comes in its place.
    package let after: String
    /// What is written in place of the bytes: ``after``, or it in quotes.
    package let written: String
    /// Where the scalar begins that holds the bytes.
    let scalar: Int
    /// Where the part begins in the text of the scalar.
    let offset: Int
}

extension ImageScan {
    /// What a rewrite to `registry` changes, in order of place; empty where all images are there already.
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
        var last: (range: Range<Int>, after: String)?
        for spot in spotsInOrder {
            let after = spot.text(in: registry)
            if let before = last, before.range == spot.range {
                guard before.after == after else {
                    throw Failure(
                        .configuration, "rewrite the image '\(spot.text)' in",
                        source.place(spot.range.lowerBound),
                        because: "two images share it and resolve to different names",
                        remedy: "write the name out at each place")
                }
                continue
            }
            last = (spot.range, after)
            if spot.text == after { continue }
            changes.append(
                ImageChange(
                    range: spot.range, position: source.position(of: spot.range.lowerBound),
                    before: spot.text, after: after, written: spot.filling.around(after),
                    scalar: spot.scalar, offset: spot.offset))
        }
        return changes
    }

    private var spotsInOrder: [ImageSpan] {
        let isOrdered = zip(spots, spots.dropFirst()).allSatisfy {
            $0.range.lowerBound <= $1.range.lowerBound
        }
        return isOrdered ? spots : spots.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// The bytes with every image moved to `registry`, every other byte as it was. The result is read again:
    /// it differs from what was there in these values only.
    /// - Parameter registry: `host[:port]`, like `sea.hub:5000`.
    /// - Throws: a ``Failure`` of kind `configuration` for an image that cannot be changed alone.
    package func rewritten(to registry: String) throws(Failure) -> [UInt8] {
        try rewritten(changes(to: registry))
    }

    /// The bytes with `changes` made to them.
    /// - Parameter changes: what ``changes(to:)`` gave.
    /// - Throws: a ``Failure`` of kind `configuration` for an image that cannot be changed alone.
    package func rewritten(_ changes: [ImageChange]) throws(Failure) -> [UInt8] {
        guard !changes.isEmpty else { return source.bytes }
        var result: [UInt8] = []
        result.reserveCapacity(source.bytes.count + changes.count * 16)
        var at = 0
        for change in changes {
            result.append(contentsOf: source.bytes[at..<change.range.lowerBound])
            result.append(contentsOf: change.written.utf8)
            at = change.range.upperBound
        }
        result.append(contentsOf: source.bytes[at...])
        guard isYAML else { return result }
        var proof = RewriteProof(changes)
        try proof.check(source, after: SourceText(uncounted: result, path: source.path))
        return result
    }

    /// The possible images that a rewrite leaves as they are. It changes those whose registry is understood, and whose
    /// tag is not known.
    package var left: [PossibleImage] {
        let changed = possible.isEmpty ? [] : Set(spots.map(\.reference))
        return possible.filter { !changed.contains($0.reference) }
    }

    /// Compares the files of one rewrite with each other: without their domains, two images must not become
    /// one, as the cluster's registry knows none.
    /// - Throws: a ``Failure`` of kind `configuration` that names both places.
    package static func checkApart(_ scans: [ImageScan], in registry: String) throws(Failure) {
        var seen: [String: (domain: String, place: (scan: Int, image: Int))] = [:]
        for (number, scan) in scans.enumerated() {
            for (index, image) in scan.references.enumerated() where image.reference.domain != registry {
                let name = image.reference.path
                guard let other = seen.updateValue((image.reference.domain, (number, index)), forKey: name),
                    other.domain != image.reference.domain
                else { continue }
                let first = scans[other.place.scan].references[other.place.image]
                throw Failure(
                    .configuration, "rewrite", "\(scan.source.path):\(image.position)",
                    because: "\(image.reference) and \(first.reference) in "
                        + "\(scans[other.place.scan].source.path):\(first.position) would both be "
                        + "\(registry)/\(name)", remedy: "take one of the two, or rewrite the files apart")
            }
        }
    }
}
