// SPDX-License-Identifier: Apache-2.0
package import YAML
package import OCI

/// One mistake in a spec.
package struct SpecDiagnostic: Sendable, Hashable, CustomStringConvertible {
    /// The spec file.
    package let path: String
    /// Line and column of what is wrong.
    package let position: SourcePosition
    /// What is wrong, what was expected and, where it is known, what was probably meant.
    package let message: String

    /// `file:line:column: message`, which editors turn into a link.
    package var description: String { "\(path):\(position): \(message)" }
}

/// Names a place of a spec: `images[3]`, `base.layers.rootfs`, `builds[1].context[0]`.
package struct SpecPath: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The text form.
    package let description: String

    /// Takes the text form.
    package init(stringLiteral text: String) { description = text }
    init(_ text: String) { description = text }

    /// The image of that number, from 0.
    package static func image(_ index: Int) -> SpecPath { SpecPath("images[\(index)]") }
    /// The source of images of that number, from 0.
    package static func imagesFrom(_ index: Int) -> SpecPath { SpecPath("imagesFrom[\(index)]") }
    /// The chart of that number, from 0.
    package static func chart(_ index: Int) -> SpecPath { SpecPath("charts[\(index)]") }
    /// The chart of the collecting host at that path.
    package static func localChart(_ path: String) -> SpecPath { SpecPath("charts[\(path)]") }
    /// The file of that name.
    package static func file(_ name: String) -> SpecPath { SpecPath("files.\(name)") }
    /// The base layer's role.
    package static func role(_ name: String) -> SpecPath { SpecPath("base.layers.\(name)") }
    /// The build of that number, from 0.
    package static func build(_ index: Int) -> SpecPath { SpecPath("builds[\(index)]") }
    /// The Kubefile of the build of that number, from 0.
    package static func kubefile(_ index: Int) -> SpecPath { SpecPath("builds[\(index)].kubefile") }
    /// The step of a build, both numbers from 0.
    package static func step(_ index: Int, ofBuild build: Int) -> SpecPath {
        SpecPath("builds[\(build)].context[\(index)]")
    }
}

/// A place in a file.
package struct FilePlace: Sendable, Hashable, CustomStringConvertible {
    /// The file, as errors name it.
    package let path: String
    /// Line and column.
    package let position: SourcePosition

    /// Creates a place.
    package init(path: String, position: SourcePosition) {
        self.path = path
        self.position = position
    }

    /// `file:line:column`.
    package var description: String { "\(path):\(position)" }
}

/// A spec and where its parts are written.
package struct ParsedSpec: Sendable {
    /// The value.
    package let spec: Spec
    /// The file, as errors name it.
    package let path: String
    /// Where relative paths of the spec begin: empty, or a path that ends in a slash.
    package var folder: String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "" }
    let marks: [SpecPath: FilePlace]
    /// The files that Kubefiles come from, by the numbers of their builds.
    private let kubefiles: [Int: String]
    /// Its mistakes, where it was read in spite of them.
    package let gaps: SpecGaps

    /// The spec that `reading` has made.
    init(_ spec: Spec, path: String, by reading: SpecParser) {
        self.spec = spec
        self.path = path
        (marks, kubefiles, gaps) = (reading.marks, reading.kubefiles, reading.gaps)
    }

    /// `spec` in place of that of `other`, with its marks.
    init(_ spec: Spec, marks: [SpecPath: FilePlace], as other: ParsedSpec) {
        self.spec = spec
        self.marks = marks
        (path, kubefiles, gaps) = (other.path, other.kubefiles, other.gaps)
    }

    /// The same spec for `platforms` alone, in its own order; for all of them where none is given.
    /// - Throws: a ``Failure`` of kind `usage` for a platform that the spec does not list.
    package func narrowed(to platforms: [Platform]) throws(Failure) -> ParsedSpec {
        if platforms.isEmpty { return self }
        for platform in platforms where !spec.platforms.contains(platform) {
            throw Failure(
                .usage, "collect for", "\(platform)",
                because: "the spec lists \(spec.platforms.map(\.description).joined(separator: ", "))",
                remedy: "name one of these, or add the platform to \(path)")
        }
        var narrow = spec
        narrow.platforms = spec.platforms.filter(platforms.contains)
        return ParsedSpec(narrow, marks: marks, as: self)
    }

    /// Where a part is.
    package func filePlace(of part: SpecPath) -> FilePlace {
        marks[part] ?? FilePlace(path: path, position: SourcePosition(line: 1, column: 1))
    }

    /// Line and column of a part; of the file's begin where it is not written out.
    package func position(of part: SpecPath) -> SourcePosition {
        marks[part]?.position ?? SourcePosition(line: 1, column: 1)
    }

    /// `file:line:column` of a line of a build's Kubefile, the first being 1; of the Kubefile itself where it is not
    /// written as a block.
    package func place(ofLine line: Int, inKubefile build: Int) -> String {
        if let file = kubefiles[build] { return "\(file):\(line):1" }
        let place = place(of: .kubefile(build))
        guard let start = marks[.kubefile(build)], spec.builds[build].kubefile.contains("\n") else {
            return place
        }
        return "\(start.path):\(start.position.line + line):1"
    }

    /// The line of a part, from 1.
    package func line(of part: SpecPath) -> Int { position(of: part).line }

    /// `file:line:column` of a part, for errors that show up later.
    package func place(of part: SpecPath) -> String {
        marks[part]?.description ?? "\(path):\(position(of: part))"
    }
}
