// SPDX-License-Identifier: Apache-2.0
package import YAML
package import OCI

/// What the comparison of a build's image list with the YAML that it ships has shown.
package struct SpecFinding: Sendable, Hashable, CustomStringConvertible {
    /// How much a finding weighs.
    package enum Severity: Int, Sendable, Comparable {
        /// Worth knowing: nothing need be done.
        case note
        /// Probably not what was meant.
        case warning
        /// The cluster would ask for an image that is not there.
        case error

        /// Orders by weight.
        package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    /// How much it weighs.
    package let severity: Severity
    /// `file:line:column` in the spec or in the YAML: where to fix it.
    package let place: String
    /// What disagrees, with the other place.
    package let message: String
    /// What to do; empty for a note.
    package let remedy: String

    /// `place: message`, and the remedy on a line of its own.
    package var description: String { "\(place): \(message)" + (remedy.isEmpty ? "" : "\n  → \(remedy)") }
}

/// A YAML file or an image list of a build's context, before or after its references were rewritten.
package struct ShippedFile: Sendable {
    /// Its path in the context.
    package let path: String
    /// Its content.
    package let bytes: [UInt8]

    /// Whether it is a list of images, which sealer reads as `manifests/imageList`.
    package var isImageList: Bool { path == "imageList" || path.hasSuffix("/imageList") }

    /// Creates a file.
    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// Compares a build's image list with the YAML that it ships.
package enum ImageListLint {
    /// What disagrees, the heaviest first. An image is the same when the cluster's registry, which drops the
    /// domain, has it under the same name.
    ///
    /// Images below `manifests/` need no pattern: sealer saves what it finds there.
    /// - Parameters:
    ///   - present: images that the build has without the spec, in its base.
    ///   - doubts: how much weighs what may be an image and is neither carried nor in `notImages`, and what should be
    ///     one and is none.
    /// - Throws: a ``Failure`` of kind `data` with line and column for a file that is not YAML.
    package static func findings(
        ofBuild build: Int, in parsed: ParsedSpec, shipped: [ShippedFile], present: Set<Reference> = [],
        doubts: SpecFinding.Severity = .note
    ) throws(Failure) -> [SpecFinding] {
        var check = Comparison(parsed, build: build, present: present)
        for file in shipped where file.isImageList { check.list(file.bytes) }
        for file in shipped where !file.isImageList {
            let scan = try ImageScan.yaml(
                file.bytes, path: file.path, known: CarriedImages(parsed.spec.images)
            ).without(parsed.spec.isNoImage)
            for image in scan.references { check.need(image, in: scan.source) }
            check.doubt(scan, severity: doubts)
        }
        check.leftOver(build)
        return check.findings.sorted { ($1.severity, $0.place) < ($0.severity, $1.place) }
    }

    /// The images that `scans` name and the spec does not carry, each once, and what is to be said of them.
    /// - Parameter severityOfPossible: of what only may be an image, and is neither carried nor in `notImages`.
    package static func missing(
        from parsed: ParsedSpec, neededBy scans: [ImageScan], severityOfPossible: SpecFinding.Severity
    ) -> (missing: [Reference], findings: [SpecFinding]) {
        var check = Comparison(parsed, build: nil, present: [])
        var missing: [Reference] = []
        for scan in scans {
            let scan = scan.without(parsed.spec.isNoImage)
            for image in scan.references where check.need(image, in: scan.source) {
                missing.append(image.reference)
            }
            check.doubt(scan, severity: severityOfPossible)
        }
        return (missing, check.findings)
    }
}

/// One comparison on its way.
private struct Comparison {
    var findings: [SpecFinding] = []
    private let parsed: ParsedSpec
    /// The carried images that the build lists, by their numbers in the spec.
    private var listed: Set<Int>
    private let present: Set<Reference>
    private let listPlace: String
    private var needed: Set<Reference> = []
    private var suspected: Set<Int> = []
    private var named: Set<Int> = []
    private var told: Set<String> = []

    init(_ parsed: ParsedSpec, build: Int?, present: Set<Reference>) {
        self.parsed = parsed
        self.present = present
        let images = parsed.spec.images
        guard let build else {
            // No build's list: all that is carried counts.
            (listed, listPlace) = (Set(images.indices), parsed.path)
            return
        }
        var patterns: [String] = []
        var place = parsed.place(of: .build(build))
        for (index, step) in parsed.spec.builds[build].context.enumerated() {
            guard case .imageList(let more) = step else { continue }
            patterns += more
            place = parsed.place(of: .step(index, ofBuild: build))
        }
        let meant = Set(ImagePattern.select(images, matching: patterns))
        listed = Set(images.indices.filter { meant.contains(images[$0]) })
        listPlace = place
    }

    /// Takes note of an image list that the build brings itself.
    mutating func list(_ bytes: [UInt8]) {
        for entry in ImageListEntries(bytes).entries {
            guard let image = try? Reference(entry.text), let index = carried(image) else { continue }
            listed.insert(index)
        }
    }

    /// The number of the carried image that is this one in the cluster's registry, which drops the domain.
    private func carried(_ image: Reference) -> Int? {
        let images = parsed.spec.images
        return images.indices.first { images[$0] == image }
            ?? images.indices.first { image.moved(to: images[$0].domain).means(images[$0]) }
    }

    mutating func add(
        _ severity: SpecFinding.Severity, place: String, message: String, remedy: String = ""
    ) {
        findings.append(SpecFinding(severity: severity, place: place, message: message, remedy: remedy))
    }

    /// Takes note of an image that a file names; returns whether it is the first time and it is not carried.
    @discardableResult
    mutating func need(_ image: ImageMention, in source: SourceText) -> Bool {
        guard needed.insert(image.reference).inserted else { return false }
        let place = "\(source.path):\(image.position)"
        let isPresent = present.contains { image.reference.moved(to: $0.domain).means($0) }
        if let index = carried(image.reference) {
            let own = parsed.spec.images[index]
            named.insert(index)
            if !listed.contains(index), !isPresent, !source.path.hasPrefix("manifests/") {
                add(
                    .error, place: listPlace,
                    message:
                        "\(own.familiar), which \(place) needs, is carried, but the build's imageList leaves it out",
                    remedy: "add a pattern that means it, like \(own.repository)")
            } else if image.reference.domain != own.domain, image.reference.domain != parsed.spec.registry {
                add(
                    .warning, place: parsed.place(of: .image(index)),
                    message: "the spec carries \(own), and \(place) asks for \(image.reference)",
                    remedy: "make both the same, or be sure that they are copies of each other")
            }
            return false
        }
        if isPresent { return false }
        if let index = suspect(image.reference) {
            suspected.insert(index)
            let own = parsed.spec.images[index]
            add(
                .error, place: parsed.place(of: .image(index)),
                message:
                    "'\(own.familiar)' is not what \(place) needs: did you mean '\(wanted(image.reference))'?",
                remedy: "write '\(wanted(image.reference))' there")
            return true
        }
        add(
            .error, place: place,
            message: "it needs \(wanted(image.reference)), which the spec does not carry",
            remedy: "add '- \(wanted(image.reference))' to images in \(parsed.path)")
        return true
    }

    /// Takes note of what may be an image, and of what should be one and is none.
    mutating func doubt(_ scan: ImageScan, severity: SpecFinding.Severity) {
        if severity > .note {
            for image in scan.possible { consider(image, in: scan.source, severity: severity) }
        }
        for value in scan.unreadable where !value.text.isEmpty && told.insert(value.text).inserted {
            add(
                severity, place: "\(scan.source.path):\(value.position)",
                message:
                    "'\(value.text.prefix(80))' is no image reference (\(value.reason)); it is left as it is",
                remedy: "write the image there, or add the text to notImages in \(parsed.path)")
        }
    }

    /// Takes note of what may be an image, unless it is carried or the spec says that it is none.
    private mutating func consider(
        _ image: PossibleImage, in source: SourceText, severity: SpecFinding.Severity
    ) {
        let images = parsed.spec.images
        let name = image.reference.repository
        let isCarried =
            image.isComplete ? carried(image.reference) != nil : images.contains { $0.repository == name }
        let isNone = parsed.spec.isNoImage(image.text) || parsed.spec.isNoImage(image.name)
        if isCarried || isNone { return }
        guard told.insert(image.text).inserted else { return }
        add(
            severity, place: "\(source.path):\(image.position)",
            message: "'\(image.text)' may be an image, which the spec does not carry: \(image.reason)",
            remedy: "add it to images in \(parsed.path), or to notImages if it is none")
    }

    /// How the spec would name an image; one that the YAML already points to the cluster has lost its domain.
    private func wanted(_ image: Reference) -> String {
        image.domain == parsed.spec.registry ? image.moved(to: "docker.io").familiar : image.familiar
    }

    /// The carried image that is probably this one, misspelt or with another tag.
    private func suspect(_ image: Reference) -> Int? {
        let images = parsed.spec.images
        if let index = images.indices.first(where: { images[$0].repository == image.repository }) {
            return index
        }
        let near = Suggestion.nearest(to: image.repository, among: images.map(\.repository))
        return images.indices.first { images[$0].repository == near }
    }

    /// Notes what is listed and named by no file.
    mutating func leftOver(_ build: Int) {
        for (index, image) in parsed.spec.images.enumerated() {
            guard listed.contains(index), !named.contains(index), !suspected.contains(index) else { continue }
            add(
                .note, place: parsed.place(of: .image(index)),
                message:
                    "\(image.familiar) is carried for \(SpecParser.short(parsed.spec.builds[build].tag)), whose YAML does not name it; an operator may pull it by itself"
            )
        }
    }
}
