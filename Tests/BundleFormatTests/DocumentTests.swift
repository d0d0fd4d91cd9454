// SPDX-License-Identifier: Apache-2.0
import Foundation
import OCI
import Testing

@testable import BundleFormat

/// The bundle document is read in one pass where it is as it was written, and by the decoder where it is not.
@Suite struct DocumentTests {
    /// A document with everything that a locked image may have.
    static func document() throws -> BundleDocument {
        let fixture = try Fixture(layer: 10)
        var lock = fixture.lock
        let part = Lock.Part(Descriptor(mediaType: MediaType.manifest, of: [2]))
        lock.images[0].others = [
            part, Lock.Part(Descriptor(mediaType: part.mediaType, of: [1], by: .sha512)),
        ]
        lock.images[1].from = ["docker-linux-amd64", "notes"]
        lock.images[2].platforms = []
        return BundleDocument(lock: lock, required: [], spec: fixture.spec, version: 2)
    }

    @Test func asItWasWrittenItIsTheSame() throws {
        let document = try Self.document()
        let text = try StrictJSON.compact(document)
        for room in [0, 9] {
            let (read, isAsWritten) = try BundleDocument.decode(
                text + [UInt8](repeating: UInt8(ascii: " "), count: room), artifact: "test")
            #expect(read == document)
            #expect(isAsWritten)
        }
    }

    @Test(arguments: [
        ("{\"lock\"", "{ \"lock\""), ("\"others\":[{", "\"others\":[ {"), ("sha256:", "sha256\\u003a"),
        ("application/vnd", "application\\/vnd"), ("\"size\":", "\"size\": "),
    ])
    func inAnotherFormItIsTheSameAndSaysSo(plain: String, other: String) throws {
        let document = try Self.document()
        let text = String(decoding: try StrictJSON.compact(document), as: UTF8.self)
        let (read, isAsWritten) = try BundleDocument.decode(
            Array(text.replacing(plain, with: other, maxReplacements: 1).utf8), artifact: "test")
        #expect(read == document)
        #expect(!isAsWritten)
    }

    @Test(arguments: [
        ("\"others\":", "\"other\":", "'lock.images[0].other' is unknown"),
        ("\"platforms\":[", "\"platforms\":[],\"platforms\":[", "is there twice"),
        ("],\"spec\"", "],\"lock\":{},\"spec\"", "is there twice"),
        (
            "\"reference\":\"example.invalid/test/list", "\"reference\":\"example.invalid/test/oci",
            "is there twice"
        ),
        (
            "\"reference\":\"example.invalid/test/list", "\"reference\":\"example.invalid/test/x",
            "not in order"
        ),
        ("manifest.list.v2+json\",\"others\"", "image.layer.v1.tar\",\"others\"", "is no image"),
        ("\"required\":[]", "\"required\":[],\"required\":[]", "is there twice"),
        ("\"images\":[\"", "\"images\":[\"?", "not well formed"),
    ])
    func whatIsWrongIsRefused(plain: String, wrong: String, reason: String) throws {
        let text = String(decoding: try StrictJSON.compact(try Self.document()), as: UTF8.self)
        #expect(text.contains(plain), "the sample has no \(plain)")
        let failure = #expect(throws: Failure.self) {
            try BundleDocument.decode(
                Array(text.replacing(plain, with: wrong, maxReplacements: 1).utf8), artifact: "test")
        }
        #expect(failure?.kind == .data)
        #expect("\(failure as Any)".contains(reason), "\(failure as Any)")
    }

    /// The images are written straight into the index: as an encoder writes their descriptors.
    @Test(arguments: [1, 2]) func theIndexIsThatOfTheEncoder(version: Int) throws {
        let fixture = try Fixture(layer: 10)
        let leader = Descriptor(
            mediaType: MediaType.manifest, digest: Digest(of: []), size: 0, artifactType: FormatName.artifact)
        var index = ImageIndex(annotations: [FormatName.size: "1"], manifests: [leader])
        let text = try IndexText(index, images: fixture.images, version: version).bytes
        for image in fixture.images {
            var top = image.top.descriptor
            top.annotations = [FormatName.imageName: "\(image.reference)"]
            guard var wrapper = image.wrapper?.descriptor else {
                top.annotations?[FormatName.refName] = "\(image.reference)"
                index.manifests.append(top)
                continue
            }
            wrapper.annotations = [FormatName.refName: "\(image.reference)"]
            let name = "\(image.reference.domain)/\(image.reference.repository)@\(wrapper.digest)"
            if version == 2 { wrapper.annotations?[FormatName.imageName] = name }
            index.manifests += [top, wrapper]
        }
        #expect(
            String(decoding: text, as: UTF8.self)
                == String(decoding: try StrictJSON.compact(index), as: UTF8.self))
        #expect(
            fixture.images.contains { $0.wrapper != nil } && fixture.images.contains { $0.wrapper == nil })
    }
}
