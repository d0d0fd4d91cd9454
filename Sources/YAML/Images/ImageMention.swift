// SPDX-License-Identifier: Apache-2.0
package import OCI

/// An image reference in a text: what it names and where it is.
package struct ImageReference: Sendable, Hashable {
    /// The image, short names filled in as docker does.
    package let reference: Reference
    /// The reference as it is written; of one in parts, the parts put together.
    package let text: String
    /// The bytes that hold it, quotes not included; of one in parts, its repository.
    package let range: Range<Int>
    /// Line and column of the first of these bytes.
    package let position: SourcePosition
}

/// A value that stands where an image is named, and names none: a template, a misspelt name.
package struct UnreadableImage: Sendable, Hashable {
    /// The value as it is written.
    package let text: String
    /// Line and column of its first byte.
    package let position: SourcePosition
    /// Why it is no reference.
    package let reason: String
}

/// The image references of one file, in the order of their place.
package struct ImageScan: Sendable {
    /// What was scanned.
    package let source: SourceText
    /// References found.
    package internal(set) var references: [ImageReference] = []
    /// Values that should be references.
    package internal(set) var unreadable: [UnreadableImage] = []
    /// References that a rewrite cannot change without changing something else, and why.
    package internal(set) var fixed: [UnreadableImage] = []
    /// What a rewrite changes.
    var spots: [ImageSpot] = []
    let isYAML: Bool

    init(_ source: SourceText, isYAML: Bool) {
        self.source = source
        self.isYAML = isYAML
    }

    /// Finds the images of Kubernetes YAML, any number of documents.
    ///
    /// An image is the scalar value of a key that ends in `image` (`image`, `initImage`, as sealer has it),
    /// at any depth and in any kind; of other keys than `image` only values with a tag, digest or slash. So is
    /// the `default` of a property `image` in a CRD's schema, and an image in parts (`repository` and `tag`
    /// beside each other, as Helm's values have it) below a key that ends in `image`.
    ///
    /// Where only one of `known` counts: values of `env`, items of `args` and `command`, and text in blocks
    /// (`|`, `>`: files in a ConfigMap), as words with a tag or a digest of their own; other `repository` and
    /// `tag` beside each other.
    /// - Throws: a ``Failure`` of kind `data` with line and column where it is not YAML.
    package static func yaml(
        _ bytes: [UInt8], path: String, known: Set<Reference> = []
    ) throws(Failure) -> ImageScan {
        let source = SourceText(bytes, path: path)
        var finder = ImageFinder(source, known: known)
        var documents = try YamlDocuments(source)
        while let document = try documents.next() { finder.walk(document.root, .other) }
        return finder.found()
    }

    /// Finds the images of an imageList: the ``ImageListEntries`` of it.
    /// - Throws: a ``Failure`` of kind `data` with line and column for a line that is not an image.
    package static func imageList(_ bytes: [UInt8], path: String) throws(Failure) -> ImageScan {
        var scan = ImageScan(SourceText(bytes, path: path), isYAML: false)
        for entry in ImageListEntries(bytes).entries { try scan.append(listed: bytes[entry.range]) }
        return scan
    }

    /// The images that a reader of another form has found, with the bytes that hold each. A rewrite leaves them alone.
    package static func found(
        _ images: [(reference: Reference, range: Range<Int>)], in source: SourceText
    ) -> ImageScan {
        var scan = ImageScan(source, isYAML: true)
        scan.references = images.map { image in
            ImageReference(
                reference: image.reference, text: String(decoding: source.bytes[image.range], as: UTF8.self),
                range: image.range, position: source.position(of: image.range.lowerBound))
        }
        return scan
    }

    private mutating func append(listed line: ArraySlice<UInt8>) throws(Failure) {
        let text = String(decoding: line, as: UTF8.self)
        func refuse(_ reason: String, _ remedy: String) -> Failure {
            source.refuse("read the imageList", at: line.startIndex, reason, remedy: remedy)
        }
        if text.hasPrefix("- ") {
            throw refuse("sealer takes the dash for a part of the name", "take '- ' away")
        }
        let reference: Reference
        do { reference = try Reference(text) } catch { throw refuse(error.reason, error.remedy) }
        add(reference, text, line.startIndex..<line.endIndex, in: line.startIndex)
    }

    /// Takes in a whole reference that stands at `range`, in the scalar that begins at `scalar`.
    mutating func add(_ reference: Reference, _ text: String, _ range: Range<Int>, in scalar: Int) {
        references.append(
            ImageReference(
                reference: reference, text: text, range: range,
                position: source.position(of: range.lowerBound)))
        spots.append(
            ImageSpot(range: range, scalar: scalar, text: text, reference: reference, part: .whole))
    }
}
