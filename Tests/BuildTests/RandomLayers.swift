// SPDX-License-Identifier: Apache-2.0
import OCI

@testable import Build

/// Tars of base layers, and tarballs.
enum RandomLayer {
    static func tar(_ number: Int, _ numbers: inout BuildNumbers) -> [UInt8] {
        var out: [UInt8] = []
        func add(_ header: TarHeader, _ content: [UInt8] = []) {
            var header = header
            header.size = Int64(content.count)
            out += header.encoded() + content
            out += [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
        }
        func entry(_ name: String, _ kind: TarHeader.Kind = .file, _ mode: UInt32 = 0o644) -> TarHeader {
            var header = TarHeader(name: Array(name.utf8), kind: kind, mode: mode)
            header.uid = numbers.pick([0, 0, 0, 7, 1000])
            header.gid = numbers.pick([0, 0, 7])
            header.userName = numbers.pick([[], Array("root".utf8), Array("calico".utf8)])
            header.groupName = numbers.pick([[], Array("wheel".utf8)])
            header.mtime = numbers.pick([0, 1_600_000_000, -5])
            return header
        }
        let slash = numbers.happens(50) ? "/" : ""
        if numbers.happens(80) { add(entry("etc\(slash)", .directory, 0o755)) }
        if number == 0 {
            add(entry("etc/a.json"), Array("{\n  \"k\": 1,\n  \"m\": {\"n\": \"v\"}\n}\n".utf8))
        }
        if numbers.happens(70) { add(entry("etc/b.yaml"), Array("a:\n  image: docker.io/a/b:1\n".utf8)) }
        if number == 0 {
            add(
                entry("etc/c.toml"),
                Array(
                    "version = 2\n# words\n[plugins.\"a.b\"]\n  image = \"docker.io/a/b:1\"\n  list = [1]\n"
                        .utf8))
            add(entry("bin/amd64/tool", .file, 0o755), [7])
        }
        if numbers.happens(30) { add(entry("d\(slash)", .directory, 0o700)) }
        if numbers.happens(70) {
            add(
                entry("d/f1", .file, 0o4755),
                [UInt8](repeating: 1, count: Int.random(in: 0...3000, using: &numbers)))
        }
        if numbers.happens(30) {
            var link = entry("d/link", .hardLink)
            link.linkName = Array("etc/a.json".utf8)
            if number == 0 || numbers.errs(5) { add(link) }
        }
        if numbers.happens(40) {
            var link = entry("sym", .symlink, 0o777)
            link.linkName = Array("etc".utf8)
            add(link)
        }
        if numbers.happens(20) { add(entry("d/.wh.gone")) }
        if numbers.happens(15) { add(entry("d/.wh..wh..opq")) }
        if numbers.happens(20) { add(entry("manifests/z.yaml"), Array("image: quay.io/c/d:2\n".utf8)) }
        if numbers.happens(10) { add(entry("x y\\z-é"), [2]) }
        if numbers.errs(3) { add(entry("../out"), [3]) }
        if numbers.errs(3) { add(entry("etc/b.yaml/below"), [3]) }
        if numbers.errs(3) { add(entry("d/f1"), [4]) }
        if numbers.happens(10) {
            add(entry("registry/docker/registry/v2/repositories/q/_manifests/tags/1/current/link"), [5])
        }
        return out + TarBlock.end
    }

    static func tarball(_ numbers: inout BuildNumbers) -> [UInt8] {
        if numbers.errs(10) { return Array("<html>log in</html>".utf8) }
        var out: [UInt8] = []
        for name in numbers.errs(15) ? ["../bad", "top/one"] : ["top/one", "top/two"] {
            let header = TarHeader(name: Array(name.utf8), mode: 0o755, size: 3)
            out += header.encoded() + [1, 2, 3] + [UInt8](repeating: 0, count: 509)
        }
        return out + TarBlock.end
    }
}
