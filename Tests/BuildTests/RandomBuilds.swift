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
                layers: [
                    "root": .init(holds: "etc/a.json"), "top": .init(holds: "d/f1"),
                    "arch": .init(holds: "bin/{arch}/t*"),
                ]),
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
        other.inputs.spec = other.spec.filled(for: Self.platform)
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
