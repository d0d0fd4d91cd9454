// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Sealer

/// What the arguments of one COPY mean: the sources and the destination below the layer's root.
///
/// With two arguments this is sealer's reading. Where sealer silently takes the first two of several, all
/// but the last are sources here, as everybody who writes them expects.
struct CopySources {
    /// Paths or patterns below the context, `${ARCH}` replaced.
    let sources: [String]
    /// A path below the layer's root, without slashes at its ends; empty for the root itself.
    let destination: String

    /// - Throws: a ``Failure`` of kind `configuration` for fewer than two arguments, a source on the network,
    ///   or a destination that leads out.
    init(_ instruction: Kubefile.Instruction, architecture: String, artifact: String) throws(Failure) {
        func refuse(_ reason: String, remedy: String) -> Failure {
            Failure(
                .configuration, "build from", artifact,
                because: "line \(instruction.line): COPY \(instruction.value): \(reason)", remedy: remedy)
        }
        let words = instruction.value.unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
            .map { String(String.UnicodeScalarView($0)) }
        guard words.count >= 2, let last = words.last else {
            throw refuse(
                "it has no destination", remedy: "write a source and a destination, like 'COPY etc .'")
        }
        sources = words.dropLast().map { Self.replaceArchitecture(in: $0, by: architecture) }
        if let flag = words.first(where: { $0.hasPrefix("--") }) {
            throw refuse(
                "sealer has no flag \(flag)", remedy: "leave it out; owners and modes stay as they are")
        }
        for source in sources
        where ["http://", "https://", "git://", "git@"].contains(where: source.hasPrefix) {
            throw refuse(
                "\(source) is on the network",
                remedy: "carry it as a file of the spec and put it into the context")
        }
        let components = Self.clean(last)
        guard !components.contains("..") else {
            throw refuse(
                "the destination leads out of the image", remedy: "write a path below the image's root")
        }
        destination = components.joined(separator: "/")
    }

    /// Replaces `${ARCH}`, which sealer does in sources alone.
    private static func replaceArchitecture(in text: String, by architecture: String) -> String {
        text.split(separator: "${ARCH}", omittingEmptySubsequences: false).joined(separator: architecture)
    }

    /// The components of a path; `.` and empty ones are left out, `..` takes off the one before it.
    static func clean(_ path: String) -> [String] {
        var components: [String] = []
        for component in path.split(separator: "/") where component != "." {
            if component == "..", let last = components.last, last != ".." {
                components.removeLast()
            } else {
                components.append(String(component))
            }
        }
        return components
    }

    /// The paths below `context` that `source` means, in the order of their bytes; the root of the context is
    /// the empty path. `..` cannot lead out: it stops at the context, as in sealer.
    ///
    /// `*`, `?` and `[…]` match within one component; below a folder that matches nothing more is looked for.
    /// - Throws: a ``Failure`` of kind `input` where there is nothing.
    static func resolve(_ source: String, in context: FileNode) throws(Failure) -> [[UInt8]] {
        let pattern = PathPattern(Array(clean(source).drop { $0 == ".." }))
        if !pattern.isPattern { return [pattern.path] }
        let found = try pattern.matches(in: context).map(\.path)
        guard !found.isEmpty else {
            throw Failure(
                .input, "copy", source, because: "nothing in the context matches it",
                remedy: "check the Kubefile's COPY against the files of the context")
        }
        return found
    }
}
