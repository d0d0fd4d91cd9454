// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI
package import Sealer

/// A path of a tree in which `*`, `?` and `[…]` match within one component; a backslash takes the meaning from the
/// character after it. In a component without any of them only `\*`, `\?`, `\[` and `\\` lose their backslash: names of
/// systemd's units keep theirs.
package struct PathPattern: Sendable {
    private let text: String
    /// The components before the first that is a pattern.
    private let plain: [UInt8]
    private let rest: ArraySlice<String>

    /// Takes a relative path without `.` and `..`.
    package init(_ path: String) { self.init(path.split(separator: "/").map(String.init)) }

    init(_ components: [String]) {
        text = components.joined(separator: "/")
        let first = components.firstIndex(where: Self.isPattern) ?? components.count
        plain = Array(components[..<first].map(Self.unescaped).joined(separator: "/").utf8)
        rest = components[first...]
    }

    /// Whether it may mean several paths.
    var isPattern: Bool { !rest.isEmpty }

    /// The path itself where it is no pattern.
    var path: [UInt8] { plain }

    /// What it means below `root`, each with its path, in the order of their bytes.
    /// - Throws: a ``Failure`` of kind `data` where a symbolic link is on the way to the first pattern.
    func matches(in root: FileNode) throws(Failure) -> [(path: [UInt8], node: FileNode)] {
        guard let start = try root.find(plain) else { return [] }
        var found = [(path: plain, node: start)]
        for component in rest {
            var next: [(path: [UInt8], node: FileNode)] = []
            for (path, folder) in found where folder.isFolder {
                for (name, node) in folder.children.ordered where Self.match(component, name: name) {
                    next.append((path.isEmpty ? name : path + [UInt8(ascii: "/")] + name, node))
                }
            }
            found = next
        }
        return found
    }

    /// Whether a regular file of `root` matches; false where a link is on the way.
    package func holds(in root: FileNode) -> Bool {
        ((try? matches(in: root)) ?? []).contains { $0.node.isFile }
    }

    /// Whether a whole path matches.
    package func matches(_ path: String) -> Bool { matches(Array(path.utf8)) }

    /// Whether a whole path matches.
    func matches(_ path: [UInt8]) -> Bool { rest.isEmpty ? path == plain : Self.match(text, name: path) }

    /// Whether the path, or a folder above it, matches.
    package func covers(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        return parts.indices.contains { matches(parts[...$0].joined(separator: "/")) }
    }

    private static func match(_ pattern: String, name: [UInt8]) -> Bool {
        fnmatch(pattern, name.map { CChar(bitPattern: $0) } + [0], FNM_PATHNAME) == 0
    }

    /// A component that is no pattern, without the backslashes that keep it from being one.
    private static func unescaped(_ component: String) -> String {
        var out = ""
        var rest = component[...]
        while let character = rest.popFirst() {
            let isEscape = character == "\\" && rest.first.map { "*?[\\".contains($0) } ?? false
            out.append(isEscape ? rest.removeFirst() : character)
        }
        return out
    }

    private static func isPattern(_ component: String) -> Bool {
        var escaped = false
        for scalar in component.unicodeScalars {
            if escaped {
                escaped = false
            } else if scalar == "\\" {
                escaped = true
            } else if ["*", "?", "["].contains(scalar) {
                return true
            }
        }
        return false
    }
}
