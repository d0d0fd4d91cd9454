// SPDX-License-Identifier: Apache-2.0
package import OCI
internal import YAML

/// The words in braces that texts of a spec may have: `{machine}` means x86_64, `{arch}` amd64, `{os}` linux,
/// `{release}` for the spec's release.
enum Placeholders {
    /// Those that differ from platform to platform.
    static let platform = ["machine", "arch", "os"]
    /// All of them.
    static let known = platform + ["release"]

    /// The words in braces of `text`, in order; one whose brace is not closed begins with the brace.
    static func words(in text: String) -> [String] {
        text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().map { part in
            let word = part.prefix { $0 != "}" }
            return word.count < part.count ? String(word) : "{" + word
        }
    }

    /// The words in braces of a Kubefile's FROM and COPY that are probably slips of placeholders.
    static func slips(inKubefile text: String) -> [(word: String, meant: String)] {
        text.split(separator: "\n").filter(isFilled).flatMap { line -> [(word: String, meant: String)] in
            let parts = line.split(separator: "{", omittingEmptySubsequences: false)
            return zip(parts, parts.dropFirst()).compactMap { before, part in
                let word = String(part.prefix { $0 != "}" })
                guard before.last != "$", !known.contains(word), word.utf8.count < part.utf8.count,
                    let meant = Suggestion.nearest(to: word, among: known)
                else { return nil }
                return (word, meant)
            }
        }
    }

    private static func isFilled(_ line: Substring) -> Bool {
        let word = line.split(whereSeparator: \.isWhitespace).first?.lowercased()
        return word == "from" || word == "copy"
    }

    /// `text` with its placeholders filled in: those of a platform where one is given, that of the release where
    /// there is one. Other words in braces, and what a `$` precedes, stay.
    static func fill(_ text: String, for platform: Platform?, release: String?) -> String {
        var values: [Substring: String] = [:]
        if let release { values["release"] = release }
        if let platform {
            values["machine"] = platform.machine
            values["arch"] = platform.architecture
            values["os"] = platform.os
        }
        var parts = text.split(separator: "{", omittingEmptySubsequences: false)
        var out = String(parts.removeFirst())
        for part in parts {
            let word = part.prefix { $0 != "}" }
            guard word.count < part.count, out.last != "$", let value = values[word] else {
                out += "{" + part
                continue
            }
            out += value + part.dropFirst(word.count + 1)
        }
        return out
    }

    /// A Kubefile with the placeholders of its FROM and COPY filled in; in RUN and CMD braces are the shell's.
    static func fill(kubefile: String, for platform: Platform?, release: String?) -> String {
        kubefile.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            isFilled(line) ? fill(String(line), for: platform, release: release) : String(line)
        }
        .joined(separator: "\n")
    }
}

extension Spec {
    /// The spec as it is for one platform: every placeholder of its layers' paths, steps and Kubefiles is filled in, and it
    /// has the images that are carried for the platform.
    package func filled(for platform: Platform) -> Spec {
        var spec = self
        let release = release
        func fill(_ text: String) -> String { Placeholders.fill(text, for: platform, release: release) }
        if var base {
            base.layers = base.layers.mapValues { .init(holds: $0.holds.map(fill), id: $0.id) }
            spec.base = base
        }
        if imagePlatforms != nil { spec.images = images.filter { platforms(of: $0).contains(platform) } }
        spec.builds = builds.map { build in
            var build = build
            build.context = build.context.map { $0.mapPaths(fill) }
            build.kubefile = Placeholders.fill(kubefile: build.kubefile, for: platform, release: release)
            return build
        }
        return spec
    }
}

extension Spec.Step {
    /// The step with every path of the context or of a layer replaced.
    fileprivate func mapPaths(_ change: (String) -> String) -> Spec.Step {
        switch self {
        case .layer(let role, let paths): .layer(role: role, paths: paths?.map(change))
        case .putFile(let path, let file, let mode): .putFile(path: change(path), file: file, mode: mode)
        case .putRepacked(let path, let file, let mode):
            .putRepacked(path: change(path), file: file, mode: mode)
        case .putSaved(let path, let image, let mode): .putSaved(path: change(path), image: image, mode: mode)
        case .unpack(let path, let file, let members, let strip):
            .unpack(path: change(path), file: file, members: members?.map(change), strip: strip)
        case .remove(let paths): .remove(paths: paths.map(change))
        case .edit(let path, let remove, let set, let append):
            .edit(path: change(path), remove: remove, set: set, append: append)
        case .rewrite(let path): .rewrite(path: change(path))
        case .imageList: self
        }
    }

    /// The paths of the context that the step writes, changes or removes, and those that it takes from a layer.
    package var paths: [String] {
        switch self {
        case .layer(_, let paths): paths ?? []
        case .putFile(let path, _, _), .putRepacked(let path, _, _), .putSaved(let path, _, _): [path]
        case .unpack(let path, _, let members, _): [path] + (members ?? [])
        case .remove(let paths): paths
        case .edit(let path, _, _, _), .rewrite(let path): [path]
        case .imageList: []
        }
    }
}
