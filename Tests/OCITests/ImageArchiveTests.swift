// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import OCI

/// Archives that anybody may have made never crash the reader, and never give bytes that do not verify.
@Suite struct ImageArchiveTests {
    static func tar(_ members: [(String, [UInt8])]) -> [UInt8] {
        members.flatMap { name, content -> [UInt8] in
            let header = TarHeader(name: Array(name.utf8), mode: 0o644, size: Int64(content.count))
            return header.encoded() + content
                + [UInt8](repeating: 0, count: TarBlock.padding(after: header.size))
        } + TarBlock.end
    }

    static let layer = tar([("etc/motd", Array("hello".utf8))])
    static let config = Array(
        #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(Digest(of: layer))"]}}"#
            .utf8)
    static var saved: [UInt8] {
        let name = Digest(of: config).hex + ".json"
        let entry = #"[{"Config":"\#(name)","RepoTags":["a:1","b/c:2"],"Layers":["l/layer.tar"]}]"#
        return tar([("manifest.json", Array(entry.utf8)), (name, config), ("l/layer.tar", layer)])
    }

    func image(_ bytes: [UInt8], _ name: String?, as reference: String = "x:9") throws -> ArchivedImage {
        let scratch = try Scratch()
        try scratch.write("a.tar", bytes)
        let archive = try ImageArchive(.dockerArchive, at: scratch("a.tar"), scratch: scratch("unpacked"))
        return try archive.image(name, for: Reference(reference))
    }

    @Test(arguments: [nil, "a:1", "docker.io/library/a:1", "docker.io/b/c:2"]) func itIsFound(name: String?)
        throws
    {
        let image = try image(Self.saved, name)
        let manifest = try image.manifest(image.descriptor)
        guard case .image(let config, let layers) = manifest.content else { return #expect(Bool(false)) }
        #expect(try image.bytes(of: config) == Self.config)
        #expect(try layers.map { try image.bytes(of: $0) } == [Self.layer])
        #expect(
            layers.map(\.digest) == [Digest(of: Self.layer)] && layers[0].mediaType == MediaType.dockerLayer)
    }

    @Test func anotherNameIsToldWhatThereIs() throws {
        let failure = #expect(throws: Failure.self) { try image(Self.saved, "a:2") }
        #expect(failure?.kind == .input && failure?.reason == "it has a:1, b/c:2")
    }

    @Test(arguments: ["gzip", "xz", "bzip2", "zstd"]) func aCompressedTarIsUnpacked(program: String) throws {
        let scratch = try Scratch()
        try scratch.write("a.tar", Self.saved)
        let packed = try tool(program, "-c", scratch("a.tar"))
        let (one, other) = (try image(packed, nil), try image(Self.saved, nil))
        #expect(one.descriptor == other.descriptor)
        #expect(throws: Failure.self) { try image(Array(packed.dropLast(9)), nil) }
    }

    @Test func mutationsNeverCrash() throws {
        var numbers = SeededNumbers(41)
        var refused = 0
        for _ in 0..<300 {
            let bytes = mutated(Self.saved, &numbers)
            do {
                let image = try image(bytes, nil)
                let manifest = try image.manifest(image.descriptor)
                for blob in manifest.children {
                    #expect(Digest(of: try image.bytes(of: blob)) == blob.digest)
                }
            } catch is Failure {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test(
        arguments: [
            ("docker-archive:a.tar", "docker-archive", "a.tar", nil), ("oci:/x/y:v1", "oci", "/x/y", "v1"),
            ("oci-archive:./i.tar:quay.io/a/b:1", "oci-archive", "./i.tar", "quay.io/a/b:1"),
        ] as [(String, String, String, String?)])
    func locationsAreRead(text: String, form: String, path: String, name: String?) throws {
        let location = try ArchiveLocation(text)
        #expect(location.form.rawValue == form && location.path == path && location.name == name)
        #expect(location.description == text)
    }

    @Test(arguments: ["", "oci", "oci:", "dir:x", "docker-daemon:x", "oci:x:", "oci:a\nb", "docker://x"])
    func whatIsNoLocationIsRefused(text: String) {
        #expect(throws: Failure.self) { try ArchiveLocation(text) }
    }
}
