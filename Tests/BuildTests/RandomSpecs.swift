// SPDX-License-Identifier: Apache-2.0
import OCI
import Spec

@testable import Build

/// Builds of a few steps and instructions.
enum RandomSpec {
    private static let paths = [
        "etc/a.json", "etc/b.yaml", "etc", "d/f1", "d", "new/x", "sym/x", "sym", "imageList",
        "manifests/p.yaml",
        "Kubefile", "etc/b.yaml/x", String(repeating: "n", count: 255), "charts/c/values.yaml",
        "etc/c.toml", "bin/{arch}/tool", "bin/{arch}", "u/top", "u", "{os}",
    ]

    static func builds(_ numbers: inout BuildNumbers) throws -> [Spec.Build] {
        var all: [Spec.Build] = []
        for number in 0..<Int.random(in: 1...2, using: &numbers) {
            let from = number == 0 ? numbers.pick(["scratch", "example.org/t/base:1"]) : "example.org/t/b0:1"
            all.append(
                .init(
                    tag: try Reference("example.org/t/b\(number):1"),
                    context: (0..<Int.random(in: 1...4, using: &numbers)).map {
                        $0 == 0 ? layer(&numbers) : step(&numbers)
                    },
                    kubefile: kubefile(from, &numbers)))
        }
        return all
    }

    private static func layer(_ numbers: inout BuildNumbers) -> Spec.Step {
        if numbers.isCareful {
            return .layer(role: "root", paths: numbers.happens(75) ? nil : ["etc/a.json"])
        }
        return anyLayer(&numbers)
    }

    private static func anyLayer(_ numbers: inout BuildNumbers) -> Spec.Step {
        .layer(
            role: numbers.pick(["root", "root", "root", "top", "arch"]),
            paths: numbers.happens(75)
                ? nil
                : [
                    numbers.pick([
                        "etc", "etc/*.json", "d", "nothing", "sym", "bin/{arch}", "{arch}", "*/amd64",
                    ])
                ])
    }

    private static func step(_ numbers: inout BuildNumbers) -> Spec.Step {
        if numbers.isCareful { return carefulStep(&numbers) }
        let path = numbers.pick(paths)
        let mode = numbers.pick([nil, nil, 0o755, 0o4711, 0o600] as [UInt32?])
        switch Int.random(in: 0..<12, using: &numbers) {
        case 0: return layer(&numbers)
        case 1: return .putFile(path: path, file: "one", mode: mode)
        case 2: return .putRepacked(path: path, file: "ball", mode: mode)
        case 3: return .putSaved(path: path, image: try! Reference("docker.io/a/b:1"), mode: mode)
        case 8, 9: return unpack(path, &numbers)
        case 10: return editTable(path, &numbers)
        case 4, 5:
            return .edit(
                path: numbers.pick(["etc/a.json", "etc/a.json", "etc/b.yaml", "etc", "etc/*", path]),
                remove: numbers.happens(30) ? [numbers.pick(["k", "m.n", "none"])] : [],
                set: [.init(key: numbers.pick(["k", "m.n", "a.image", "new"]), value: "w")])
        case 6: return .rewrite(path: numbers.pick(["etc/b.yaml", "etc", "*/*.yaml", path]))
        case 7: return .remove(paths: [numbers.pick(["etc/a.json", "d", "*/f?", "none*", "sym", path])])
        default: return .imageList(patterns: [numbers.pick(["a/*", "*", "c/d"])])
        }
    }

    private static func unpack(_ path: String, _ numbers: inout BuildNumbers) -> Spec.Step {
        .unpack(
            path: numbers.pick(["u", ".", "etc", "bin/{arch}", path]),
            file: numbers.pick(["ball", "ball", "ball", "one"]),
            members: numbers.happens(50) ? nil : [numbers.pick(["top/*", "top", "top/one", "*/t*", "none"])],
            strip: numbers.pick([nil, nil, 1, 2]))
    }

    private static func editTable(_ path: String, _ numbers: inout BuildNumbers) -> Spec.Step {
        let key = numbers.pick([
            "version", "plugins.\"a.b\".image", "plugins.x.y", "plugins.\"a.b\".list", "none", "version.x",
            "new.t",
        ])
        return .edit(
            path: numbers.pick(["etc/c.toml", "etc/c.toml", "etc/*.toml", path]),
            remove: numbers.happens(25) ? [key] : [],
            set: numbers.happens(70)
                ? [.init(key: key, value: numbers.pick(["w", "3"]), literal: numbers.happens(30))] : [],
            append: numbers.happens(30)
                ? [.init(key: numbers.pick(["plugins.\"a.b\".list", key]), value: "5", literal: true)] : nil)
    }

    private static func carefulStep(_ numbers: inout BuildNumbers) -> Spec.Step {
        numbers.pick([
            .putFile(path: "etc/new.yaml", file: "one"), .putFile(path: "manifests/p.yaml", file: "one"),
            .putRepacked(path: "cri/ball.tar.gz", file: "ball"),
            .putSaved(path: "images/b.tar", image: try! Reference("docker.io/a/b:1")),
            .edit(path: "etc/a.json", remove: [], set: [.init(key: "m.n", value: "w")]),
            .imageList(patterns: ["*"]), layer(&numbers), .remove(paths: ["d"]), .rewrite(path: "etc"),
            .putFile(path: "bin/{arch}/more", file: "one", mode: 0o755), .remove(paths: ["bin/{arch}/t*"]),
            .unpack(path: "u/{os}", file: "ball", members: ["top/o*"], strip: 1),
            .unpack(path: "etc", file: "ball", members: nil, strip: nil),
            .edit(
                path: "etc/c.toml", remove: [],
                set: [
                    .init(key: "plugins.\"a.b\".image", value: "sea.hub:5000/a/b:1"),
                    .init(key: "plugins.n.t", value: "w"),
                ],
                append: [.init(key: "plugins.\"a.b\".list", value: "2", literal: true)]),
            .rewrite(path: "etc/*.yaml"),
        ])
    }

    private static let careful = [
        "COPY . .", "COPY etc .", "COPY etc x", "COPY etc/*.json manifests", "COPY etc/a.json d",
        "CMD echo a,b",
        "ARG A=1", "COPY etc .\nCOPY etc .", "COPY . y", "COPY bin/{arch} bin", "COPY bin/* .", "COPY u .",
    ]

    private static func kubefile(_ from: String, _ numbers: inout BuildNumbers) -> String {
        var lines = ["FROM \(from)"]
        for _ in 0..<Int.random(in: 1...4, using: &numbers) {
            lines.append(
                numbers.isCareful
                    ? numbers.pick(careful)
                    : numbers.pick([
                        "COPY . .", "COPY . .", "COPY etc .", "COPY etc x", "COPY imageList manifests",
                        "COPY d etc",
                        "COPY */*.yaml manifests", "COPY sym .", "COPY sym/a.json .", "COPY nothing .",
                        "COPY etc ../out",
                        "COPY etc", "CMD echo a,b", "ARG A=1", "copy etc/a.json d y",
                        "COPY etc/a.json etc/a.json/b",
                        "COPY d/f1 sym", "COPY etc .\nCOPY etc .", "ENV a=b", "COPY bin/{arch} bin",
                        "COPY ${ARCH}/* .",
                        "COPY bin/${ARCH} .", "COPY u/* .", "COPY u/top/o* etc/",
                    ]))
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
