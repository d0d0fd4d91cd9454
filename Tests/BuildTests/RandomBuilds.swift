// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Sealer
import Spec
import TestSupport

@testable import Build

/// Numbers that decide on a build.
struct BuildNumbers: RandomNumberGenerator {
    private var numbers: SeededNumbers
    /// Whether mistakes are made rarely: of two seeds one.
    let isCareful: Bool

    init(_ seed: UInt64) {
        numbers = SeededNumbers(seed)
        isCareful = seed % 2 == 0
    }

    mutating func next() -> UInt64 { numbers.next() }

    /// Whether something with `chance` of 100 happens.
    mutating func happens(_ chance: Int) -> Bool { Int.random(in: 0..<100, using: &self) < chance }
    /// Whether a mistake of that chance is made.
    mutating func errs(_ chance: Int) -> Bool { !isCareful && happens(chance) }
    mutating func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &self)! }
}

/// Blobs in memory.
final class MemoryContent: ContentSource {
    private let blobs: [Digest: [UInt8]]

    init(_ blobs: [Digest: [UInt8]]) { self.blobs = blobs }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let bytes = blobs[descriptor.digest] else {
            throw Failure(.input, "read", "\(descriptor.digest)", because: "it is not there")
        }
        return VerifyingStream(MemoryStream(bytes), descriptor: descriptor, artifact: "\(descriptor.digest)")
    }
}

/// A random base, spec and images; about half of them hold a mistake.
struct RandomBuild {
    var spec: Spec
    var base: SealerImage
    var layers: [(id: Digest, blob: Descriptor)]
    var inputs: BuildInputs
    static let platform = try! Platform("linux/amd64")
    static let baseName = try! Reference("example.org/t/base:1")

    init(seed: UInt64) throws {
        var numbers = BuildNumbers(seed)
        let tars = (0..<Int.random(in: 1...3, using: &numbers)).map { RandomLayer.tar($0, &numbers) }
        let lies = numbers.errs(2)
        let tarball = RandomLayer.tarball(&numbers)
        try self.init(layers: tars, tarball: tarball, builds: RandomSpec.builds(&numbers))
        if lies { layers[0].id = Digest(of: [9]) }
    }

    /// A base of these layers, and what is built from it with the file `one`, which names an image, and `tarball`.
    init(
        layers tars: [[UInt8]], file content: [UInt8] = Array("image: a/b:1\n".utf8), tarball: [UInt8],
        builds: [Spec.Build]
    ) throws {
        var blobs: [Digest: [UInt8]] = [:]
        func add(_ bytes: [UInt8], _ type: String) -> Descriptor {
            let descriptor = Descriptor(mediaType: type, of: bytes)
            blobs[descriptor.digest] = bytes
            return descriptor
        }
        layers = tars.map { (Digest(of: $0), add($0, MediaType.dockerLayer)) }
        var base = SealerImage()
        base.name = Self.baseName.description
        base.sealerVersion = SealerImage.writtenVersion
        base.platform = .init(Self.platform)
        for layer in layers { base.layers.append(.init(id: layer.id, type: "COPY", value: "l .")) }
        self.base = base.identified()
        let images = try ["docker.io/a/b:1", "quay.io/c/d:2"].map { name -> RegistryImage in
            let tar = [UInt8](repeating: UInt8(name.utf8.count), count: 1024)
            let layer = add(tar, MediaType.dockerLayer)
            let config = add(
                Array(
                    #"{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["\#(Digest(of: tar))"]}}"#
                        .utf8),
                MediaType.dockerConfig)
            let text =
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerManifest)","config":\#(Self.json(config)),"layers":[\#(Self.json(layer))]}"#
            return try RegistryImage(
                reference: Reference(name),
                manifests: [Manifest(parsing: Array(text.utf8), type: nil, artifact: name)])
        }
        let file = add(content, MediaType.octets)
        let tarball = add(tarball, MediaType.octets)
        spec = Spec(
            name: "x", platforms: [Self.platform],
            base: .init(
                image: Self.baseName,
                layers: ["root": .init(holds: "etc/a.json"), "top": .init(holds: "d/f1")]),
            files: ["one": .init(urls: ["http://x/one"]), "ball": .init(urls: ["http://x/ball.tgz"])],
            images: images.map(\.reference), builds: builds)
        inputs = BuildInputs(
            spec: spec, platform: Self.platform,
            files: [
                "one": .init(descriptor: file, url: "http://x/one"),
                "ball": .init(descriptor: tarball, url: "http://x/ball.tgz"),
            ], images: images, content: MemoryContent(blobs))
    }

    /// The builds in words, for a failure.
    var text: String {
        spec.builds.map {
            "\($0.tag.path)\n  \($0.context.map { "\($0)" }.joined(separator: "\n  "))\n\($0.kubefile)"
        }
        .joined(separator: "\n")
    }

    /// The same base and files under other builds.
    func with(_ builds: [Spec.Build]) -> RandomBuild {
        var other = self
        other.spec.builds = builds
        other.inputs.spec.builds = builds
        return other
    }

    /// What is left of the builds when all is taken away without which `holds` still holds: a step, a line, a build.
    func shrunk(while holds: (RandomBuild) throws -> Bool) rethrows -> RandomBuild {
        var smallest = self
        search: while true {
            for builds in smallest.spec.builds.smaller {
                let candidate = smallest.with(builds)
                if try holds(candidate) {
                    smallest = candidate
                    continue search
                }
            }
            return smallest
        }
    }

    private static func json(_ blob: Descriptor) -> String {
        #"{"mediaType":"\#(blob.mediaType)","digest":"\#(blob.digest)","size":\#(blob.size)}"#
    }
}

extension [Spec.Build] {
    /// The builds without one of them, without a step or without a line of a Kubefile.
    var smaller: [[Spec.Build]] {
        var found: [[Spec.Build]] = []
        for (number, build) in enumerated() {
            var without = self
            without.remove(at: number)
            if !without.isEmpty { found.append(without) }
            for step in build.context.indices {
                var less = self
                less[number].context.remove(at: step)
                found.append(less)
            }
            let lines = build.kubefile.split(separator: "\n")
            for line in lines.indices.dropFirst() {
                var less = self
                var kept = lines
                kept.remove(at: line)
                less[number].kubefile = kept.joined(separator: "\n") + "\n"
                found.append(less)
            }
        }
        return found
    }
}

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

/// Builds of a few steps and instructions.
enum RandomSpec {
    private static let paths = [
        "etc/a.json", "etc/b.yaml", "etc", "d/f1", "d", "new/x", "sym/x", "sym", "imageList",
        "manifests/p.yaml",
        "Kubefile", "etc/b.yaml/x", String(repeating: "n", count: 255), "charts/c/values.yaml",
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
            role: numbers.pick(["root", "root", "root", "top"]),
            paths: numbers.happens(75) ? nil : [numbers.pick(["etc", "etc/*.json", "d", "nothing", "sym"])])
    }

    private static func step(_ numbers: inout BuildNumbers) -> Spec.Step {
        if numbers.isCareful { return carefulStep(&numbers) }
        let path = numbers.pick(paths)
        switch Int.random(in: 0..<9, using: &numbers) {
        case 0: return layer(&numbers)
        case 1: return .putFile(path: path, file: "one")
        case 2: return .putRepacked(path: path, file: "ball")
        case 3: return .putSaved(path: path, image: try! Reference("docker.io/a/b:1"))
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

    private static func carefulStep(_ numbers: inout BuildNumbers) -> Spec.Step {
        numbers.pick([
            .putFile(path: "etc/new.yaml", file: "one"), .putFile(path: "manifests/p.yaml", file: "one"),
            .putRepacked(path: "cri/ball.tar.gz", file: "ball"),
            .putSaved(path: "images/b.tar", image: try! Reference("docker.io/a/b:1")),
            .edit(path: "etc/a.json", remove: [], set: [.init(key: "m.n", value: "w")]),
            .imageList(patterns: ["*"]), layer(&numbers), .remove(paths: ["d"]), .rewrite(path: "etc"),
        ])
    }

    private static let careful = [
        "COPY . .", "COPY etc .", "COPY etc x", "COPY etc/*.json manifests", "COPY etc/a.json d",
        "CMD echo a,b",
        "ARG A=1", "COPY etc .\nCOPY etc .", "COPY . y",
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
                        "COPY d/f1 sym", "COPY etc .\nCOPY etc .", "ENV a=b",
                    ]))
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
