// SPDX-License-Identifier: Apache-2.0
package import OCI

/// A name of an image as it is written, and what it means. The many places that have it share one.
final class NamedImage: Sendable {
    let text: String
    let reference: Reference

    init(_ reference: Reference, text: String) { (self.reference, self.text) = (reference, text) }
}

/// An image reference in a text: what it names and where it is.
package struct ImageMention: Sendable {
    private let image: NamedImage
    /// The bytes that hold it, quotes not included; of one in parts, its repository.
    package let range: Range<Int>
    /// Line and column of the first of these bytes.
    package let position: SourcePosition

    init(_ image: NamedImage, range: Range<Int>, position: SourcePosition) {
        (self.image, self.range, self.position) = (image, range, position)
    }

    /// The image, short names filled in as docker does.
    package var reference: Reference { image.reference }
    /// The reference as it is written; of one in parts, the parts put together.
    package var text: String { image.text }
}

/// A value in a place where an image is named, and names none: a template, a misspelt name.
package struct UnreadableImage: Sendable, Hashable {
    /// The value as it is written.
    package let text: String
    /// Line and column of its first byte.
    package let position: SourcePosition
    /// Why it is no reference.
    package let reason: String
}

/// A value that looks like an image, in a place that does not say that it is one.
package struct PossibleImage: Sendable {
    private let image: NamedImage
    /// Whether the text has a tag or a digest; without, ``reference`` has docker's `latest`.
    package let isComplete: Bool
    /// Whether another value decides on the registry, which is not known here.
    package let isBelowAnyRegistry: Bool
    /// Line and column of its first byte.
    package let position: SourcePosition
    /// Why it is not sure.
    package let reason: String

    init(
        _ image: NamedImage, isComplete: Bool, isBelowAnyRegistry: Bool = false, position: SourcePosition,
        reason: String
    ) {
        (self.image, self.isComplete, self.isBelowAnyRegistry) = (image, isComplete, isBelowAnyRegistry)
        (self.position, self.reason) = (position, reason)
    }

    /// The image, short names filled in as docker does.
    package var reference: Reference { image.reference }
    /// The image as it is written; of one in parts, the parts put together.
    package var text: String { image.text }
    /// The full name, with a tag or a digest only where the text has one.
    package var name: String {
        isComplete ? reference.description : reference.domain + "/" + reference.repository
    }
}

/// The image references of one file, in the order of their place.
package struct ImageScan: Sendable {
    /// What was scanned.
    package let source: SourceText
    /// References found.
    package internal(set) var references: [ImageMention] = []
    /// Values that look like images, and that nothing but a program's source could tell to be some. Those that equal a
    /// carried image are among ``references``.
    package internal(set) var possible: [PossibleImage] = []
    /// Values that should be references.
    package internal(set) var unreadable: [UnreadableImage] = []
    /// References that a rewrite cannot change without changing something else, and why.
    package internal(set) var fixed: [UnreadableImage] = []
    /// What a rewrite changes.
    var spots: [ImageSpan] = []
    let isYAML: Bool

    init(_ source: SourceText, isYAML: Bool) {
        self.source = source
        self.isYAML = isYAML
    }

    /// Finds the images of Kubernetes YAML or JSON, any number of documents.
    ///
    /// Of a shape that is understood as a whole, the image is a reference, and a rewrite changes the place where its
    /// registry is decided: `image` of containers and volumes, values with a tag or a digest below a key that ends in
    /// `image`, lists and maps of images, images in parts (`registry` or `hub`, `repository` or `image` or `name`, `tag`
    /// or `version`, `digest`), kustomize's `images`, OCIRepository, the `default` of an image in a CRD.
    ///
    /// What else looks like an image is possible: in `env`, `args`, annotations, text, documents within text, names
    /// without a tag. A rewrite changes it only where it is one of `known`; then it counts as a reference.
    /// - Throws: a ``Failure`` of kind `data` with line and column where it is not YAML.
    package static func yaml(
        _ bytes: [UInt8], path: String, known: CarriedImages = CarriedImages()
    ) throws(Failure) -> ImageScan {
        let source = SourceText(bytes, path: path)
        guard bytes.count < Int(UInt32.max) else {
            throw Failure(
                .data, "read the YAML of", path, because: "it has 4 GiB or more",
                remedy: "split it into several files")
        }
        var finder = ImageFinder(source, known: known)
        let events = try YAMLEventParser(source)
        while let table = try NodeTable(next: events, item: { finder.look(at: $1, in: $0) }) {
            finder.look(into: table)
        }
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
            ImageMention(
                NamedImage(
                    image.reference, text: String(decoding: source.bytes[image.range], as: UTF8.self)),
                range: image.range, position: source.position(of: image.range.lowerBound))
        }
        return scan
    }

    /// The images that a reader of another form has found, with the line of each in the file at `path`; an empty text where
    /// lines are all that is known of it. A rewrite leaves them alone.
    package static func found(
        _ images: [(reference: Reference, line: Int)], inFileAt path: String
    ) -> ImageScan {
        var scan = ImageScan(SourceText([], path: path), isYAML: true)
        scan.references = images.map { image in
            ImageMention(
                NamedImage(image.reference, text: "\(image.reference)"), range: 0..<0,
                position: SourcePosition(line: max(1, image.line), column: 1))
        }
        return scan
    }

    private mutating func append(listed line: ArraySlice<UInt8>) throws(Failure) {
        let text = String(decoding: line, as: UTF8.self)
        func refuse(_ reason: String, remedy: String) -> Failure {
            source.refuse("read the imageList", at: line.startIndex, reason: reason, remedy: remedy)
        }
        if text.hasPrefix("- ") {
            throw refuse("sealer takes the dash for a part of the name", remedy: "take '- ' away")
        }
        let reference: Reference
        do { reference = try Reference(text) } catch { throw refuse(error.reason, remedy: error.remedy) }
        let range = line.startIndex..<line.endIndex
        let image = NamedImage(reference, text: text)
        references.append(
            ImageMention(image, range: range, position: source.position(of: range.lowerBound)))
        spots.append(
            ImageSpan(
                range: range, scalar: range.lowerBound, offset: 0, text: text, image: image, part: .listed))
    }
}
