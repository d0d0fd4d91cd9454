// SPDX-License-Identifier: Apache-2.0
package import OCI
package import YAML

/// What another tool's list of content names: images, charts and files that a spec can carry, and what it cannot.
package struct ForeignList: Sendable {
    /// The forms that are read.
    package enum Form: String, Sendable, CaseIterable {
        case hauler = "a Hauler manifest"
        case zarf = "a Zarf package"
        case imgpkg = "an imgpkg images lock"
        case ocMirror = "an oc-mirror image set configuration"
        case objects = "a list of Kubernetes objects"
        case manifests = "YAML that names images"
        case lines = "a list of images, one a line"
        case chart = "a packed chart"
    }

    /// What a spec does not take over.
    package struct Omission: Sendable, CustomStringConvertible {
        /// Where it is; `nil` in a list of objects, where `place` says more.
        package let position: SourcePosition?
        /// What it is, as it is written.
        package let text: String
        /// Why it is left out.
        package let reason: String

        package var description: String { (position.map { "\($0): " } ?? "") + "\(text): \(reason)" }
    }

    /// A Helm chart as a spec writes it.
    struct Chart: Sendable {
        let chart: String
        var repo: String?
        /// `nil` for one of this host.
        var version: String?
        var valuesFiles: [String] = []
    }

    /// A file as a spec writes it.
    struct NamedFile: Sendable {
        let name: String
        /// Where it comes from: `url` or `path`.
        let key: String
        let place: String
        var sha256: String?
        /// Whether it names images, which are carried.
        var namesImages = false
    }

    /// The most entries of all its lists together.
    static let mostItems = 250_000

    /// What it is.
    package let form: Form
    /// The file's name.
    package let path: String
    /// Its images, each once, in the order of their places.
    package internal(set) var images: [Reference] = []
    /// The platforms that it asks for; none where it leaves that open.
    package internal(set) var platforms: [Platform] = []
    /// What a spec does not take over, in the order of the places.
    package internal(set) var omissions: [Omission] = []
    var charts: [Chart] = []
    var files: [NamedFile] = []
    /// What can be said in a comment: settings that an option of `collect` replaces.
    package internal(set) var notes: [String] = []
    /// Where the images are in the file; none of a form in which their keys show them.
    var places: [(reference: Reference, range: Range<Int>)] = []
    /// How many entries of lists were taken in.
    var items = 0
    private var seen: Set<Reference> = []

    init(_ form: Form, path: String) { (self.form, self.path) = (form, path) }

    /// The same with what is left out in the order of the places.
    private var inOrder: ForeignList {
        var list = self
        let start = SourcePosition(line: 1, column: 1)
        list.omissions.sort { ($0.position ?? start) < ($1.position ?? start) }
        return list
    }

    /// How many images, charts and files it names.
    package var count: Int { images.count + charts.count + files.count }

    /// Whether it is a form of its own, in which images are not only found by their keys.
    package var isForeign: Bool { form != .manifests && form != .lines }

    /// The images of a packed chart.
    /// - Parameters:
    ///   - images: as they are written, with the place of each.
    ///   - unknown: what may name an image and only Helm can tell.
    package init(
        chart images: [(text: String, place: String)], unknown: [(text: String, place: String)], path: String
    ) {
        self.init(.chart, path: path)
        for (text, place) in images {
            do throws(Failure) { add(try Reference(text)) } catch {
                omit(text, at: nil, reason: "\(place): \(error.reason)")
            }
        }
        for (text, place) in unknown {
            omit(text, at: nil, reason: "\(place): only Helm can tell which image it names")
        }
    }

    mutating func add(_ image: Reference) {
        if seen.insert(image).inserted { images.append(image) }
    }

    mutating func remove(_ image: Reference) {
        images.removeAll { $0 == image }
        places.removeAll { $0.reference == image }
    }

    mutating func add(_ platform: Platform) {
        if !platforms.contains(platform) { platforms.append(platform) }
    }

    mutating func omit(_ text: String, at position: SourcePosition?, reason: String) {
        omissions.append(Omission(position: position, text: String(text.prefix(200)), reason: reason))
    }

    /// Notes that a path counts from the folder of the list, as one of the spec does from its own.
    mutating func notePaths() {
        let note = "Paths count from the folder of this file: keep it beside the list."
        if !notes.contains(note) { notes.append(note) }
    }

    /// The images with their places in `bytes`, and what `bytes` is, if it is a form in which the keys alone do not show
    /// images; `nil` for anything else.
    package static func scan(_ bytes: [UInt8], path: String) throws(Failure) -> (
        scan: ImageScan, list: ForeignList
    )? {
        guard marks.contains(where: { SourceText.holds($0, in: bytes) }) else { return nil }
        let list = try read(bytes, path: path)
        guard ![.objects, .manifests, .lines].contains(list.form) else { return nil }
        return (.found(list.places, in: SourceText(bytes, path: path)), list)
    }

    private static let marks = [
        ".hauler.cattle.io/", "ZarfPackageConfig", "ZarfInitConfig", "ImagesLock", "ImageSetConfiguration",
    ]

    /// Reads the list in `bytes`.
    /// - Parameter path: the file's name, for errors and for the spec.
    /// - Throws: a ``Failure`` of kind `data` with line and column for what is not well-formed, and for a spec.
    package static func read(_ bytes: [UInt8], path: String) throws(Failure) -> ForeignList {
        if let list = try objects(bytes, path: path) { return list }
        let source = SourceText(bytes, path: path)
        guard looksLikeYAML(bytes) else { return lines(source) }
        let documents = try YAMLDocuments.all(source)
        if let root = documents.first?.root, root["version"]?.text == "1", root["platforms"] != nil {
            throw Failure(
                .usage, "import", path, because: "it is a spec already",
                remedy: "run `sealift collect \(path)`")
        }
        for document in documents {
            let (version, kind) = (document.root["apiVersion"]?.text ?? "", document.kind ?? "")
            let reader = ForeignReader(source)
            if version.contains(".hauler.cattle.io/") { return reader.hauler(documents).inOrder }
            if kind == "ZarfPackageConfig" || kind == "ZarfInitConfig" {
                return reader.zarf(documents).inOrder
            }
            if kind == "ImagesLock" { return reader.imgpkg(documents).inOrder }
            if kind == "ImageSetConfiguration" { return reader.ocMirror(documents).inOrder }
        }
        return try manifests(bytes, path: path)
    }

    /// Whether text has a key or begins a document: references have neither.
    package static func looksLikeYAML(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
            if isYAML(line: bytes[start..<end].drop { $0 == 0x20 }) { return true }
            start = end + 1
        }
        return false
    }

    private static func isYAML(line: ArraySlice<UInt8>) -> Bool {
        if line.starts(with: "---".utf8) || line.starts(with: "{".utf8) { return true }
        let (colon, space, mark) = (UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "#"))
        var last: UInt8?
        for byte in line {
            // A comment ends what counts.
            if byte == mark, last ?? space == space { return false }
            if last == colon, byte == space { return true }
            last = byte
        }
        return last == colon
    }

    /// YAML in which images are found by the keys that name them.
    private static func manifests(_ bytes: [UInt8], path: String) throws(Failure) -> ForeignList {
        let scan = try ImageScan.yaml(bytes, path: path)
        var list = ForeignList(.manifests, path: path)
        for found in scan.references { list.add(found.reference) }
        for value in scan.unreadable { list.omit(value.text, at: value.position, reason: value.reason) }
        return list
    }

    private static func lines(_ source: SourceText) -> ForeignList {
        var list = ForeignList(.lines, path: source.path)
        for entry in ImageListEntries(source.bytes).entries {
            // Lists that are written by hand have YAML's dash, or what `docker images` prints behind a name.
            let text = entry.text.hasPrefix("- ") ? String(entry.text.dropFirst(2)) : entry.text
            do throws(Failure) { list.add(try Reference(text)) } catch {
                list.omit(entry.text, at: SourcePosition(line: entry.line, column: 1), reason: error.reason)
            }
        }
        return list
    }
}
