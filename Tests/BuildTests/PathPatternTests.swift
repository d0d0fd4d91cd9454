// SPDX-License-Identifier: Apache-2.0
import OCI
import Sealer
import Testing

@testable import Build

/// What the paths of steps mean.
@Suite struct PathPatternTests {
    static func tree(_ paths: [String]) throws -> FileNode {
        let tree = ContextTree()
        for path in paths { try tree.write([], to: path) }
        return tree.root
    }

    @Test(arguments: [
        ("etc/a.yaml", ["etc/a.yaml"]), ("etc", ["etc"]), ("etc/*.yaml", ["etc/a.yaml", "etc/b.yaml"]),
        ("*/a.yaml", ["d/a.yaml", "etc/a.yaml"]), ("*", ["a\\x2d", "d", "etc", "x[1]"]),
        ("etc/?.yaml", ["etc/a.yaml", "etc/b.yaml"]),
        ("etc/[!a].yaml", ["etc/b.yaml"]), ("x\\[1]", ["x[1]"]), ("a\\x2d", ["a\\x2d"]),
        ("etc/*/*", ["etc/sub/c.yaml"]),
        ("none*", []),
        ("etc/a.yaml/*", []), ("no/*", []), ("etc/.*", ["etc/.hidden"]),
    ])
    func matches(_ pattern: String, _ wanted: [String]) throws {
        let root = try Self.tree([
            "etc/a.yaml", "etc/b.yaml", "etc/sub/c.yaml", "etc/.hidden", "d/a.yaml", "x[1]", "a\\x2d",
        ])
        let found = try PathPattern(pattern).matches(in: root).map {
            String(decoding: $0.path, as: UTF8.self)
        }
        #expect(found == wanted)
    }

    @Test func aFolderAboveCovers() {
        #expect(PathPattern("etc").covers("etc/a/b.yaml") && PathPattern("*/a").covers("etc/a/b.yaml"))
        #expect(!PathPattern("et").covers("etc/a") && !PathPattern("etc/a/b").covers("etc/a"))
        #expect(PathPattern("cri/docker*.tar.gz").matches("cri/docker-amd64.tar.gz"))
        #expect(!PathPattern("*").matches("a/b"))
    }
}
