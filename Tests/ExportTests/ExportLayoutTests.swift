// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import TestSupport
import Testing

@testable import Export

/// Blobs in memory, verified as they are read.
private struct MemoryContent: ContentSource {
    private(set) var blobs: [Digest: [UInt8]] = [:]

    mutating func add(_ bytes: [UInt8], _ type: String = MediaType.octets) -> Descriptor {
        let descriptor = Descriptor(mediaType: type, of: bytes)
        blobs[descriptor.digest] = bytes
        return descriptor
    }

    mutating func forget(_ digest: Digest) { blobs[digest] = nil }

    mutating func damage(_ digest: Digest) { blobs[digest]?[0] ^= 1 }

    func open(_ descriptor: Descriptor) throws(Failure) -> any ByteStream {
        guard let bytes = blobs[descriptor.digest] else {
            throw Failure(.input, "open", "\(descriptor.digest)", because: "it is not here")
        }
        return VerifyingStream(MemoryStream(bytes), descriptor: descriptor, artifact: "\(descriptor.digest)")
    }

    private static func text(_ descriptor: Descriptor) throws -> String {
        String(decoding: try JSONEncoder().encode(descriptor), as: UTF8.self)
    }

    mutating func image(_ word: String, docker: Bool = false, architecture: String? = "amd64") throws
        -> Descriptor
    {
        let platform = architecture.map { "\"architecture\":\"\($0)\",\"os\":\"linux\"," } ?? ""
        let config = add(
            Array("{\(platform)\"x\":\"\(word)\"}".utf8), docker ? MediaType.dockerConfig : MediaType.config)
        let layer = add(
            Array(word.utf8), docker ? MediaType.dockerLayer : "application/vnd.oci.image.layer.v1.tar")
        let type = docker ? MediaType.dockerManifest : MediaType.manifest
        return add(
            Array(
                "{\"schemaVersion\":2,\"mediaType\":\"\(type)\",\"config\":\(try Self.text(config)),\"layers\":[\(try Self.text(layer))]}"
                    .utf8), type)
    }

    mutating func index(_ parts: [(Descriptor, String)], docker: Bool = false) throws -> Descriptor {
        let entries = try parts.map { descriptor, architecture in
            var descriptor = descriptor
            descriptor.platform = PlatformFields(Platform(os: "linux", architecture: architecture))
            return try Self.text(descriptor)
        }
        let type = docker ? MediaType.dockerList : MediaType.index
        return add(
            Array(
                "{\"schemaVersion\":2,\"mediaType\":\"\(type)\",\"manifests\":[\(entries.joined(separator: ","))]}"
                    .utf8),
            type)
    }
}

private func named(_ name: String, _ descriptor: Descriptor) throws -> NamedImage {
    NamedImage(reference: try Reference(name), descriptor: descriptor)
}

/// Image layouts before they are written: what the index says, and which blobs they hold.
@Suite struct ExportLayoutTests {
    private struct Index: Decodable {
        struct Entry: Decodable { var mediaType: String, digest: String, annotations: [String: String]? }
        var manifests: [Entry]
    }

    private func index(_ layout: ExportedLayout) throws -> [Index.Entry] {
        try JSONDecoder().decode(Index.self, from: Data(layout.index)).manifests
    }

    private static let name = "org.opencontainers.image.ref.name"
    private static let full = "io.containerd.image.name"

    @Test(arguments: [true, false]) func oneImageHasOneDescriptor(docker: Bool) throws {
        var content = MemoryContent()
        let image = try content.image("one", docker: docker)
        let layout = try ExportedLayout([named("a.io/b:1", image)], from: content)
        let entries = try index(layout)
        #expect(entries.map(\.digest) == ["\(image.digest)"] && layout.made.isEmpty)
        #expect(entries[0].annotations == [Self.name: "a.io/b:1", Self.full: "a.io/b:1"])
        #expect(layout.blobs.map(\.digest).first == image.digest && layout.blobs.count == 3)
    }

    /// Readers pass over docker's types in an index, so each such image has an OCI index besides; no two names are equal.
    @Test func ofSeveralEachDockerImageHasASecondDescriptor() throws {
        var content = MemoryContent()
        let (one, two) = (try content.image("one", docker: true), try content.image("two"))
        let both = try content.index(
            [(content.image("amd", docker: true), "amd64"), (content.image("arm", docker: true), "arm64")],
            docker: true)
        let layout = try ExportedLayout(
            [named("a.io/one:1", one), named("a.io/two:1", two), named("a.io/both:1", both)], from: content)
        let entries = try index(layout)
        #expect(entries.count == 5 && layout.made.count == 2)
        #expect(
            entries.compactMap { $0.annotations?[Self.name] }.sorted() == [
                "a.io/both:1", "a.io/one:1", "a.io/two:1",
            ])
        let names = entries.compactMap { $0.annotations?[Self.full] }
        #expect(names.count == 5 && Set(names).count == 5)
        for (descriptor, bytes) in layout.made {
            #expect(Digest(of: bytes) == descriptor.digest && descriptor.mediaType == MediaType.index)
        }
        let wrapped = try Manifest(parsing: layout.made[0].1, type: MediaType.index, artifact: "wrapper")
            .children
        #expect(wrapped.map(\.digest) == [one.digest])
        #expect(wrapped.map { $0.platform?.named?.description } == ["linux/amd64"], "as its config says")
        let inner = try Manifest(parsing: layout.made[1].1, type: MediaType.index, artifact: "wrapper")
            .children
        #expect(inner.map { $0.platform?.named?.description } == ["linux/amd64", "linux/arm64"])
    }

    @Test func sharedBlobsAreThereOnceAndWhatIsNotCarriedIsPassedOver() throws {
        var content = MemoryContent()
        let (amd, arm) = (try content.image("one"), try content.image("two", architecture: "arm64"))
        let index = try content.index([(amd, "amd64"), (arm, "arm64")])
        content.forget(arm.digest)
        let layout = try ExportedLayout([named("a.io/b:1", index), named("a.io/c:1", amd)], from: content)
        let digests = layout.blobs.map(\.digest)
        #expect(digests.count == Set(digests).count && digests.count == 4)
        #expect(digests[0] == index.digest && digests[1] == amd.digest, "manifests before what they name")
        #expect(!digests.contains(arm.digest))
        #expect(layout.algorithms == [.sha256])
        content.damage(amd.digest)
        #expect(throws: Failure.self) { try ExportedLayout([named("a.io/b:1", index)], from: content) }
    }
}

/// Exports to places of every kind.
@Suite struct ImageExporterTests {
    private static let amd64 = try! Platform("linux/amd64")
    private static let arm64 = try! Platform("linux/arm64")

    private func blobs(_ folder: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder + "/blobs/sha256"))
    }

    @Test func aPlatformNarrowsWhatIsTaken() throws {
        var content = MemoryContent()
        let (amd, arm) = (try content.image("one"), try content.image("two", architecture: "arm64"))
        let index = try content.index([(amd, "amd64"), (arm, "arm64")])
        let artifact = try content.image("artifact", architecture: nil)
        let images = [try named("a.io/b:1", index), try named("a.io/c:1", artifact)]
        let scratch = try Scratch()
        try ImageExporter.ociFolder(images, platform: Self.arm64, from: content, to: scratch("arm"))
        #expect(try blobs(scratch("arm")).contains(arm.digest.hex))
        #expect(try blobs(scratch("arm")).isDisjoint(with: [index.digest.hex, amd.digest.hex]))
        #expect(
            try blobs(scratch("arm")).contains(artifact.digest.hex),
            "what is for no platform is taken as it is")
        #expect(try scratch.bytes("arm/oci-layout") == Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        for (digest, bytes) in content.blobs where try blobs(scratch("arm")).contains(digest.hex) {
            #expect(try scratch.bytes("arm/blobs/sha256/\(digest.hex)") == bytes)
        }
        let failure = #expect(throws: Failure.self) {
            try ImageExporter.ociFolder(
                images, platform: Platform("linux/s390x"), from: content, to: scratch("none"))
        }
        #expect(
            failure?.kind == .input && failure?.reason.contains("only for linux/amd64, linux/arm64") == true)
        content.forget(arm.digest)
        let gone = #expect(throws: Failure.self) {
            try ImageExporter.ociArchive(images, platform: Self.arm64, from: content, to: scratch("none"))
        }
        #expect(gone?.kind == .input && gone?.reason.contains("only for linux/amd64") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["arm"])
    }

    @Test func aFailureLeavesNothingAndTakesNothing() throws {
        var content = MemoryContent()
        let image = try content.image("one")
        let layer = try content.manifest(image).children[1]
        content.damage(layer.digest)
        let images = [try named("a.io/b:1", image)]
        let scratch = try Scratch()
        try scratch.write("file", "before")
        #expect(throws: Failure.self) {
            try ImageExporter.ociArchive(images, from: content, to: scratch("file"))
        }
        #expect(throws: Failure.self) {
            try ImageExporter.ociFolder(images, from: content, to: scratch("folder/"))
        }
        #expect(throws: Failure.self) {
            try ImageExporter.file(
                NamedFile(name: "l", digest: layer.digest, size: layer.size), from: content, to: scratch("l"))
        }
        for taken in ["file", "full"] {
            if taken == "full" { try scratch.write("full/x", "x") }
            let failure = #expect(throws: Failure.self) {
                try ImageExporter.ociFolder(images, from: content, to: scratch(taken))
            }
            #expect(failure?.kind == .space, "\(taken)")
        }
        #expect(try scratch.bytes("file") == Array("before".utf8))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["file", "full"])
    }

    @Test func filesKeepWhetherTheyAreProgramsAndDevicesStay() throws {
        var content = MemoryContent()
        let blob = content.add(Array("#!/bin/sh\n".utf8))
        let scratch = try Scratch()
        for isProgram in [true, false] {
            var seen: [Int64] = []
            try ImageExporter.file(
                NamedFile(name: "f", digest: blob.digest, size: blob.size, isExecutable: isProgram),
                from: content,
                to: scratch("f")
            ) { seen.append($0) }
            #expect(FileManager.default.isExecutableFile(atPath: scratch("f")) == isProgram)
            #expect(seen.last == blob.size)
        }
        try ImageExporter.file(
            NamedFile(name: "f", digest: blob.digest, size: blob.size), from: content, to: "/dev/null")
        let attributes = try FileManager.default.attributesOfItem(atPath: "/dev/null")
        #expect(attributes[.type] as? FileAttributeType == .typeCharacterSpecial)
    }
}
